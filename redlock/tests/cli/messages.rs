//! Warnings, events and labels: what an operator sees beside the result.

use redlock_tests::{Server, Servers};

use super::command::{Ran, Started, redlock, redlock_on};

const RUN: [&str; 4] = ["run", "a", "--", "true"];

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn an_unusable_minority_is_not_silent() {
    let servers = Servers::start_each([
        Server::builder(),
        Server::builder(),
        Server::builder().password("right"),
    ]);
    // New servers are of no use until all of them have been seen once.
    let port = servers[2].port();
    let right = format!("redis://:right@127.0.0.1:{port}");
    let urls = servers.urls();
    let known = [urls[0].as_str(), urls[1].as_str(), right.as_str()];
    Ran::of(redlock(known).args(RUN)).expect(0);

    let wrong = format!("redis://:hunter2@127.0.0.1:{port}");
    let nodes = [urls[0].as_str(), urls[1].as_str(), wrong.as_str()];
    let warning =
        format!("redlock: warning: 127.0.0.1:{port} is not usable: authentication failed");
    let ran = Ran::of(redlock(nodes).args(RUN)).expect(0);
    assert!(ran.err.starts_with(&warning), "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    assert!(!ran.err.contains("hunter2"), "{ran:?}");
    let ran = Ran::of(redlock(nodes).args(RUN).arg("--quiet"));
    // Behind the two dashes it is an argument of the command.
    assert!(ran.err.starts_with(&warning), "{ran:?}");
    let ran = Ran::of(redlock(nodes).arg("--quiet").args(RUN)).expect(0);
    assert_eq!(ran.err, "");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn settings_that_weaken_locks_are_a_line_each() {
    let servers = Servers::start(3);
    for server in &servers {
        server.probe().config_set("maxmemory-policy", "allkeys-lru");
    }
    let ran = Ran::on(&servers, RUN).expect(0);
    assert_eq!(
        ran.err.matches("maxmemory-policy is allkeys-lru").count(),
        3,
        "{ran:?}"
    );
    let ran = Ran::on(&servers, ["--ttl=500", "run", "a", "--", "true"]).expect(0);
    assert!(
        ran.err.contains("redlock: warning: a ttl of 500ms "),
        "{ran:?}"
    );
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_number_of_nodes_that_tolerates_little_is_a_line() {
    for (nodes, expected) in [(1, "1 node: "), (2, "2 nodes: "), (4, "4 nodes tolerate ")] {
        let servers = Servers::start(nodes);
        let ran = Ran::on(&servers, RUN).expect(0);
        let expected = format!("redlock: warning: {expected}");
        assert!(ran.err.starts_with(&expected), "{ran:?}");
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    }
    let servers = Servers::start(3);
    assert_eq!(Ran::on(&servers, RUN).expect(0).err, "");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn verbose_shows_what_happens_to_the_lock() {
    let servers = Servers::start(3);
    let ran = Ran::of(redlock_on(&servers).arg("-v").args(RUN)).expect(0);
    let lines: Vec<&str> = ran.err.lines().collect();
    let [acquired, released] = lines[..] else {
        panic!("{ran:?}")
    };
    assert!(
        acquired.starts_with("redlock: acquired a after "),
        "{ran:?}"
    );
    assert!(acquired.contains(", token "), "{ran:?}");
    assert!(
        released.starts_with("redlock: released a after "),
        "{ran:?}"
    );
    let ran = Ran::of(redlock_on(&servers).arg("-vv").args(RUN)).expect(0);
    assert!(ran.err.contains("lock acquisition ended"), "{ran:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_label_shows_who_holds_the_lock() {
    let servers = Servers::start(3);
    let label_of = |options: &[&str]| {
        let mut command = redlock_on(&servers);
        command.args(["run", "a"]).args(options);
        let script = ["--", "sh", "-c", "echo begun; read line"];
        let mut running = Started::new(command.args(script).stdin(std::process::Stdio::piped()));
        assert_eq!(running.line(), "begun");
        // The label is written once the lock is held: the command may be quicker.
        let mut label = serde_json::Value::Null;
        for _ in 0..50 {
            let status = Ran::on(&servers, ["status", "a", "--json"]).expect(0);
            label = status.json()["label"].clone();
            if !label.is_null() {
                break;
            }
        }
        let busy = Ran::on(&servers, ["lock", "--retry-count=0", "a", "60s"]).expect(1);
        running.write("\n");
        running.finish().expect(0);
        (label.as_str().map(str::to_owned), busy.err)
    };
    let (label, busy) = label_of(&[]);
    let label = label.unwrap();
    assert!(
        label.contains(" pid ") && label.ends_with(": sh"),
        "{label}"
    );
    assert!(busy.contains(&label), "{busy}");
    let (label, busy) = label_of(&["--label", "ours\u{1b}[31m"]);
    assert_eq!(label.as_deref(), Some("ours\u{1b}[31m"));
    assert!(!busy.contains('\u{1b}'), "{busy:?}");
    let (label, _busy) = label_of(&["--label", ""]);
    assert_eq!(label, None);
    let ran = Ran::on(
        &servers,
        ["run", "a", "--label", &"x".repeat(129), "--", "true"],
    );
    ran.expect(115);
}

#[test]
fn lock_takes_its_validity_behind_the_name() {
    let ran = Ran::of(redlock(["redis://127.0.0.1:1"]).args(["--ttl=9s", "lock", "a", "9s"]));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert!(ran.err.starts_with("redlock: --ttl: "), "{ran:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_wait_that_was_meant_in_seconds_is_a_line() {
    let servers = Servers::start(3);
    let ran = Ran::of(redlock_on(&servers).arg("--wait=10").args(RUN)).expect(0);
    assert!(
        ran.err.contains("redlock: warning: a wait of 10ms: "),
        "{ran:?}"
    );
    let ran = Ran::of(redlock_on(&servers).arg("--wait=0").args(RUN)).expect(0);
    assert_eq!(ran.err, "");
}
