//! The price of a log that is on disk before the server responds.

use std::env;
use std::io::Write;
use std::time::Instant;

use redlock_benches::{Args, Case, Load, Meter, Outcome, Results, Runner, Sample};
use redlock_tests::{Server, Servers};

use crate::lineup::{FENCED, RSLOCK, Runtimes, UNFENCED};
use crate::tables;

const NO_LOG: &str = "appendonly no";
const EVERY_SECOND: &str = "appendfsync everysec";
const ALWAYS: &str = "appendfsync always";

const LOGS: [&str; 3] = [NO_LOG, EVERY_SECOND, ALWAYS];

const WHO: [&str; 3] = [UNFENCED, FENCED, RSLOCK];

const TASKS: [usize; 3] = [1, 64, 512];

/// Measures all settings, in turns, and prints the results.
pub(crate) fn run(runtimes: &Runtimes, args: Args) -> Results {
    let mut results = Results::default();
    let mut sites: Vec<_> = LOGS.map(|log| Site::open(log, runtimes)).into();
    for site in &mut sites {
        site.run(&mut Results::default(), args);
    }
    let mut syncs = Vec::new();
    for _ in 0..args.pick(2, 7) {
        for site in &mut sites {
            site.run(&mut results, args);
            syncs.extend(sync());
        }
        sites.rotate_left(1);
    }
    print(&results, &syncs.into_iter().collect());
    results
}

/// Five servers with one setting, and their contenders.
struct Site {
    log: &'static str,
    runners: Vec<(&'static str, Runner)>,
    meter: Meter,
    _servers: Servers,
}

impl Site {
    fn open(log: &'static str, runtimes: &Runtimes) -> Self {
        let builder = match log.strip_prefix("appendfsync ") {
            None => Server::builder(),
            Some(policy) => Server::builder()
                .arg("--appendonly", "yes")
                .arg("--appendfsync", policy),
        };
        let servers = Servers::start_each(std::iter::repeat_n(builder, 5));
        let urls = servers.urls();
        Self {
            log,
            runners: runtimes.connect(&WHO, &urls),
            meter: Meter::new(&urls),
            _servers: servers,
        }
    }

    fn run(&mut self, results: &mut Results, args: Args) {
        for tasks in TASKS {
            let locks = if tasks == 1 {
                args.pick(20, 200)
            } else {
                args.pick(1024, 4096)
            };
            for &mut (who, ref mut runner) in &mut self.runners {
                let outcome = runner.run(Load { tasks, locks }, &self.meter);
                let nodes = self.log;
                results.add(Case { nodes, who, tasks }, outcome);
            }
        }
        self.runners.rotate_left(1);
    }
}

/// Returns the times of some small writes to disk, in milliseconds. Other work on the disk changes
/// them by far, so they are measured in each round.
fn sync() -> Vec<f64> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    let times = (0..20).map(|_| {
        let start = Instant::now();
        file.write_all(&[b'x'; 100]).expect("room on the disk");
        file.sync_data().expect("a disk that can sync");
        start.elapsed().as_secs_f64() * 1e3
    });
    times.collect()
}

fn print(results: &Results, syncs: &Sample) {
    println!(
        "\n5 nodes that share the disk of {}",
        env::temp_dir().display()
    );
    let [low, median, high] = [10, 50, 90].map(|percent| syncs.percentile(percent));
    println!(
        "fdatasync of 100 bytes: median {median:.2} ms, {low:.2} to {high:.2} ms in four of five"
    );
    println!("\ntime for one lock, median (× {NO_LOG})");
    table(
        results,
        |it| it.latency / 1e3,
        |time| format!("{time:.2} ms"),
    );
    println!("\nlocks per second (× {NO_LOG})");
    table(results, |it| it.rate, |rate| format!("{rate:.0}"));
}

fn table(results: &Results, figure: fn(&Outcome) -> f64, text: impl Fn(f64) -> String) {
    print!("  {:<20}{:<22}", "", "");
    for tasks in TASKS {
        print!("{:>20}", tables::heading(tasks));
    }
    println!();
    for who in WHO {
        for nodes in LOGS {
            print!("  {who:<20}{nodes:<22}");
            for tasks in TASKS {
                let case = |nodes| Case { nodes, who, tasks };
                let median = text(results.median(case(nodes), figure));
                let ratio = results.ratio(case(nodes), case(NO_LOG), figure);
                print!("{:>20}", format!("{median} ({ratio:.2})"));
            }
            println!();
        }
    }
}
