//! Signals while a command runs and while the command waits for a lock.

use std::process::Command;

use redlock_tests::{Server, Servers, eventually};
use rustix::process::Signal;

use super::command::{Ran, Started, TIMEOUT, redlock_on};

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn signals_are_forwarded_to_the_command() {
    let servers = Servers::start(3);
    let signals = [
        (Signal::TERM, "TERM"),
        (Signal::INT, "INT"),
        (Signal::HUP, "HUP"),
        (Signal::USR1, "USR1"),
    ];
    for (signal, name) in signals {
        // SIGKILL: a shell's background job ignores SIGINT, and other signals until it has begun.
        let trap = format!("trap 'echo {name}; kill -KILL $!; exit 9' {name}");
        let script = format!("{trap}; sleep 300 & echo begun; wait");
        let args = ["run", "a", "--", "sh", "-c", &script];
        let mut running = Started::new(redlock_on(&servers).args(args));
        assert_eq!(running.line(), "begun");
        running.signal(signal);
        let ran = running.finish().expect(9);
        assert_eq!(ran.out, format!("{name}\n"));
        Ran::on(&servers, ["status", "a"]).expect(1);
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn the_signal_that_ended_a_command_is_passed_on() {
    let servers = Servers::start(3);
    let args = ["run", "a", "--", "sh", "-c", "echo begun; exec sleep 300"];
    let mut running = Started::new(redlock_on(&servers).args(args));
    assert_eq!(running.line(), "begun");
    running.signal(Signal::INT);
    running.finish().expect(-2);
    Ran::on(&servers, ["status", "a"]).expect(1);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_signal_ends_the_wait_and_leaves_no_key() {
    let servers = Servers::start(3);
    // Another owner holds two of three nodes, so every round acquires only the third.
    for server in &servers[..2] {
        server.probe().set("a", "other", TIMEOUT * 10);
    }
    let verbs: [&[&str]; 2] = [
        &["lock", "--retry-count", "-1", "a", "60000"],
        &["run", "--wait", "10m", "a", "--", "true"],
    ];
    for verb in verbs {
        for (signal, code) in [(Signal::TERM, -15), (Signal::INT, -2)] {
            let waiting = Started::new(redlock_on(&servers).args(verb));
            let is_under_way = |server: &Server| server.probe().clients() > 0;
            eventually("connected", TIMEOUT, || servers.iter().all(is_under_way)).await;
            waiting.signal(signal);
            let ran = waiting.finish().expect(code);
            assert_eq!(ran.out, "");
            let third = servers[2].probe();
            eventually("released", TIMEOUT, || !third.exists("a")).await;
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn signals_ignored_by_nohup_stay_ignored() {
    let servers = Servers::start(3);
    let redlock = env!("CARGO_BIN_EXE_redlock");
    let script = r#"trap '' HUP; redlock=$1; shift; exec "$redlock" "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", redlock]);
    command.args(servers.urls().iter().flat_map(|url| ["--redis", url]));
    let child = "echo begun; kill -HUP $$; read line; echo still here";
    command.args(["run", "a", "--", "sh", "-c", child]);
    let mut running = Started::new(command.stdin(std::process::Stdio::piped()));
    assert_eq!(running.line(), "begun");
    running.signal(Signal::HUP);
    running.write("go on\n");
    let ran = running.finish().expect(0);
    assert_eq!(ran.out, "still here\n");
}
