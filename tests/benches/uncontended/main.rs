//! Benchmark of locks without contention: lock and release of distinct resources on local servers.
//!
//! `cargo bench -p redlock-benches --bench uncontended` runs it. `-- --quick` takes some seconds.
//!
//! It compares this crate with and without fencing tokens, `rslock`, and the client library alone,
//! which is the lower bound to measure against.
//!
//! Every figure is the median of several rounds in which all contenders take turns, because the
//! machine also does other work. Every ratio is the median of the ratios of each round. Read the
//! ratios: absolute figures are those of one machine, on which clients and servers share the CPU.

mod faulty;
mod goals;
mod healthy;
mod picture;
mod tables;

use redlock_benches::{Args, Goal, Json, Meter, Results, file};
use redlock_tests::Servers;

#[tokio::main]
async fn main() {
    let args = Args::from_env();
    let servers = Servers::start(5);
    let version = Meter::new(&servers.urls()[..1]).version();
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let machine = format!("{version}, {cores} cores shared by the client and all servers");

    let mut results = Results::default();
    healthy::run(&mut results, &servers.urls()[..3], healthy::THREE, args).await;
    healthy::run(&mut results, &servers.urls(), healthy::FIVE, args).await;
    faulty::run(&mut results, &servers, args).await;

    println!("{machine}");
    if args.quick {
        println!("quick run: the figures are meaningless");
    }
    tables::print(&results);
    let goals = goals::all(&results);
    Goal::print(&goals);
    println!();

    let json = Json::object([
        ("machine", Json::from(machine.as_str())),
        ("quick", args.quick.into()),
        (
            "goals",
            Json::Array(goals.iter().map(Goal::to_json).collect()),
        ),
        ("cases", results.to_json()),
    ]);
    file::keep("uncontended.json", &json.to_string());
    let picture = picture::draw(&results, &machine).to_string();
    file::keep("uncontended.svg", &picture);
    if args.publish {
        file::publish("throughput.svg", &picture);
    }
}
