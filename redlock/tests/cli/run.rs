//! The verb `run` while the lock is held.

use std::process::Stdio;

use redlock_tests::{Servers, eventually};

use super::command::{Ran, Started, TIMEOUT, redlock, redlock_on};

/// Runs a script under the lock "a", with the default options.
fn run_script(servers: &Servers, script: &str) -> Ran {
    Ran::on(servers, ["run", "a", "--", "sh", "-c", script])
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn the_exit_code_of_the_command_is_passed_on() {
    let servers = Servers::start(3);
    for (script, code) in [("true", 0), ("exit 7", 7), ("kill -KILL $$", -9)] {
        let ran = run_script(&servers, script).expect(code);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_command_that_waits_for_its_own_lock_learns_why() {
    let servers = Servers::start(3);
    let nodes = servers.urls().join(",");
    let mut outer = redlock([]);
    outer.env("REDLOCK_NODES", nodes).args(["run", "a", "--"]);
    let inner = [
        env!("CARGO_BIN_EXE_redlock"),
        "run",
        "--wait=0",
        "a",
        "--",
        "true",
    ];
    let ran = Ran::of(outer.args(inner)).expect(112);
    assert!(
        ran.err
            .contains("this process runs under a lock of that name"),
        "{ran:?}"
    );
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn the_command_runs_under_the_lock_and_gets_its_details() {
    let servers = Servers::start(3);
    let script = r#"echo "$REDLOCK_RESOURCE"; echo "$REDLOCK_LEASE_ID"; echo "$REDLOCK_TOKEN"; cat; echo done >&2"#;
    let mut running = Started::new(
        redlock_on(&servers)
            .args(["run", "--ttl=10s", "a", "--", "sh", "-c", script])
            .stdin(Stdio::piped()),
    );
    assert_eq!(running.line(), "a");
    let key = running.line();
    let token = running.line();
    let ran = Ran::on(&servers, ["status", "a"]).expect(0);
    assert!(ran.out.starts_with(&format!("held by {key}\n")), "{ran:?}");
    assert!(ran.out.contains(&format!("\ntoken {token}\n")), "{ran:?}");
    assert!(token.parse::<u64>().is_ok(), "{token}");

    running.write("from stdin\n");
    let ran = running.finish().expect(0);
    assert_eq!(ran.out, "from stdin\n");
    assert_eq!(ran.err, "done\n");
    for server in &servers {
        let probe = server.probe();
        eventually("released", TIMEOUT, || !probe.exists("a")).await;
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_busy_lock_keeps_the_command_from_running() {
    let servers = Servers::start(3);
    Ran::on(&servers, ["lock", "a", "60000"]).expect(0);
    for wait in ["0", "300ms"] {
        let ran = Ran::on(&servers, ["run", "--wait", wait, "a", "--", "echo", "ran"]).expect(112);
        assert_eq!(ran.out, "");
        assert!(ran.err.contains("held by another owner"), "{ran:?}");
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn hold_at_least_outlasts_a_short_command() {
    let servers = Servers::start(3);
    // Longer than this test can take.
    let hold = ["run", "--hold-at-least=10m", "a", "--", "true"];
    let mut command = redlock_on(&servers);
    Ran::of(command.env("REDLOCK_MAX_TTL", "10m").args(hold)).expect(0);
    let late = Ran::on(&servers, ["run", "--wait=0", "a", "--", "echo", "ran"]).expect(112);
    assert_eq!(late.out, "");
    let status = Ran::on(&servers, ["status", "a"]).expect(0);
    assert!(status.out.starts_with("held by "), "{status:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn without_a_quorum_nothing_runs() {
    let servers = Servers::start(3);
    servers[0].kill();
    servers[1].kill();
    let ran = Ran::on(&servers, ["run", "--wait=0", "a", "--", "echo", "ran"]).expect(113);
    assert_eq!(ran.out, "");
    assert_eq!(ran.err.matches("cannot connect").count(), 2, "{ran:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_command_that_cannot_run_releases_the_lock() {
    let servers = Servers::start(3);
    for (program, code) in [("/nonexistent/program", 127), ("/dev/null", 126)] {
        let ran = Ran::on(&servers, ["run", "a", "--", program]).expect(code);
        assert!(ran.err.contains(program), "{ran:?}");
        Ran::on(&servers, ["status", "a"]).expect(1);
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn the_lock_is_extended_while_the_command_runs() {
    let servers = Servers::start(3);
    let args = ["run", "--ttl", "3s", "a", "--", "sh", "-c"];
    let mut running = Started::new(redlock_on(&servers).args(args).arg("echo begun; sleep 8"));
    assert_eq!(running.line(), "begun");
    let ran = Ran::on(&servers, ["run", "--wait=6s", "a", "--", "echo", "ran"]).expect(112);
    assert_eq!(ran.out, "");
    running.finish().expect(0);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn options_in_the_environment_do_not_break_the_command() {
    let servers = Servers::start(3);
    let script = "sleep 3; echo ${REDLOCK_TOKEN-none}";
    let mut command = redlock_on(&servers);
    command
        .envs([("REDLOCK_FENCING", "off"), ("REDLOCK_AUTO_EXTEND", "off")])
        .env("REDLOCK_TTL", "2s")
        // That of an outer lock.
        .env("REDLOCK_TOKEN", "7")
        .args(["run", "a", "--", "sh", "-c", script]);
    assert_eq!(Ran::of(&mut command).expect(0).out, "none\n");
}
