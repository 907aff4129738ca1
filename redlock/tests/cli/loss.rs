//! The verb `run` when the lock is lost.

use redlock_tests::{Servers, eventually};
use rustix::process::Signal;

use super::command::{Ran, Started, TIMEOUT, redlock_on};
use super::orphans::is_alive;

/// Runs a script under the lock "a" with a ttl of 1 s, and returns it with the lock's key.
fn start(servers: &Servers, grace: &str, script: &str) -> (Started, String) {
    let script = format!("echo $REDLOCK_LEASE_ID; {script}");
    let args = ["run", "--ttl=1s", "--grace", grace, "a", "--", "sh", "-c"];
    let mut running = Started::new(redlock_on(servers).args(args).arg(script));
    let key = running.line();
    (running, key)
}

/// Waits for a command whose lock was lost, and checks how it ended.
#[track_caller]
fn finish(running: Started) -> Ran {
    let ran = running.finish().expect(114);
    assert!(ran.err.contains("lost the lock on a"), "{ran:?}");
    ran
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_lock_that_is_released_elsewhere_ends_the_command() {
    let servers = Servers::start(3);
    let (running, key) = start(&servers, LONG, "exec sleep 300");
    Ran::on(&servers, ["unlock", "a", &key]).expect(0);
    finish(running);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn dead_nodes_end_the_command() {
    let servers = Servers::start(3);
    let (running, _) = start(&servers, LONG, "exec sleep 300");
    servers.at_once(|server| server.kill());
    finish(running);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn hanging_nodes_end_the_command() {
    let servers = Servers::start(3);
    let (running, _) = start(&servers, LONG, "exec sleep 300");
    servers.at_once(|server| server.pause());
    finish(running);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn the_command_may_clean_up() {
    let servers = Servers::start(3);
    let script = "trap 'echo cleaned up; exit 0' TERM; sleep 300 & wait";
    let (running, key) = start(&servers, LONG, script);
    Ran::on(&servers, ["unlock", "a", &key]).expect(0);
    assert_eq!(finish(running).out, "cleaned up\n");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn every_process_of_the_command_is_killed_after_the_grace() {
    let servers = Servers::start(3);
    // A survivor keeps the output open, so that `finish` would not return.
    let script = "trap '' TERM; (sleep 300; echo survived) & sleep 300; echo survived";
    let (running, key) = start(&servers, SHORT, script);
    Ran::on(&servers, ["unlock", "a", &key]).expect(0);
    assert_eq!(finish(running).out, "");

    // The command ends in time, but a process that it has started does not.
    let script = "(trap '' TERM; sleep 300; echo survived) & exec sleep 300";
    let (running, key) = start(&servers, SHORT, script);
    Ran::on(&servers, ["unlock", "a", &key]).expect(0);
    assert_eq!(finish(running).out, "");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_pause_that_outlives_the_lock_ends_the_command() {
    let servers = Servers::start(3);
    let (running, _) = start(&servers, LONG, "exec sleep 300");
    running.signal(Signal::STOP);
    let args = ["lock", "--retry-count=-1", "a", "60000"];
    let ran = Ran::on(&servers, args).expect(0);
    running.signal(Signal::CONT);
    finish(running);
    // The late release has not touched the next holder's lock.
    Ran::on(&servers, ["lock", "--retry-count=0", "a", "60000"]).expect(1);
    let ran = Ran::on(&servers, ["unlock", "a", ran.out.trim_end()]).expect(0);
    assert_eq!(ran.err, "ok\n");
}

/// A grace long enough for commands that end on their own, even on a busy machine.
const LONG: &str = "20s";

/// A grace for commands that do not end on their own.
const SHORT: &str = "500ms";

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_full_stderr_does_not_delay_the_end_of_a_command() {
    let servers = Servers::start(3);
    // More than a pipe holds, and time to fill it. No process reads it.
    let script = "head -c 1000000 /dev/zero >&2 & sleep 1; echo $$; exec sleep 300";
    let run = ["-vv", "run", "--grace=1s", "a", "--", "sh", "-c", script];
    let mut running = Started::new(redlock_on(&servers).args(run));
    let command = running.line();
    Ran::on(&servers, ["break", "a"]).expect(0);
    eventually("stopped", TIMEOUT, || !is_alive(&command)).await;
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_lost_lock_is_not_reported_as_released() {
    let servers = Servers::start(3);
    let script = "echo $REDLOCK_LEASE_ID; exec sleep 300";
    let run = ["-v", "run", "a", "--", "sh", "-c", script];
    let mut running = Started::new(redlock_on(&servers).args(run));
    let key = running.line();
    Ran::on(&servers, ["unlock", "a", &key]).expect(0);
    let ran = finish(running);
    assert!(!ran.err.contains("redlock: released a"), "{ran:?}");
}
