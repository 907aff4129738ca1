//! Reports about servers: what they are, how they are set up, and what weakens their locks.

use std::collections::BTreeSet;
use std::time::Duration;

use deadpool_redis::redis;
use redlock::node::{Fsync, NodeRole, Persistence};
use redlock::{NodeReport, NodeWarning, Redlock};
use redlock_tests::{Server, ServerBuilder, Servers, eventually};

use crate::common::{MS, SOON, form, healthy, limited, with_documented_rights};

/// Returns the report about one server.
async fn report(url: String) -> NodeReport {
    let redlock = Redlock::connect([url]).await.unwrap();
    redlock.nodes().await.remove(0)
}

async fn persistence(server: ServerBuilder) -> Option<Persistence> {
    report(server.start().url()).await.persistence
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn what_a_server_writes_to_disk_is_reported() {
    let log = |fsync| Server::builder().args(["--appendonly", "yes", "--appendfsync", fsync]);
    let of = |fsync| Some(Persistence::Log(Some(fsync)));
    assert_eq!(persistence(log("always")).await, of(Fsync::Always));
    assert_eq!(persistence(log("everysec")).await, of(Fsync::EverySecond));
    assert_eq!(persistence(log("no")).await, of(Fsync::Never));
    let snapshots = Server::builder().args(["--save", "3600 1"]);
    assert_eq!(persistence(snapshots).await, Some(Persistence::Snapshots));
    assert_eq!(
        persistence(Server::builder()).await,
        Some(Persistence::None)
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn what_a_user_may_not_read_is_unknown() {
    let servers = Servers::start(1);
    let urls = limited(&servers, &["-config|get"]);
    let reported = report(urls[0].clone()).await;
    assert_eq!(reported.persistence, Some(Persistence::NoLog));
    let urls = limited(&servers, &["-info", "-time"]);
    let redlock = Redlock::builder().nodes(urls).build().unwrap();
    let reported = redlock.nodes().await.remove(0);
    assert_eq!(reported.warnings, [NodeWarning::Unverified]);
    assert_eq!(reported.persistence, None);
    assert_eq!((reported.uptime, reported.replicas), (None, None));
    assert_eq!((reported.eviction, reported.clock_offset), (None, None));
    // `HELLO` shows it too.
    assert_eq!(reported.role, Some(NodeRole::Master));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_server_is_described_with_the_documented_rights() {
    let servers = Servers::start(3);
    let urls = with_documented_rights(&servers);
    let redlock = Redlock::builder().nodes(urls).key_prefix("app:");
    let redlock = redlock.connect().await.unwrap();
    healthy(&redlock).await;
    let reports = redlock.nodes().await;
    for report in &reports {
        assert_eq!(report.role, Some(NodeRole::Master));
        assert_eq!(report.persistence, Some(Persistence::None));
        assert_eq!(report.eviction.as_deref(), Some("noeviction"));
        assert_eq!(report.replicas, Some(0));
        assert!(report.uptime.unwrap() < SOON);
        // The server has the clock of this machine.
        let offset = report.clock_offset.unwrap();
        assert!(!offset.exceeds(Duration::from_millis(100)), "{offset}");
        let deployment = report.deployment.as_ref().unwrap();
        assert_eq!(deployment.nodes, 3);
        assert_eq!(deployment.max_ttl, Duration::from_secs(60));
        assert_eq!(report.deployment, reports[0].deployment);
    }
    assert_ne!(reports[0].run_id, reports[1].run_id);
}

/// Returns the rules that one server has refused to the documented user without these rights.
async fn missing_rights(servers: &Servers, without: &[&str]) -> BTreeSet<String> {
    let url = with_documented_rights(servers).remove(0);
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("locks").arg(without);
    servers[0].probe().query::<()>(&user);
    let redlock = Redlock::builder().node(&*url).key_prefix("app:");
    let redlock = redlock.build().unwrap();
    let mut report = redlock.nodes().await.remove(0);
    // Hints are tried behind the identification.
    let start = std::time::Instant::now();
    while !report.hints && start.elapsed() < Duration::from_millis(300) {
        tokio::time::sleep(MS).await;
        report = redlock.known_nodes().remove(0);
    }
    report
        .missing_rights
        .iter()
        .map(|it| (**it).to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn every_optional_right_that_is_missing_is_named() {
    let servers = Servers::start(1);
    let beyond = missing_rights(&servers, &[]).await;
    for right in &beyond {
        let documented_as_extra = ["+client|info", "+command|info", "+client|kill"];
        assert!(documented_as_extra.contains(&&**right), "{right}");
    }
    // `HELLO` cannot be denied: it belongs to those that authenticate.
    let commands = [
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
        "evalsha",
        "eval",
        "script|load",
        "script|exists",
    ];
    for command in commands {
        let missing = missing_rights(&servers, &[&format!("-{command}")]).await;
        let expected = format!("+{command}");
        assert!(missing.contains(&expected), "{expected}: {missing:?}");
        assert_eq!(missing.difference(&beyond).count(), 1, "{missing:?}");
    }
    let missing = missing_rights(&servers, &["resetchannels"]).await;
    assert!(missing.contains("&redlock:*"), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn replicas_and_refused_servers_are_reported() {
    let servers = Servers::start(2);
    let mut follow = redis::cmd("REPLICAOF");
    follow.arg("127.0.0.1").arg(servers[0].port());
    servers[1].probe().query::<()>(&follow);
    eventually("the replica is connected", SOON, || {
        let mut info = redis::cmd("INFO");
        let info: String = servers[0].probe().query(info.arg("replication"));
        info.contains("state=online")
    })
    .await;
    let master = report(servers[0].url()).await;
    assert_eq!(master.replicas, Some(1));
    assert_eq!(master.warnings, [NodeWarning::Replicas(1)]);
    let text = master.warnings[0].to_string();
    assert!(text.starts_with("1 replica is connected"), "{text}");

    let sentinel = Server::builder().sentinel().start();
    let member = Server::builder().arg("--cluster-enabled", "yes").start();
    let refused = [
        (servers[1].url(), NodeRole::Replica),
        (sentinel.url(), NodeRole::Sentinel),
        (member.url(), NodeRole::ClusterMember),
    ];
    for (url, role) in refused {
        let redlock = Redlock::builder().node(&*url).build().unwrap();
        let report = redlock.nodes().await.remove(0);
        assert_eq!(report.role, Some(role));
        assert!(!report.is_usable() && report.server.is_some(), "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_node_of_another_deployment_names_it() {
    let (ours, theirs) = (Servers::start(3), Servers::start(3));
    form(&ours).await;
    form(&theirs).await;
    let foreign = report_of_third(&ours, theirs[2].url()).await;
    assert!(!foreign.is_usable(), "{foreign:?}");
    let first = report_of_third(&theirs, theirs[2].url()).await;
    assert!(first.is_usable(), "{first:?}");
    assert_eq!(foreign.deployment, first.deployment);
}

/// Returns the report of a manager about its third node, which is at `url`.
async fn report_of_third(servers: &Servers, url: String) -> NodeReport {
    let urls = [servers[0].url(), servers[1].url(), url];
    let redlock = Redlock::connect(urls).await.unwrap();
    redlock.nodes().await.remove(2)
}
