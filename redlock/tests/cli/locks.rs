//! The verbs `lock`, `unlock` and `status`.

use std::thread;
use std::time::Duration;

use redlock_tests::{Server, Servers, eventually};

use super::command::{Ran, Started, TIMEOUT, redlock, redlock_on};

/// Returns how many nodes hold `key` for `name`.
fn holders(servers: &Servers, name: &str, key: &str) -> usize {
    let has = |server: &&Server| server.probe().get(name).as_deref() == Some(key);
    servers.iter().filter(has).count()
}

/// Acquires a lock and returns its key.
#[track_caller]
fn lock(servers: &Servers, name: &str, validity: &str) -> String {
    let ran = Ran::on(servers, ["lock", name, validity]).expect(0);
    ran.out.trim_end().to_owned()
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn lock_prints_only_the_key_and_lasts_for_its_validity() {
    let servers = Servers::start(3);
    let mut command = redlock_on(&servers);
    let command = command.env("REDLOCK_MAX_TTL", "1h");
    let ran = Ran::of(command.args(["lock", "a", "3600000"])).expect(0);
    assert_eq!(ran.err, "ok\n");
    let key = ran.out.strip_suffix('\n').unwrap();
    assert!(key.len() == 40 && !key.contains(char::is_whitespace));
    assert!(holders(&servers, "a", key) >= 2);
    let left = servers.iter().filter_map(|server| server.probe().pttl("a"));
    assert!(left.max().unwrap() > Duration::from_secs(3000));
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_held_lock_is_not_obtained() {
    let servers = Servers::start(3);
    let key = lock(&servers, "a", "60000");
    let ran = Ran::on(&servers, ["lock", "--retry-count=0", "a", "60000"]).expect(1);
    assert_eq!(ran.out, "");
    assert_eq!(ran.err.lines().next(), Some("failed"));
    assert!(ran.err.contains(" more unless it is extended"), "{ran:?}");
    let quiet = ["--quiet", "lock", "--retry-delay", "0", "a", "60000"];
    let ran = Ran::on(&servers, quiet).expect(1);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    assert!(holders(&servers, "a", &key) >= 2);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn unlock_succeeds_whether_or_not_the_lock_was_held() {
    let servers = Servers::start(3);
    let key = lock(&servers, "a", "60000");
    let ran = Ran::on(&servers, ["unlock", "a", "another"]).expect(0);
    let another = "was not held with this key: it is held with another one\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", another));
    assert!(holders(&servers, "a", &key) >= 2);

    let ran = Ran::on(&servers, ["unlock", "a", &key]).expect(0);
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", "ok\n"));
    eventually("no key is left", TIMEOUT, || {
        holders(&servers, "a", &key) == 0
    })
    .await;

    let ran = Ran::on(&servers, ["unlock", "a", &key]).expect(0);
    assert_eq!(ran.err, "was not held\n");
    let ran = Ran::on(&servers, ["--quiet", "unlock", "a", &key]).expect(0);
    assert_eq!(ran.err, "");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_retry_count_of_minus_one_waits_for_the_lock() {
    let servers = Servers::start(3);
    let key = lock(&servers, "a", "60000");
    let args = ["lock", "--retry-count", "-1", "--retry-delay", "20", "a"];
    let mut waiting = Started::new(redlock_on(&servers).args(args).arg("1000"));
    thread::sleep(Duration::from_secs(1));
    assert!(waiting.is_running());
    Ran::on(&servers, ["unlock", "a", &key]).expect(0);
    let ran = waiting.finish().expect(0);
    assert_eq!(ran.err, "ok\n");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn status_reports_held_free_and_unknown() {
    let servers = Servers::start(3);
    let ran = Ran::on(&servers, ["status", "a"]).expect(1);
    assert_eq!(ran.err, "");
    assert!(ran.out.starts_with("free\n"), "{ran:?}");

    let key = lock(&servers, "a", "60000");
    let ran = Ran::on(&servers, ["status", "a"]).expect(0);
    let mut lines = ran.out.lines();
    assert_eq!(lines.next(), Some(format!("held by {key}").as_str()));
    assert!(lines.next().unwrap().starts_with("label "), "{ran:?}");
    assert!(lines.next().unwrap().starts_with("token "), "{ran:?}");
    assert!(lines.next().unwrap().starts_with("remaining "), "{ran:?}");
    for server in &servers {
        let node = format!("  127.0.0.1:{}: ", server.port());
        assert!(lines.next().unwrap().starts_with(&node), "{ran:?}");
    }

    servers[0].kill();
    Ran::on(&servers, ["status", "a"]).expect(0);
    servers[1].kill();
    let ran = Ran::on(&servers, ["status", "a"]).expect(3);
    assert!(ran.out.starts_with("unknown"), "{ran:?}");
    assert_eq!(ran.out.matches("cannot connect").count(), 2, "{ran:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_minority_of_dead_nodes_changes_nothing() {
    let servers = Servers::start(3);
    // New servers are of no use until all of them have been seen once.
    servers[1].pause();
    let ran = Ran::on(&servers, ["lock", "a", "60000"]).expect(3);
    assert!(ran.err.contains("quarantine"), "{ran:?}");
    servers[1].resume();
    lock(&servers, "first", "1000");

    servers[1].kill();
    let ran = Ran::on(&servers, ["lock", "a", "60000"]).expect(0);
    let port = servers[1].port();
    let warning = format!("redlock: warning: 127.0.0.1:{port} is not usable: cannot connect: ");
    assert!(ran.err.starts_with(&warning), "{ran:?}");
    assert!(ran.err.ends_with("\nok\n"), "{ran:?}");
    let key = ran.out.trim_end();
    Ran::on(&servers, ["status", "a"]).expect(0);
    let ran = Ran::on(&servers, ["unlock", "a", key]).expect(0);
    assert_eq!(ran.err, "ok\n");
    let ran = Ran::on(&servers, ["--quiet", "lock", "a", "60000"]).expect(0);
    assert_eq!(ran.err, "");
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_a_quorum_no_key_stays_and_dead_nodes_are_named() {
    let servers = Servers::start(3);
    servers[0].kill();
    servers[2].kill();
    let verbs: [&[&str]; 2] = [&["lock", "a", "60000"], &["unlock", "a", "key"]];
    for verb in verbs {
        let ran = Ran::of(redlock_on(&servers).args(verb)).expect(3);
        assert_eq!(ran.out, "");
        for dead in [&servers[0], &servers[2]] {
            let line = format!("\n  127.0.0.1:{}: cannot connect", dead.port());
            assert!(ran.err.contains(&line), "{ran:?}");
        }
    }
    let survivor = servers[1].probe();
    eventually("no key is left", TIMEOUT, || !survivor.exists("a")).await;
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_wrong_password_is_reported_but_not_printed() {
    let servers = Servers::start_each([Server::builder().password("right")]);
    let url = format!("redis://:hunter2@127.0.0.1:{}", servers[0].port());
    for verb in [&["lock", "a", "60000"][..], &["unlock", "a", "key"]] {
        let ran = Ran::of(redlock([url.as_str()]).args(verb)).expect(3);
        assert!(ran.err.contains("authentication failed"), "{ran:?}");
        ran.has_no_password();
    }
    Ran::on(&servers, ["lock", "a", "60000"]).expect(0);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn nodes_and_prefix_come_from_the_environment() {
    let servers = Servers::start(3);
    let ran = Ran::of(
        redlock([])
            .args(["lock", "a", "60000"])
            .env("REDLOCK_NODES", servers.urls().join(" , "))
            .env("REDLOCK_KEY_PREFIX", "app:"),
    )
    .expect(0);
    assert!(holders(&servers, "app:a", ran.out.trim_end()) >= 2);
    Ran::on(&servers, ["status", "a"]).expect(1);
    Ran::on(&servers, ["--key-prefix=app:", "status", "a"]).expect(0);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn options_come_from_the_environment() {
    let servers = Servers::start(1);
    let run = |args: &[&str], variable: &str, value: &str| {
        Ran::of(redlock_on(&servers).args(args).env(variable, value))
    };
    let max_ttl = "REDLOCK_MAX_TTL";
    let refused = run(&["lock", "a", "5000"], max_ttl, "4s").expect(2);
    assert!(refused.err.contains("ttl is 5s"), "{refused:?}");
    let key = run(&["lock", "a", "4000"], max_ttl, "4s").expect(0).out;
    // The default ttl is beyond this maximum, but nothing is acquired.
    run(&["status", "a"], max_ttl, "4s").expect(0);
    run(&["unlock", "a", key.trim_end()], max_ttl, "4s").expect(0);
    run(&["status", "a"], max_ttl, "4s").expect(1);

    let key = lock(&servers, "a", "60000");
    let start = std::time::Instant::now();
    // Three retries would take up to 30 s each.
    let args = ["lock", "--retry-delay", "30000", "a", "1000"];
    run(&args, "REDLOCK_RETRY_COUNT", "1").expect(1);
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(holders(&servers, "a", &key), 1);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_whose_key_cannot_be_printed_is_released() {
    let servers = Servers::start(3);
    let mut command = redlock_on(&servers);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let args = ["lock", "a", "60000"];
    let output = command.args(args).stdout(writer).output();
    assert_eq!(output.unwrap().status.code(), Some(3));
    for server in &servers {
        let probe = server.probe();
        eventually("no key is left", TIMEOUT, || !probe.exists("a")).await;
    }
}
