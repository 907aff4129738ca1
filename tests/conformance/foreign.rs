//! Cases for several keys that only a server can have: foreign data, replicas, limits and slots.

use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock::NodeErrorKind;
use redlock::node::{Extension, Fence, Raised, Rearmed, Removal, Vote};
use redlock_tests::Server;

use crate::commands::Form;
use crate::subject::{Subject, on, server};

/// Long enough not to expire in any test.
const LONG: Duration = Duration::from_secs(60);

fn make_list(node: &Subject, key: &str) {
    let push = cmd("RPUSH").arg(key).arg("data").clone();
    node.probe().query::<()>(&push);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_of_another_type_among_several_is_not_a_lock() {
    let node = server();
    let keys = ["a", "b", "c"];
    make_list(&node, "b");
    node.acquire(b"c", "1", LONG).get().await;
    for form in [Form::First, Form::Contended] {
        let vote = node.acquire_fenced(keys, "2", 100, form).get().await;
        assert_eq!(vote, Vote::NotALock);
        let vote = node.acquire(keys, "2", LONG).get().await;
        assert_eq!(vote, Vote::NotALock);
    }
    assert_eq!(node.extend(keys, "1", LONG).get().await, Extension::NotHeld);
    assert_eq!(node.raise(keys, "1", 100).get().await, Raised::NotHeld);
    assert_eq!(node.release(keys, "1").get().await, Removal::Deleted);
    assert_eq!(node.probe().keys(), ["b"]);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_without_expiry_among_several_reports_no_time() {
    let node = server();
    for order in [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]] {
        let [endless, longer, shorter] = order;
        node.probe().set(endless, "data", None);
        node.probe().set(longer, "data", LONG * 2);
        node.probe().set(shorter, "data", LONG);
        for form in [Form::First, Form::Contended] {
            let vote = node.acquire_fenced(order, "1", 100, form).get().await;
            let endless = Vote::Busy {
                remaining: None,
                counter: None,
                rank: None,
            };
            assert_eq!(vote, endless);
            assert_eq!(node.acquire(order, "1", LONG).get().await, endless);
        }
    }
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_invalid_counter_prevents_a_lock_on_several_keys() {
    let node = server();
    let keys = ["a", "b"];
    make_list(&node, "{b}:fence");
    let vote = node.acquire_fenced(keys, "1", 100, Form::First);
    let refused = vote.outcome().await.unwrap_err();
    assert_eq!(refused.kind(), NodeErrorKind::Counter);
    node.acquire(keys, "1", LONG).get().await;
    let refused = node.raise(keys, "1", 100).outcome().await.unwrap_err();
    assert_eq!(refused.kind(), NodeErrorKind::Counter);
    let adopted = node.adopt(keys, ["1", "2"], Fence::new(100, LONG));
    let refused = adopted.outcome().await.unwrap_err();
    assert_eq!(refused.kind(), NodeErrorKind::Counter);
    assert_eq!(node.probe().get("a").as_deref(), Some("1"));
    assert_eq!(node.probe().keys(), ["a", "b", "{b}:fence"]);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_replica_rejects_acquires_of_several_keys() {
    let node = server();
    node.acquire(b"b", "1", LONG).get().await;
    let elsewhere = Server::start();
    let port = elsewhere.port().to_string();
    let follow = cmd("REPLICAOF").arg("127.0.0.1").arg(&port).clone();
    node.probe().config_set("replica-serve-stale-data", "yes");
    node.probe().query::<()>(&follow);
    for keys in [["a", "b"], ["c", "d"]] {
        for form in [Form::First, Form::Contended] {
            let vote = node.acquire_fenced(keys, "2", 100, form).outcome().await;
            let refused = vote.unwrap_err();
            assert_eq!(refused.kind(), NodeErrorKind::ReadOnly, "{refused}");
            let vote = node.acquire(keys, "2", LONG).outcome().await;
            assert_eq!(vote.unwrap_err().kind(), NodeErrorKind::ReadOnly);
        }
    }
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_full_server_grants_none_of_several_keys() {
    let node = server();
    node.acquire(b"b", "1", LONG).get().await;
    node.probe().config_set("maxmemory", 1);
    for keys in [["a", "b"], ["c", "d"]] {
        let vote = node.acquire_fenced(keys, "2", 100, Form::First);
        let refused = vote.outcome().await.unwrap_err();
        assert_eq!(refused.kind(), NodeErrorKind::OutOfMemory, "{refused}");
        let refused = node.acquire(keys, "2", LONG).outcome().await.unwrap_err();
        assert_eq!(refused.kind(), NodeErrorKind::OutOfMemory, "{refused}");
    }
    assert_eq!(node.probe().keys(), ["b"]);
    let extended = node.extend(b"b", "1", LONG).get().await;
    assert_eq!(extended, Extension::Confirmed);
    assert_eq!(node.release(b"b", "1").get().await, Removal::Deleted);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn keys_in_different_slots_are_rejected_with_the_reason() {
    // The handshake refuses a member of a cluster, unless it cannot find out.
    let mut cluster = Server::builder().arg("--cluster-enabled", "yes");
    for command in ["HELLO", "INFO"] {
        cluster = cluster.args(["--rename-command", command, ""]);
    }
    let node = on(cluster.start());
    let all = cmd("CLUSTER")
        .arg("ADDSLOTSRANGE")
        .arg(0)
        .arg(16383)
        .clone();
    node.probe().query::<()>(&all);
    redlock_tests::eventually("the cluster is up", Duration::from_secs(20), || {
        let state: String = node.probe().query(cmd("CLUSTER").arg("INFO"));
        state.contains("cluster_state:ok")
    })
    .await;
    let keys = ["a", "b"];
    let outcomes = [
        node.acquire(keys, "1", LONG).outcome().await.err(),
        node.acquire_fenced(keys, "1", 100, Form::First)
            .outcome()
            .await
            .err(),
        node.extend(keys, "1", LONG).outcome().await.err(),
        node.raise(keys, "1", 100).outcome().await.err(),
        node.release(keys, "1").outcome().await.err(),
    ];
    for refused in outcomes {
        let refused = refused.expect("the keys are in different slots");
        assert_eq!(refused.kind(), NodeErrorKind::Unsuitable);
        assert!(refused.message().starts_with("CROSSSLOT"), "{refused}");
    }
    let keys = ["{x}a", "{x}b"];
    let vote = node.acquire_fenced(keys, "1", 100, Form::First).get().await;
    assert!(matches!(vote, Vote::Granted { .. }), "{vote:?}");
    assert_eq!(node.release(keys, "1").get().await, Removal::Deleted);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_rearm_leaves_data_and_corrupt_counters_alone() {
    let node = server();
    make_list(&node, "a");
    let rearmed = node.rearm(b"a", "1", LONG, None).get().await;
    assert_eq!(rearmed, Rearmed::NotALock);
    make_list(&node, "{b}:fence");
    let rearmed = node.rearm(b"b", "1", LONG, Some((7, LONG))).get().await;
    assert_eq!(rearmed, Rearmed::Armed);
    let kind = node.probe().query::<String>(cmd("TYPE").arg("{b}:fence"));
    assert_eq!(kind, "list");
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_replica_confirms_nothing() {
    let (master, replica) = (Server::start(), Server::start());
    let node = on(replica);
    node.acquire(b"a", "1", LONG).get().await;
    let mut replicate = cmd("REPLICAOF");
    replicate.arg("127.0.0.1").arg(master.port());
    master.probe().set("a", "1", LONG * 2);
    node.probe().query::<()>(&replicate);
    redlock_tests::eventually("the replica has the key", LONG, || {
        node.probe().pttl("a").is_some_and(|left| left > LONG)
    })
    .await;
    // Far below what is left, so that nothing would have to be written.
    let extended = node.extend(b"a", "1", LONG / 60).outcome().await;
    assert_eq!(extended.unwrap_err().kind(), NodeErrorKind::ReadOnly);
    let rearmed = node.rearm(b"a", "1", LONG / 60, None).outcome().await;
    assert_eq!(rearmed.unwrap_err().kind(), NodeErrorKind::ReadOnly);
    let adopted = node.adopt(b"a", ["1", "2"], None).outcome().await;
    assert_eq!(adopted.unwrap_err().kind(), NodeErrorKind::ReadOnly);
    let returned = node.return_to(b"a", ["1", "2"]).outcome().await;
    assert_eq!(returned.unwrap_err().kind(), NodeErrorKind::ReadOnly);
}
