//! The verb `run` and the processes that its command leaves behind.

use std::time::{Duration, SystemTime};

use redlock_tests::{Servers, eventually};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use super::command::{Ran, Started, TIMEOUT, redlock_on};

/// Whether a process exists.
pub(crate) fn is_alive(pid: &str) -> bool {
    test_kill_process(parse(pid)).is_ok()
}

fn parse(pid: &str) -> Pid {
    Pid::from_raw(pid.parse().unwrap()).unwrap()
}

/// Starts a script under the lock "a".
fn start(servers: &Servers, options: &[&str], script: &str) -> Started {
    let mut command = redlock_on(servers);
    command.arg("run").args(options);
    Started::new(command.args(["a", "--", "sh", "-c", script]))
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lost_lock_ends_a_process_that_has_left_the_group() {
    let servers = Servers::start(3);
    for grace in ["--grace=20s", "--grace=200ms"] {
        let script = format!("echo $REDLOCK_LEASE_ID; {DAEMON}; exec sleep 300");
        let mut running = start(&servers, &[grace], &script);
        let (key, daemon) = (running.line(), running.line());
        assert!(is_alive(&daemon));
        Ran::on(&servers, ["unlock", "a", &key]).expect(0);
        running.finish().expect(114);
        eventually("ended", TIMEOUT, || !is_alive(&daemon)).await;
    }
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn the_lock_is_kept_until_the_last_process_has_ended() {
    let servers = Servers::start(3);
    // Those of a daemon are only known on Linux.
    let daemon = cfg!(target_os = "linux").then_some(DAEMON);
    for worker in [Some(WORKER), daemon].into_iter().flatten() {
        let mut running = start(&servers, &[], &format!("{worker}; echo $$; exit 7"));
        let (worker, command) = (running.line(), running.line());
        eventually("ended", TIMEOUT, || !is_alive(&command)).await;
        Ran::on(&servers, ["run", "--wait=0", "a", "--", "true"]).expect(112);
        assert!(running.is_running());
        kill_process(parse(&worker), Signal::KILL).unwrap();
        running.finish().expect(7);
        Ran::on(&servers, ["run", "--wait=0", "a", "--", "true"]).expect(0);
    }
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn processes_can_be_left_behind() {
    let servers = Servers::start(3);
    let mut running = start(&servers, &["--leave-descendants"], WORKER);
    let worker = running.line();
    running.finish().expect(0);
    Ran::on(&servers, ["run", "--wait=0", "a", "--", "true"]).expect(0);
    assert!(is_alive(&worker));
    kill_process(parse(&worker), Signal::KILL).unwrap();
    eventually("ended", TIMEOUT, || !is_alive(&worker)).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn nothing_survives_when_redlock_is_killed() {
    let servers = Servers::start(3);
    let script = format!("{WORKER}; {DAEMON}; echo $$; wait");
    let mut running = start(&servers, &[], &script);
    let pids = [running.line(), running.line(), running.line()];
    assert!(pids.iter().all(|pid| is_alive(pid)), "{pids:?}");
    running.signal(Signal::KILL);
    running.finish().expect(-Signal::KILL.as_raw());
    eventually("ended", TIMEOUT, || !pids.iter().any(|it| is_alive(it))).await;
}

/// The command ignores SIGTERM, and prints the time until it is killed.
#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_that_cannot_be_extended_outlives_its_command() {
    let servers = Servers::start(3);
    let script = "trap '' TERM; while :; do date +%s%3N; sleep 0.02; done";
    let mut running = start(&servers, &["--ttl=6s", "--grace=10s"], script);
    running.line();
    // Just extended, so that the next extension is far.
    let left = |it: &redlock_tests::Server| it.probe().pttl("a").unwrap_or_default();
    let fresh = Duration::from_millis(5800);
    eventually("extended", TIMEOUT, || {
        running.line();
        servers.iter().all(|server| left(server) > fresh)
    })
    .await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let end = now.unwrap() + Duration::from_secs(6);
    servers.at_once(|server| server.pause());
    let ran = running.finish().expect(114);
    assert!(
        ran.err.contains("lost the lock on a: not extended"),
        "{ran:?}"
    );
    let last = ran.out.lines().last().unwrap().parse().unwrap();
    assert!(Duration::from_millis(last) < end, "{last} is after {end:?}");
}

/// Starts a process in the group, and prints its id.
const WORKER: &str = "sleep 300 >/dev/null 2>&1 & echo $!";

/// Starts a process that leaves the group and loses its parent, and prints its id.
const DAEMON: &str = "echo $(setsid sh -c 'echo $$; exec sleep 300 >/dev/null 2>&1' &)";
