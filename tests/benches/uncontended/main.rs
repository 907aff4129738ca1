//! Benchmark of locks without contention: lock and release of distinct resources on local servers.
//!
//! `cargo bench -p redlock-benches --bench uncontended -- [--quick] [SECTION ...]`
//!
//! - `tables`, the default: all contenders on three and five nodes, and with a node hung or dead
//! - `nodes`: one to nine nodes
//! - `delay`: round trips of 1, 20 and 100 ms
//! - `fsync`: servers with `appendfsync always`, with `everysec`, and without a log
//! - `others`: advisory locks of PostgreSQL and locks of etcd, where they are installed
//!
//! It compares this crate with and without fencing tokens, `rslock`, the client library alone, and
//! the limit, which is a raw client of one thread. With `--publish`, the section `tables` also draws
//! the chart of the documentation, and `tables`, `nodes` and `others` print the tables of the guide.
//!
//! Every figure is the median of several rounds in which all contenders take turns, because the
//! machine also does other work. Every ratio is the median of the ratios of each round. Read the
//! ratios: absolute figures are those of one machine, on which clients and servers share the CPU.

mod delay;
mod faulty;
mod fsync;
mod goals;
mod guide;
mod healthy;
mod lineup;
mod nodes;
mod others;
mod picture;
mod tables;

use redlock_benches::{Args, Contender, Goal, Json, Meter, Results, file, machine};
use redlock_tests::{Server, Servers};

use crate::lineup::Runtimes;

fn main() {
    let (args, mut sections) =
        Args::with_sections(&["tables", "nodes", "delay", "fsync", "others"]);
    if sections.is_empty() {
        sections.push("tables");
    }
    let version = Meter::new(&[Server::start().url()]).version();
    let cores = machine::cores();
    let machine = format!("{version}, {cores} cores shared by the client and all servers");
    println!("{machine}\n{}", machine::libraries());
    println!("load average at the start: {}", machine::load_average());
    if args.quick {
        println!("quick run: the figures are meaningless");
    }
    let runtimes = Runtimes::new();
    for section in sections {
        let (results, goals) = match section {
            "nodes" => (nodes::run(&runtimes, args), Vec::new()),
            "delay" => (delay::run(&runtimes, args), Vec::new()),
            "fsync" => (fsync::run(&runtimes, args), Vec::new()),
            "others" => (others::run(&runtimes, args), Vec::new()),
            _ => tables(&runtimes, args, &machine),
        };
        let json = Json::object([
            ("machine", Json::from(machine.as_str())),
            ("libraries", machine::libraries().as_str().into()),
            ("load_average", machine::load_average().as_str().into()),
            ("late_releases", (Contender::late_releases() as f64).into()),
            ("quick", args.quick.into()),
            (
                "goals",
                Json::Array(goals.iter().map(Goal::to_json).collect()),
            ),
            ("cases", results.to_json()),
        ]);
        println!("\nload average at the end: {}", machine::load_average());
        println!("late releases so far: {}", Contender::late_releases());
        file::keep(&format!("uncontended-{section}.json"), &json.to_string());
    }
}

/// Measures and prints the section `tables`, and draws the chart.
fn tables(runtimes: &Runtimes, args: Args, machine: &str) -> (Results, Vec<Goal>) {
    let mut results = Results::default();
    let servers = Servers::start(5);
    let urls = servers.urls();
    for (urls, nodes) in [(&urls[..3], healthy::THREE), (&urls, healthy::FIVE)] {
        healthy::run(&mut results, urls, nodes, runtimes, args);
    }
    let faulty = faulty::run(&mut results, &servers, args);
    runtimes.threads.block_on(faulty);
    tables::print(&results);
    let goals = goals::all(&results);
    Goal::print(&goals);
    let picture = picture::draw(&results, machine).to_string();
    file::keep("uncontended.svg", &picture);
    if args.publish {
        file::publish("throughput.svg", &picture);
        guide::print(&results);
    }
    (results, goals)
}
