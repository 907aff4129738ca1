//! Servers that cannot be nodes: Sentinels, members of a Redis Cluster, and replicas.

use deadpool_redis::redis;
use redlock::node::NodeHealth;
use redlock::{ConnectError, NodeErrorKind, Redlock};
use redlock_tests::{Server, Servers, eventually};

use crate::common::{SOON, limited};

/// Checks that connecting fails, and that each node names its kind.
async fn assert_refused(urls: Vec<String>, kind: NodeErrorKind, named: &str) {
    let refused = Redlock::connect(urls.clone()).await.unwrap_err();
    let ConnectError::NoQuorum { failures, .. } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(failures.len(), urls.len(), "{refused}");
    for failure in failures.iter() {
        assert_eq!(failure.error().kind(), kind, "{failure}");
        assert!(failure.to_string().contains(named), "{failure}");
    }
    let lazy = Redlock::builder().nodes(urls).build().unwrap();
    for report in lazy.nodes().await {
        let NodeHealth::Down(cause) = &report.health else {
            panic!("{report:?}")
        };
        assert_eq!(cause.kind(), kind, "{cause}");
        assert!(cause.message().contains(named), "{cause}");
    }
}

fn with_resp2(urls: &[String]) -> Vec<String> {
    urls.iter()
        .map(|url| format!("{url}?protocol=resp2"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_sentinel_is_refused_by_its_name() {
    let servers = Servers::start_each((0..2).map(|_| Server::builder().sentinel()));
    let (kind, named) = (NodeErrorKind::Unsuitable, "is a Sentinel");
    assert_refused(servers.urls(), kind, named).await;
    assert_refused(with_resp2(&servers.urls()), kind, named).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_member_of_a_cluster_is_refused_by_its_name() {
    let servers =
        Servers::start_each((0..2).map(|_| Server::builder().arg("--cluster-enabled", "yes")));
    let (kind, named) = (NodeErrorKind::Unsuitable, "member of a Redis Cluster");
    assert_refused(servers.urls(), kind, named).await;
    assert_refused(with_resp2(&servers.urls()), kind, named).await;
    assert_refused(limited(&servers, &["-info"]), kind, named).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_replica_is_refused_with_whatever_rights() {
    let servers = Servers::start(3);
    let port = servers[0].port().to_string();
    for server in &servers[1..] {
        let follow = redis::cmd("REPLICAOF").arg("127.0.0.1").arg(&port).clone();
        server.probe().query::<()>(&follow);
    }
    eventually("the replicas have synced", SOON, || {
        let info: String = servers[0]
            .probe()
            .query(redis::cmd("INFO").arg("replication"));
        info.matches("state=online").count() == 2
    })
    .await;
    let denied = [&[][..], &["-info"], &["-info", "-role"]];
    for denied in denied {
        // Replicas do not get the users of their master.
        let urls = limited(&servers, denied).split_off(1);
        let (kind, named) = (NodeErrorKind::ReadOnly, "is a replica");
        assert_refused(urls.clone(), kind, named).await;
        // Without `HELLO`, `ROLE` shows the kind. Without both, a write does.
        assert_refused(with_resp2(&urls), kind, named).await;
    }
}
