//! Keys that others have set.

use std::time::Duration;

use deadpool_redis::redis;
use redlock_tests::Servers;

use super::command::{Ran, redlock_on};

const MINUTE: Duration = Duration::from_secs(60);

fn occupy(servers: &Servers, value: &[u8]) {
    for server in servers {
        server.probe().set("a", value, MINUTE);
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_lock_whose_value_is_not_text_can_be_named() {
    let servers = Servers::start(3);
    occupy(&servers, b"\x9f\x00\xff");
    let ran = Ran::on(&servers, ["status", "a"]).expect(0);
    assert!(ran.out.starts_with("held by hex:9f00ff\n"), "{ran:?}");
    let ran = Ran::on(&servers, ["unlock", "a", "hex:9f00ff"]).expect(0);
    assert_eq!(ran.err, "ok\n");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_value_cannot_control_the_terminal() {
    let servers = Servers::start(3);
    occupy(&servers, b"\x1b[31mRED\x1b]0;title\x07\nremaining 1s");
    let ran = Ran::of(redlock_on(&servers).args(["status", "a"])).expect(0);
    let is_control = |it: char| it.is_control() && it != '\n';
    assert!(!ran.out.contains(is_control), "{ran:?}");
    assert!(ran.out.starts_with("held by hex:1b5b33316d"), "{ran:?}");
    let times = ran.out.lines().filter(|line| line.starts_with("remaining"));
    assert_eq!(times.count(), 1, "{ran:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn status_tells_taken_and_other_types_from_free() {
    let servers = Servers::start(3);
    servers[0].probe().set("a", "one", MINUTE);
    servers[1].probe().set("a", "two", MINUTE);
    let ran = Ran::on(&servers, ["status", "a"]).expect(5);
    assert!(ran.out.starts_with("taken"), "{ran:?}");
    Ran::on(&servers, ["lock", "--retry-count=0", "a", "60000"]).expect(1);

    for server in &servers {
        let list = redis::cmd("RPUSH").arg("b").arg("data").clone();
        let _length: i64 = server.probe().query(&list);
    }
    let ran = Ran::on(&servers, ["status", "b"]).expect(3);
    assert!(ran.out.starts_with("not a lock"), "{ran:?}");
    Ran::on(&servers, ["lock", "b", "60000"]).expect(3);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_value_without_expiry_is_a_lock_of_another_owner_for_every_verb() {
    let servers = Servers::start(1);
    let probe = servers[0].probe();
    probe.set("a", "value", None);
    let verbs: [(&[&str], i32); 4] = [
        (&["lock", "a", "60000"], 1),
        (&["lock", "--retry-count=0", "a", "60000"], 1),
        (&["run", "--wait=0s", "a", "--", "true"], 112),
        (&["run", "--wait=2s", "a", "--", "true"], 112),
    ];
    for (verb, code) in verbs {
        let ran = Ran::on(&servers, verb.iter().copied()).expect(code);
        assert!(ran.err.contains("held by another owner"), "{ran:?}");
    }
    let ran = Ran::on(&servers, ["status", "a"]).expect(0);
    assert!(ran.out.contains("\nwithout expiry\n"), "{ran:?}");
    assert!(ran.out.contains("held by value, without expiry"), "{ran:?}");
    assert_eq!(probe.get("a").as_deref(), Some("value"));
}
