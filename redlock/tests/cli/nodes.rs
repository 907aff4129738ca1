//! The health of nodes, and the exit codes that monitoring relies on.

use std::time::Instant;

use deadpool_redis::redis;
use redlock_tests::{Server, ServerBuilder, Servers};
use rustix::process::Signal;

use super::command::{Ran, Started, TIMEOUT, redlock, redlock_on};

/// Runs `redlock nodes` on these URLs.
#[track_caller]
fn nodes<'a>(urls: impl IntoIterator<Item = &'a str>) -> Ran {
    Ran::of(redlock(urls).args(["nodes"]))
}

fn start(builder: &ServerBuilder) -> Servers {
    Servers::start_each((0..3).map(|_| builder.clone()))
}

impl Ran {
    /// Returns the line of the table for a server.
    #[track_caller]
    fn row(&self, server: &Server) -> &str {
        let node = format!("127.0.0.1:{} ", server.port());
        let mut lines = self.out.lines();
        lines.find(|line| line.starts_with(&node)).unwrap()
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.out.contains(text), "{text}: {self:?}");
        self
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn healthy_nodes_exit_with_0() {
    let servers = Servers::start(5);
    let ran = Ran::on(&servers, ["nodes"]).expect(0);
    assert_eq!(ran.err, "");
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(lines.len(), 7, "{ran:?}");
    assert!(lines[0].starts_with("NODE "), "{ran:?}");
    for server in &servers {
        let row = ran.row(server);
        for cell in [" ok ", " master ", " none ", " noeviction ", " hinted"] {
            assert!(row.contains(cell), "{row}");
        }
        assert!(row.contains(" redis ") || row.contains(" valkey "), "{row}");
    }
    assert_eq!(lines[6], "5 of 5 nodes usable, 3 needed: 2 more may fail");
    // Not a terminal.
    assert!(!ran.out.contains('\u{1b}'), "{ran:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn the_health_of_nodes_in_json_has_all_that_is_known() {
    let servers = Servers::start(3);
    let json = Ran::on(&servers, ["nodes", "--json"]).expect(0).json();
    assert_eq!(json["outcome"], "ok");
    assert_eq!((&json["usable"], &json["needed"]), (&3.into(), &2.into()));
    assert_eq!(json["warnings"], serde_json::json!([]));
    for (node, server) in json["nodes"].as_array().unwrap().iter().zip(&servers) {
        assert_eq!(node["node"], format!("127.0.0.1:{}", server.port()));
        assert_eq!(
            (&node["health"], &node["role"]),
            (&"ok".into(), &"master".into())
        );
        for field in ["round_trip_us", "uptime_s", "replicas", "clock_error_us"] {
            assert!(node[field].is_u64(), "{field}: {node}");
        }
        assert!(node["clock_offset_us"].is_i64(), "{node}");
        assert_eq!(node["deployment"], json["nodes"][0]["deployment"]);
        assert!(node["deployment"].is_string() && node["run_id"].is_string());
        assert_eq!(node["notifies"], true);
        assert_eq!(node["cause"], serde_json::Value::Null);
    }
    servers[0].kill();
    let json = Ran::on(&servers, ["nodes", "--json"]).expect(1).json();
    assert_eq!(
        (&json["outcome"], &json["usable"]),
        (&"attention".into(), &2.into())
    );
    assert_eq!(json["nodes"][0]["health"], "down");
    assert!(
        json["nodes"][0]["cause"]
            .as_str()
            .unwrap()
            .contains("cannot connect")
    );
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn dead_nodes_need_attention_until_there_is_no_quorum() {
    let servers = Servers::start(3);
    nodes(servers.urls().iter().map(String::as_str)).expect(0);
    servers[0].kill();
    let ran = Ran::on(&servers, ["nodes"]).expect(1);
    assert!(ran.row(&servers[0]).contains(" down "), "{ran:?}");
    ran.says("is not usable: cannot connect")
        .says("\n2 of 3 nodes usable, 2 needed: no more of them may fail\n");
    servers[1].kill();
    let ran = Ran::on(&servers, ["nodes"]).expect(3);
    ran.says("\n1 of 3 nodes usable, 2 needed: no lock can be had\n");
    let durable = Ran::on(&servers, ["nodes", "--token-durability=3"]).expect(3);
    durable.says("\n1 of 3 nodes usable, 3 needed");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_hung_node_delays_the_report_for_a_bounded_time() {
    let servers = Servers::start(3);
    Ran::on(&servers, ["nodes"]).expect(0);
    servers[1].pause();
    let start = Instant::now();
    let ran = Ran::on(&servers, ["nodes"]).expect(1);
    assert!(start.elapsed() < TIMEOUT / 4, "{:?}", start.elapsed());
    servers[1].resume();
    assert!(!ran.row(&servers[1]).contains(" ok "), "{ran:?}");
    ran.says("2 of 3 nodes usable");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn settings_that_weaken_locks_need_attention() {
    let evicting = Server::builder().arg("--maxmemory-policy", "allkeys-lru");
    let ran = Ran::on(&start(&evicting), ["nodes"]).expect(1);
    ran.says("maxmemory-policy is allkeys-lru")
        .says("3 of 3 nodes usable");

    let logged = Server::builder().args(["--appendonly", "yes", "--appendfsync", "always"]);
    Ran::on(&start(&logged), ["nodes"])
        .expect(0)
        .says(" aof always ");

    let servers = Servers::start(4);
    let replica = redis::cmd("REPLICAOF")
        .arg("127.0.0.1")
        .arg(servers[0].port())
        .clone();
    servers[3].probe().query::<()>(&replica);
    let urls = servers.urls();
    let until = Instant::now() + TIMEOUT;
    let ran = loop {
        let ran = nodes(urls[..3].iter().map(String::as_str));
        if ran.out.contains("replica") {
            break ran.expect(1);
        }
        assert!(Instant::now() < until, "{ran:?}");
    };
    ran.says("1 replica is connected, and one that is promoted lacks the latest locks");
    // The replica itself has no vote, so four nodes cannot form a deployment.
    let ran = Ran::on(&servers, ["nodes", "--key-prefix=other:"]).expect(3);
    assert!(ran.row(&servers[3]).contains(" replica "), "{ran:?}");
    ran.says("the server is a replica: configure masters only")
        .says("4 nodes tolerate no more failures than 3 would");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn servers_that_cannot_be_nodes_say_why() {
    let sentinel = Server::builder().sentinel().start();
    let member = Server::builder().arg("--cluster-enabled", "yes").start();
    let locked = Server::builder().password("hunter2").start();
    let port = locked.port();
    let wrong = format!("redis://:hunter3@127.0.0.1:{port}");
    let urls = [sentinel.url(), member.url(), wrong];
    let ran = nodes(urls.iter().map(String::as_str)).expect(3);
    assert!(ran.row(&sentinel).contains(" sentinel "), "{ran:?}");
    assert!(ran.row(&member).contains(" cluster "), "{ran:?}");
    ran.says("is a Sentinel, which stores no keys")
        .says("is a member of a Redis Cluster")
        .says("authentication failed")
        .says("\n0 of 3 nodes usable");
    assert!(!format!("{ran:?}").contains("hunter"), "{ran:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn nodes_of_other_deployments_are_named() {
    let (ours, theirs) = (Servers::start(3), Servers::start(3));
    Ran::on(&ours, ["nodes"]).expect(0);
    Ran::on(&theirs, ["nodes"]).expect(0);
    let (ours, theirs) = (ours.urls(), theirs.urls());
    let mixed = [&ours[0], &ours[1], &theirs[2]];
    let ran = nodes(mixed.into_iter().map(String::as_str)).expect(1);
    ran.says("it belongs to another deployment");
    let ran = nodes(ours[..2].iter().map(String::as_str)).expect(3);
    ran.says("its deployment has 3 nodes, but 2 are configured here");
    let again = ours[0].replace("127.0.0.1", "localhost");
    let twice = [&ours[0], &ours[1], &again];
    let ran = nodes(twice.into_iter().map(String::as_str)).expect(1);
    ran.says("it is the same server as 127.0.0.1:");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_report_is_not_held_up_by_a_closed_stdout() {
    let servers = Servers::start(3);
    let mut command = redlock_on(&servers);
    command.arg("nodes").stdout(std::process::Stdio::null());
    let status = command.status().unwrap();
    assert_eq!(status.code(), Some(0));
    // A signal ends it while it waits for a node.
    servers[0].pause();
    let started = Started::new(redlock_on(&servers).arg("nodes"));
    started.signal(Signal::TERM);
    let ran = started.finish();
    servers[0].resume();
    assert_eq!(ran.code, -Signal::TERM.as_raw(), "{ran:?}");
}
