//! Measurements over a network with a delay.

use std::time::Duration;

use deadpool_redis::redis::{Client, cmd};
use redlock_benches::{Args, Case, DelayProxy, Load, Outcome, Results, Sample};
use redlock_tests::{Server, Servers};

use crate::lineup::{FENCED, RAW, RAW_FENCED, Runtimes, UNFENCED, limit_of};
use crate::{healthy, tables};

/// The round trips, in milliseconds.
const ROUND_TRIPS: [(u64, &str); 3] = [(1, "1 ms"), (20, "20 ms"), (100, "100 ms")];

const TASKS: [usize; 3] = [1, 64, 512];

const WHO: [&str; 4] = [UNFENCED, FENCED, RAW, RAW_FENCED];

/// Measures all delays, and prints the results.
pub(crate) fn run(runtimes: &Runtimes, args: Args) -> Results {
    let servers = Servers::start(5);
    let mut results = Results::default();
    println!("\n5 nodes behind a proxy that delays: round trips of PING (median, p99)");
    for (millis, nodes) in ROUND_TRIPS {
        let one_way = Duration::from_micros(millis * 1000 / 2);
        let proxy = DelayProxy::start(servers.iter().map(Server::port), one_way);
        let (median, p99) = ping(&proxy.urls()[0]);
        println!("  {nodes:<8}{median:>10.3} ms{p99:>10.3} ms");
        let runners = runtimes.connect(&WHO, proxy.urls());
        let rounds = args.pick(2, 5);
        let case = (nodes, &TASKS[..]);
        healthy::turns(
            &mut results,
            case,
            runners,
            &servers.urls(),
            rounds,
            |tasks| load(tasks, millis, args),
        );
    }
    print(&results);
    results
}

/// Returns a load of about a second, if the network is what limits it.
fn load(tasks: usize, millis: u64, args: Args) -> Load {
    // A lock takes two round trips.
    let in_a_second = usize::try_from(500 / millis).expect("a small number");
    let each = args.pick(2, in_a_second.clamp(5, 16_384 / tasks));
    let locks = tasks * each;
    Load { tasks, locks }
}

/// Returns the median and the 99th percentile of round trips, in milliseconds.
fn ping(url: &str) -> (f64, f64) {
    let client = Client::open(url).expect("a URL");
    let mut connection = client.get_connection().expect("a server");
    let pings = (0..100).map(|_| {
        let start = std::time::Instant::now();
        let response: String = cmd("PING").query(&mut connection).expect("a response");
        assert_eq!(response, "PONG");
        start.elapsed().as_secs_f64() * 1e3
    });
    let pings: Sample = pings.collect();
    (pings.median(), pings.percentile(99))
}

fn print(results: &Results) {
    println!("\ntime for one lock (× limit)");
    table(|case| {
        let median = results.median(case, latency) / 1e3;
        format!(
            "{median:.2} ms ({:.2})",
            results.ratio(case, limit(case), latency)
        )
    });
    println!("\nlocks per second (× limit)");
    table(|case| {
        let median = results.median(case, rate);
        format!(
            "{median:.0} ({:.2})",
            results.ratio(case, limit(case), rate)
        )
    });
}

fn table(cell: impl Fn(Case) -> String) {
    for (_, nodes) in ROUND_TRIPS {
        print!("  {nodes:<20}");
        for tasks in TASKS {
            print!("{:>20}", tables::heading(tasks));
        }
        println!();
        for who in WHO {
            print!("  {who:<20}");
            for tasks in TASKS {
                print!("{:>20}", cell(Case { nodes, who, tasks }));
            }
            println!();
        }
    }
}

fn limit(case: Case) -> Case {
    let who = limit_of(case.who);
    Case { who, ..case }
}

fn rate(outcome: &Outcome) -> f64 {
    outcome.rate
}

fn latency(outcome: &Outcome) -> f64 {
    outcome.latency
}
