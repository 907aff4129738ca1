//! Benchmark of the command `redlock run`: what it adds to a child, with five servers on this machine.
//!
//! `cargo build --release -p redlock --features cli,tls-rustls` builds the command.
//! `cargo bench -p redlock-benches --bench run` measures it. `-- 500` sets another number of runs, and
//! `-- --quick` takes some seconds. The variable `REDLOCK` names another program.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use redlock_benches::{Args, Goal, Sample, machine};
use redlock_tests::Servers;

fn main() {
    let args = Args::from_env();
    let runs = args.number.unwrap_or_else(|| args.pick(20, 200));
    let redlock = program();
    println!("load average at the start: {}", machine::load_average());
    let servers = Servers::start(5);
    let urls = servers.urls().join(",");
    let added = |case: &str| {
        let (mut bare, mut locked) = (Vec::new(), Vec::new());
        // In turn, so that other load on the machine is the same for both.
        for run in 0..runs {
            bare.push(milliseconds(&mut Command::new("true")));
            let mut command = Command::new(&redlock);
            command.env("REDLOCK_NODES", &urls);
            let name = format!("bench:{run}");
            locked.push(milliseconds(command.args(["run", &name, "--", "true"])));
        }
        let bare: Sample = bare.into_iter().collect();
        let locked: Sample = locked.into_iter().collect();
        let added = locked.median() - bare.median();
        println!(
            "{case:<14} true {:.1} ms, under redlock run {:.1} ms, p90 {:.1} ms: {added:.1} ms more",
            bare.median(),
            locked.median(),
            locked.percentile(90),
        );
        added
    };
    // New servers wait until all of them have been seen once.
    milliseconds(
        Command::new(&redlock)
            .env("REDLOCK_NODES", &urls)
            .args(["run", "first", "--", "true"]),
    );
    let healthy = added("all healthy");
    servers[2].pause();
    let hung = added("one of 5 hung");
    servers[2].resume();
    let goal = |case, figure| Goal::at_most(format!("added, {case}"), figure, GOAL, "ms");
    Goal::print(&[goal("all healthy", healthy), goal("one of five hung", hung)]);
}

/// Runs a command, and returns how long it took.
fn milliseconds(command: &mut Command) -> f64 {
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).status();
    let taken = start.elapsed().as_secs_f64() * 1e3;
    let status = status.expect("the command has been built");
    assert!(status.success(), "{command:?}: {status}");
    taken
}

/// Returns the program: the one that was built in the same directory as this benchmark.
fn program() -> PathBuf {
    env::var_os("REDLOCK").map_or_else(
        || {
            let benchmark = env::current_exe().expect("a path of this benchmark");
            let built = benchmark.ancestors().nth(2).map(Path::to_owned);
            built.unwrap_or_default().join("redlock")
        },
        PathBuf::from,
    )
}

/// The limit of what `redlock run` may add.
const GOAL: f64 = 10.0;
