//! A probe lock on every node, and what it finds.

use std::time::{Duration, Instant};

use deadpool_redis::redis;
use redlock_tests::{Server, Servers};
use rustix::process::Signal;

use super::command::{Ran, Started, TIMEOUT, redlock, redlock_on};

/// Runs `redlock check` on these URLs, with options.
#[track_caller]
fn check<'a>(urls: impl IntoIterator<Item = &'a str>, options: &[&str]) -> Ran {
    Ran::of(redlock(urls).arg("check").args(options))
}

/// Creates the user of the operations guide, without some rights, and returns the URLs for that user.
fn limited(servers: &Servers, without: &[&str]) -> Vec<String> {
    let guide = include_str!("../../src/guide/operations.md");
    let line = guide.lines().find(|line| line.starts_with("ACL SETUSER "));
    let mut words = line.unwrap().split(' ');
    let mut user = redis::cmd(words.next().unwrap());
    user.arg(words.collect::<Vec<_>>()).arg(without);
    let urls = servers.iter().map(|server| {
        server.probe().query::<()>(&user);
        format!("redis://locks:password@127.0.0.1:{}", server.port())
    });
    urls.collect()
}

/// Checks that nothing is left but identity records and keys of the probe that expire, which end in one
/// of these words.
#[track_caller]
fn assert_only_these_are_left(server: &Server, words: &[&str]) {
    for key in server.probe().keys() {
        if key.ends_with("redlock:node") {
            continue;
        }
        let is_expected = words.iter().any(|word| key.ends_with(word));
        assert!(key.contains("redlock-check:") && is_expected, "{key}");
        let left = server.probe().pttl(&key).unwrap_or_default();
        assert!(left <= Duration::from_secs(150), "{key}: {left:?}");
    }
}

#[track_caller]
fn assert_only_counters_are_left(server: &Server) {
    assert_only_these_are_left(server, &[":fence"]);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn healthy_nodes_pass_and_nothing_is_left() {
    let servers = Servers::start(3);
    let ran = Ran::on(&servers, ["check"]).expect(0);
    assert_eq!(ran.err, "");
    ran.says("\na quorum of nodes grants within ")
        .says("\na quorum granted the probe lock in ")
        .says(" with token ");
    assert!(ran.out.ends_with("\nall is well\n"), "{ran:?}");
    servers.iter().for_each(assert_only_counters_are_left);

    let json = Ran::on(&servers, ["check", "--json"]).expect(0).json();
    assert_eq!(json["outcome"], "ok");
    assert_eq!(json["warnings"], serde_json::json!([]));
    assert_eq!(json["quorum"]["granted"], true);
    assert!(json["quorum"]["token"].is_u64(), "{json}");
    assert_eq!(
        (&json["ttl_ms"], &json["node_timeout_ms"]),
        (&30_000.into(), &1_000.into())
    );
    for node in json["nodes"].as_array().unwrap() {
        for step in [
            "connect", "identify", "acquire", "contend", "extend", "read", "token",
        ] {
            assert_eq!(node["steps"][step], "ok", "{step}: {json}");
        }
        assert_eq!(node["steps"]["release"], "hinted", "{json}");
        assert!(
            node["p99_us"].as_u64() >= node["median_us"].as_u64(),
            "{json}"
        );
        assert_eq!(node["health"], "ok");
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn every_right_that_is_missing_is_named() {
    let servers = Servers::start(1);
    let run = |without: &[&str]| {
        let urls = limited(&servers, without);
        let options = ["--key-prefix=app:"];
        check(urls.iter().map(String::as_str), &options)
    };
    let all = run(&[]).expect(1);
    // Only the number of nodes.
    all.says("\n1 matter needs attention\n");
    let required = [
        "set", "get", "del", "type", "pttl", "pexpire", "zadd", "zscore", "ping",
    ];
    let optional = [
        "evalsha",
        "eval",
        "script|load",
        "info",
        "time",
        "exists",
        "client|tracking",
        "client|caching",
        "config|get",
        "pubsub|numsub",
        "zrank",
        "zrem",
        "zpopmin",
        "publish",
        "subscribe",
    ];
    for right in required.into_iter().chain(optional) {
        let ran = run(&[&format!("-{right}")]);
        let warnings = ran.out.lines().filter(|it| it.starts_with("warning: 127"));
        let named = warnings.filter(|it| it.contains(&format!("+{right}")));
        assert!(named.count() > 0, "{right}: {ran:?}");
        // Without these two, the node has no vote until its server has run for max_ttl.
        if ["info", "time"].contains(&right) {
            continue;
        }
        let is_usable = optional.contains(&right) || ["type", "zscore", "ping"].contains(&right);
        assert_eq!(ran.code, if is_usable { 1 } else { 3 }, "{right}: {ran:?}");
    }
    run(&["resetchannels"]).says("allow &redlock:*");
    let ran = run(&["-eval", "-evalsha"]).expect(3);
    ran.says("neither EVALSHA nor EVAL").says("allow +evalsha");
    let ran = run(&["resetkeys", "~other:*"]).expect(3);
    ran.says("allow the keys of your prefix");
    // Without all rights, a waiting list cannot be left either.
    assert_only_these_are_left(&servers[0], &[":fence", ":wait"]);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn nodes_that_fail_are_named_with_the_cause() {
    let servers = Servers::start(5);
    Ran::on(&servers, ["nodes"]).expect(0);
    servers[0].kill();
    servers[1].pause();
    let start = Instant::now();
    let ran = Ran::on(&servers, ["check"]).expect(1);
    assert!(start.elapsed() < TIMEOUT / 3, "{:?}", start.elapsed());
    servers[1].resume();
    let node = |server: usize| {
        format!(
            "warning: 127.0.0.1:{}: it cannot be used: ",
            servers[server].port()
        )
    };
    ran.says(&format!("{}cannot connect", node(0)))
        .says("check that the server runs")
        .says(&node(1))
        .says("\n2 matters need attention\n");
    servers[1].kill();
    servers[2].kill();
    let ran = Ran::on(&servers, ["check"]).expect(3);
    ran.says("\na quorum did not grant the probe lock: ")
        .says("\nno lock can be had\n");
    let json = Ran::on(&servers, ["check", "--json"]).expect(3).json();
    assert_eq!(json["outcome"], "no-quorum");
    assert_eq!(json["quorum"]["granted"], false);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn servers_and_passwords_that_do_not_fit_are_named() {
    let sentinel = Server::builder().sentinel().start();
    let member = Server::builder().arg("--cluster-enabled", "yes").start();
    let locked = Server::builder().password("hunter2").start();
    let wrong = format!("redis://:hunter3@127.0.0.1:{}", locked.port());
    let urls = [sentinel.url(), member.url(), wrong];
    let ran = check(urls.iter().map(String::as_str), &[]).expect(3);
    ran.says("is a Sentinel, which stores no keys")
        .says("is a member of a Redis Cluster")
        .says("check the user and the password in its URL");
    assert!(!format!("{ran:?}").contains("hunter"), "{ran:?}");

    let weak = Server::builder().arg("--maxmemory-policy", "allkeys-lru");
    let servers = Servers::start_each((0..4).map(|_| weak.clone()));
    let ran = Ran::on(&servers, ["check", "--ttl=10ms", "--node-timeout=2ms"]);
    ran.says("maxmemory-policy is allkeys-lru")
        .says("4 nodes tolerate no more failures than 3 would");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn one_server_under_two_names_is_found_with_and_without_info() {
    let servers = Servers::start(2);
    for without in [&[][..], &["-info"]] {
        let mut urls = limited(&servers, without);
        urls.push(urls[0].replace("127.0.0.1", "localhost"));
        let ran = check(urls.iter().map(String::as_str), &["--key-prefix=app:"]);
        let port = servers[0].port();
        let is_named = |text: &str| ran.out.contains(&format!("localhost:{port}{text}"));
        assert!(
            is_named(" is not usable: node does not belong here: it is the same server as")
                || is_named(&format!(" and 127.0.0.1:{port} are one server"))
                || ran.out.contains(&format!(
                    "127.0.0.1:{port} and localhost:{port} are one server"
                )),
            "{ran:?}"
        );
        ran.says(" same ");
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_deployment_of_others_is_named_and_not_disturbed() {
    let (ours, theirs) = (Servers::start(3), Servers::start(3));
    Ran::on(&ours, ["nodes"]).expect(0);
    Ran::on(&theirs, ["nodes"]).expect(0);
    let records = || -> Vec<Option<String>> {
        let servers = ours.iter().chain(&theirs);
        servers.map(|it| it.probe().get("redlock:node")).collect()
    };
    let before = records();
    let (first, last) = (ours.urls(), theirs.urls());
    let mixed = [&first[0], &first[1], &last[2]];
    let ran = check(mixed.into_iter().map(String::as_str), &[]).expect(1);
    ran.says("it belongs to another deployment");
    let ran = check(first[..1].iter().map(String::as_str), &[]).expect(3);
    ran.says("its deployment has 3 nodes, but 1 are configured here");
    assert_eq!(records(), before);
    Ran::on(&ours, ["check"]).expect(0);
    assert_eq!(records(), before);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_check_that_is_interrupted_leaves_nothing() {
    let servers = Servers::start(3);
    Ran::on(&servers, ["nodes"]).expect(0);
    // In the middle of the steps, and of the measurement.
    for delay in [0, 5, 10, 20, 40, 80] {
        let checking = Started::new(redlock_on(&servers).arg("check"));
        std::thread::sleep(Duration::from_millis(20 + delay));
        checking.signal(Signal::INT);
        let ran = checking.finish();
        assert!([-2, 0, 130].contains(&ran.code), "{ran:?}");
        servers.iter().for_each(assert_only_counters_are_left);
    }
}
