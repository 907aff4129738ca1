//! The exit codes of `run`, and jobs that several hosts start at once.

use std::time::{Duration, Instant};

use redlock_tests::Servers;

use super::command::{Ran, Started, redlock, redlock_on};

/// Runs a command under the lock "a", which another owner holds.
fn run_busy(servers: &Servers, options: &[&str]) -> Ran {
    let run = ["run", "--wait=0"].iter().chain(options);
    Ran::on(servers, run.chain(&["a", "--", "echo", "ran"]).copied())
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_busy_lock_is_no_exit_code_of_a_command() {
    let servers = Servers::start(3);
    for code in [1, 3, 4] {
        let script = format!("exit {code}");
        Ran::on(&servers, ["run", "a", "--", "sh", "-c", &script]).expect(code);
    }
    Ran::on(&servers, ["lock", "a", "60000"]).expect(0);
    let ran = run_busy(&servers, &[]).expect(112);
    assert!(ran.err.contains("held by another owner"), "{ran:?}");
    run_busy(&servers, &["--busy-exit-code=1"]).expect(1);
    run_busy(&servers, &["--on-busy=fail"]).expect(112);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_busy_lock_can_be_skipped_in_silence() {
    let servers = Servers::start(3);
    Ran::on(&servers, ["lock", "a", "60000"]).expect(0);
    let ran = run_busy(&servers, &["--on-busy=skip"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    // Only a busy lock is skipped.
    servers.at_once(|server| server.kill());
    let ran = run_busy(&servers, &["--on-busy=skip"]).expect(113);
    assert_ne!(ran.err, "");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn of_three_hosts_that_start_a_job_exactly_one_runs_it() {
    let servers = Servers::start(3);
    for night in 0..50 {
        let name = format!("nightly:{night}");
        let hosts = [(); 3].map(|()| {
            let mut command = redlock_on(&servers);
            let options = ["run", "--on-busy=skip", "--hold-at-least=30s", "--wait=0"];
            // A host may begin when another one has finished.
            command.args(options).args([&name, "--", "echo", "ran"]);
            Started::new(&mut command)
        });
        let ran = hosts.map(|host| host.finish().expect(0));
        let printed: String = ran
            .iter()
            .map(|it| format!("{}{}", it.out, it.err))
            .collect();
        assert_eq!(printed, "ran\n", "night {night}");
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_password_is_passed_on_only_by_request() {
    let servers = Servers::start(1);
    let plain = servers.urls().join(",");
    let secret = plain.replace("redis://", "redis://default:hunter2@");
    let script = "echo ${REDLOCK_NODES-none}";
    for (nodes, options, expected) in [
        (&plain, &[][..], plain.as_str()),
        (&secret, &[], "none"),
        (&secret, &["--pass-nodes"], secret.as_str()),
    ] {
        let mut command = redlock(servers.urls().iter().map(String::as_str));
        command.env("REDLOCK_NODES", nodes).arg("run").args(options);
        let ran = Ran::of(command.args(["a", "--", "sh", "-c", script])).expect(0);
        assert_eq!(ran.out.trim_end(), expected);
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_hung_node_delays_no_verb_that_has_its_quorum() {
    let servers = Servers::start(5);
    let key = Ran::on(&servers, ["lock", "a", "60000"]).expect(0).out;
    servers[0].pause();
    let verbs: [(&[&str], i32); 3] = [
        (&["run", "b", "--", "true"], 0),
        (&["run", "--wait=0", "a", "--", "true"], 112),
        // The first time, it is held. Afterwards it is not.
        (&["unlock", "a", key.trim_end()], 0),
    ];
    for (verb, code) in verbs {
        // The limit for a node that is waited for is 1 s. A busy machine may exceed it now and then.
        let is_fast = (0..20).any(|_| {
            let start = Instant::now();
            Ran::on(&servers, verb.iter().copied()).expect(code);
            start.elapsed() < Duration::from_millis(900)
        });
        assert!(is_fast, "{verb:?}");
    }
}
