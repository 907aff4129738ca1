//! Results as JSON, and the verbs for a lock whose key is known.

use redlock_tests::Servers;
use serde_json::Value;

use super::command::{Ran, Started, redlock_on};

impl Ran {
    /// Returns the only line of stdout, which is a JSON object with the outcome first.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert!(self.out.starts_with(r#"{"outcome":""#), "{self:?}");
        assert_eq!(self.out.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_lock_in_json_has_what_a_program_needs() {
    let servers = Servers::start(3);
    let locked = Ran::on(&servers, ["lock", "a", "30s", "--json"]).expect(0);
    let locked = locked.json();
    assert_eq!(locked["outcome"], "locked");
    assert_eq!(locked["name"], "a");
    let key = locked["key"].as_str().unwrap();
    let remaining = locked["remaining_ms"].as_u64().unwrap();
    assert!((20_000..30_000).contains(&remaining), "{locked}");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let deadline = u128::from(locked["deadline_ms"].as_u64().unwrap());
    assert!(deadline > now && deadline < now + 30_000, "{locked}");

    let status = Ran::on(&servers, ["status", "a", "--json"])
        .expect(0)
        .json();
    for (field, expected) in [("outcome", "held"), ("name", "a"), ("key", key)] {
        assert_eq!(status[field], expected, "{status}");
    }
    assert_eq!(status["token"], locked["token"]);
    assert!(status["token"].is_u64());
    let nodes = status["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    assert_eq!(nodes[0]["key"], key);

    let args = ["unlock", "a", "another", "--json"];
    let unlocked = Ran::on(&servers, args).expect(0).json();
    assert_eq!(unlocked["outcome"], "held-by-another");
    for outcome in ["released", "not-held"] {
        let unlocked = Ran::on(&servers, ["unlock", "a", key, "--json"]).expect(0);
        assert_eq!(unlocked.json()["outcome"], outcome);
    }
    let status = Ran::on(&servers, ["status", "a", "--json"])
        .expect(1)
        .json();
    assert_eq!(status["outcome"], "free");
    assert!(status["key"].is_null());
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_failure_in_json_has_its_cause() {
    let servers = Servers::start(3);
    Ran::on(&servers, ["lock", "a", "60s"]).expect(0);
    let busy = Ran::on(&servers, ["lock", "--retry-count=0", "a", "60s", "--json"]).expect(1);
    assert!(busy.err.starts_with("failed\n"), "{busy:?}");
    let busy = busy.json();
    assert_eq!(busy["outcome"], "busy");
    assert!(
        busy["error"].as_str().unwrap().starts_with("a is held by"),
        "{busy}"
    );
    for (verb, code) in [
        (&["lock", "a", "5", "--json"][..], 2),
        (&["--json", "lock", "a"], 2),
        (&["--json", "run", "a"], 115),
        (&["run", "--json", "a", "--ttl=1ms", "--", "true"], 115),
    ] {
        let usage = Ran::on(&servers, verb.iter().copied()).expect(code);
        assert_eq!(usage.json()["outcome"], "usage");
    }
    let args = ["run", "--json", "--wait=0", "a", "--", "true"];
    let busy = Ran::on(&servers, args).expect(112);
    assert_eq!(busy.json()["outcome"], "busy");
    let lost = Ran::on(&servers, ["extend", "a", "another", "9s", "--json"]).expect(1);
    assert_eq!(lost.json()["outcome"], "lost");
    servers[0].kill();
    servers[1].kill();
    for verb in [
        &["lock", "b", "60s"][..],
        &["unlock", "a", "k"],
        &["break", "a"],
    ] {
        let ran = Ran::of(redlock_on(&servers).args(verb).args(["--json", "--quiet"]));
        let json = ran.expect(3).json();
        assert_eq!(json["outcome"], "no-quorum", "{json}");
        assert!(!json["nodes"].as_array().unwrap().is_empty(), "{json}");
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn extend_keeps_a_lock_until_it_is_lost() {
    let servers = Servers::start(3);
    let key = Ran::on(&servers, ["lock", "a", "20s"]).expect(0).out;
    let key = key.trim_end();
    let ran = Ran::on(&servers, ["extend", "a", key, "50000"]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "ok\n"));
    let status = Ran::on(&servers, ["status", "a", "--json"])
        .expect(0)
        .json();
    assert!(
        status["remaining_ms"].as_u64().unwrap() > 40_000,
        "{status}"
    );
    let extended = Ran::on(&servers, ["extend", "--json", "a", key, "55s"]).expect(0);
    assert_eq!(extended.json()["outcome"], "extended");

    let ran = Ran::on(&servers, ["extend", "a", "another", "50s"]).expect(1);
    assert!(
        ran.err.starts_with("redlock: lost the lock on a"),
        "{ran:?}"
    );
    let ran = Ran::on(&servers, ["extend", "a", key, "2m"]).expect(2);
    assert!(ran.err.contains("REDLOCK_MAX_TTL"), "{ran:?}");
    Ran::on(&servers, ["unlock", "a", key]).expect(0);
    let ran = Ran::on(&servers, ["extend", "a", key, "50s"]).expect(1);
    assert_eq!(ran.out, "");
    Ran::on(&servers, ["status", "a"]).expect(1);

    servers[0].kill();
    servers[1].kill();
    let ran = Ran::on(&servers, ["extend", "a", key, "50s"]).expect(3);
    assert_eq!(ran.err.matches("cannot connect").count(), 2, "{ran:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn several_locks_are_a_table_and_the_worst_state_counts() {
    let servers = Servers::start(3);
    Ran::on(&servers, ["lock", "a", "60s"]).expect(0);
    let ran = Ran::on(&servers, ["status", "a", "bb"]).expect(1);
    let lines: Vec<&str> = ran.out.lines().collect();
    let [header, a, bb] = lines[..] else {
        panic!("{ran:?}")
    };
    assert!(header.starts_with("NAME  STATE  LEFT "), "{ran:?}");
    assert!(header.ends_with(&format!("127.0.0.1:{}", servers[2].port())));
    assert!(a.starts_with("a     held   59s "), "{ran:?}");
    assert_eq!(a.matches("held").count(), 4, "{ran:?}");
    assert!(bb.starts_with("bb    free "), "{ran:?}");
    let ran = Ran::on(&servers, ["status", "a", "bb", "--json"]).expect(1);
    assert_eq!(ran.out.lines().count(), 2, "{ran:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn watch_prints_each_change_until_a_signal() {
    let servers = Servers::start(3);
    let args = ["status", "--watch", "--interval=50ms", "--json", "a"];
    let mut watching = Started::new(redlock_on(&servers).args(args));
    let mut outcome = || {
        let line = watching.line();
        let change: Value = serde_json::from_str(&line).unwrap();
        change["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcome(), "free");
    let key = Ran::on(&servers, ["lock", "a", "60s"]).expect(0).out;
    // A look in the middle of the acquisition may find it taken.
    while outcome() != "held" {}
    Ran::on(&servers, ["unlock", "a", key.trim_end()]).expect(0);
    while outcome() != "free" {}
    watching.signal(rustix::process::Signal::INT);
    watching.finish().expect(1);

    let args = ["status", "--watch", "--interval=50ms", "a", "two\nlines"];
    let mut watching = Started::new(redlock_on(&servers).args(args));
    assert_eq!(watching.line(), "a: free");
    while watching.line() != "two\\nlines: free" {}
    watching.signal(rustix::process::Signal::INT);
    watching.finish().expect(1);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn watch_ends_with_its_reader() {
    let servers = Servers::start(3);
    // The reader leaves after the first line, and nothing changes afterwards.
    let script = r#""$0" status --watch --interval=50ms a | head -n 1; echo ended"#;
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_redlock")]);
    command.env("REDLOCK_NODES", servers.urls().join(","));
    let ran = Ran::of(&mut command).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("free\nended\n", ""));
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn break_deletes_any_lock_and_shows_what_it_was() {
    let servers = Servers::start(3);
    let locked = Ran::on(&servers, ["lock", "a", "60s", "--json"])
        .expect(0)
        .json();
    // Without a terminal, no question is asked.
    let ran = Ran::on(&servers, ["break", "a"]).expect(0);
    let key = locked["key"].as_str().unwrap();
    let expected = format!("broken: was held by {key}\nlabel ");
    assert!(ran.out.starts_with(&expected), "{ran:?}");
    let expected = format!("\ntoken {}\nremaining ", locked["token"]);
    assert!(ran.out.contains(&expected), "{ran:?}");
    assert_eq!(ran.out.matches(": deleted\n").count(), 3, "{ran:?}");
    Ran::on(&servers, ["status", "a"]).expect(1);
    let ran = Ran::on(&servers, ["break", "a"]).expect(1);
    assert!(
        ran.out.starts_with("free, so nothing was deleted\n"),
        "{ran:?}"
    );

    let next = Ran::on(&servers, ["lock", "a", "60s", "--json"])
        .expect(0)
        .json();
    assert!(next["token"].as_u64() > locked["token"].as_u64());
    let broken = Ran::on(&servers, ["break", "--yes", "--json", "a"])
        .expect(0)
        .json();
    assert_eq!(broken["outcome"], "broken");
    assert_eq!(broken["keys"][0], next["key"]);

    Ran::on(&servers, ["lock", "a", "60s"]).expect(0);
    servers[0].kill();
    Ran::on(&servers, ["break", "a"]).expect(0);
    servers[1].kill();
    let ran = Ran::on(&servers, ["break", "a"]).expect(3);
    assert!(ran.err.starts_with("redlock: no quorum"), "{ran:?}");
}
