//! Labels of holders, in status, in errors, and in the report of a release by force.

use std::time::Duration;

use redlock::node::Fault;
use redlock::{ConfigError, LockError, LossReason, MemoryNode, Redlock, RedlockBuilder, Status};

use crate::common::{MS, NODE_TIMEOUT, SECOND, Stopwatch, TTL, cluster, holding, settle};

fn labelled(nodes: &[MemoryNode], label: &str) -> Redlock {
    builder(nodes).label(label).build().unwrap()
}

fn builder(nodes: &[MemoryNode]) -> RedlockBuilder {
    Redlock::builder().nodes(nodes.iter().cloned())
}

/// The number of nodes that have a label.
fn labels(status: &Status) -> usize {
    let records = status
        .nodes()
        .iter()
        .filter_map(|it| it.record.as_ref().ok());
    let labels = records.flatten().filter(|record| record.label.is_some());
    labels.count()
}

#[tokio::test(start_paused = true)]
async fn status_shows_the_label_of_the_holder_to_all() {
    let (nodes, plain) = cluster::<3>();
    let redlock = labelled(&nodes, "web 1");
    let guard = redlock.lock("a").await.unwrap();
    settle().await;
    for manager in [&redlock, &plain] {
        let status = manager.status("a").await;
        assert_eq!(status.label(), Some("web 1"));
        assert_eq!(labels(&status), 3);
    }
    guard.release().await.unwrap();
    assert_eq!(plain.status("a").await.label(), None);
    let _guard = plain.lock("a").await.unwrap();
    tokio::time::sleep(TTL).await;
    assert_eq!(plain.status("a").await.label(), None);
}

#[tokio::test(start_paused = true)]
async fn a_label_stays_as_long_as_its_lock() {
    let (nodes, plain) = cluster::<3>();
    let redlock = labelled(&nodes, "web 1");
    let _guard = redlock.lock("a").await.unwrap();
    for _ in 0..20 {
        tokio::time::sleep(TTL / 4).await;
        let status = plain.status("a").await;
        assert_eq!(status.label(), Some("web 1"));
        assert_eq!(labels(&status), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_label_changes_nothing_about_a_plain_lease() {
    let (nodes, plain) = cluster::<3>();
    let redlock = labelled(&nodes, "web 1");
    let guard = redlock.lock("a").ttl(10 * SECOND).auto_extend(false);
    let guard = guard.await.unwrap();
    let other = plain.lock("b").ttl(10 * SECOND).auto_extend(false);
    let other = other.await.unwrap();
    settle().await;
    assert_eq!(plain.status("a").await.label(), Some("web 1"));
    assert_eq!(guard.remaining(), other.remaining());
    let watch = Stopwatch::start();
    assert_eq!(guard.lost().await.reason(), LossReason::Expired);
    other.lost().await;
    assert!(watch.elapsed() < 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn late_grants_and_all_resources_are_labelled() {
    let (nodes, plain) = cluster::<3>();
    let redlock = labelled(&nodes, "web 1");
    redlock.lock("warm").await.unwrap().release().await.unwrap();
    nodes[2].fault(Fault::Delay(100 * MS));
    let _guard = redlock.lock_all(["a", "b"]).await.unwrap();
    tokio::time::sleep(SECOND).await;
    for resource in ["a", "b"] {
        let status = plain.status(resource).await;
        assert_eq!(status.label(), Some("web 1"));
        assert_eq!(labels(&status), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn an_adopter_has_a_label_of_its_own() {
    let (nodes, plain) = cluster::<3>();
    let redlock = labelled(&nodes, "web 1");
    let lease = redlock.lock("a").await.unwrap().detach();
    settle().await;
    assert_eq!(plain.status("a").await.label(), Some("web 1"));
    let guard = plain.adopt_lease(&lease).await.unwrap();
    assert_eq!(plain.status("a").await.label(), None);
    let lease = guard.detach();
    let _guard = labelled(&nodes, "web 2").adopt_lease(&lease).await.unwrap();
    settle().await;
    assert_eq!(plain.status("a").await.label(), Some("web 2"));
}

#[tokio::test(start_paused = true)]
async fn a_busy_lock_names_its_holder_to_labelled_managers() {
    let (nodes, plain) = cluster::<3>();
    let redlock = labelled(&nodes, "web\n1");
    let _guard = redlock.lock("a").await.unwrap();
    let _unlabelled = plain.lock("b").await.unwrap();
    settle().await;
    let other = labelled(&nodes, "web 2");
    for request in [other.try_lock("a"), other.lock("a").wait(SECOND)] {
        let refused = request.await.unwrap_err();
        assert_eq!(refused.holder(), Some("web\n1"));
        let text = refused.to_string();
        assert!(text.contains("another owner (web\\n1, on"), "{text}");
    }
    assert_eq!(other.try_lock("b").await.unwrap_err().holder(), None);
    assert_eq!(plain.try_lock("a").await.unwrap_err().holder(), None);
    let local = redlock.try_lock("a").await.unwrap_err();
    assert!(matches!(local, LockError::Busy { is_local: true, .. }));
    assert_eq!(local.holder(), Some("web\n1"), "its own");
    let several = other.lock_all(["a", "b"]).no_wait().await.unwrap_err();
    assert_eq!(several.holder(), None);
}

#[tokio::test(start_paused = true)]
async fn looking_up_a_label_takes_at_most_a_node_timeout() {
    let (nodes, _plain) = cluster::<3>();
    let redlock = labelled(&nodes, "web 1");
    let _guard = redlock.lock("a").await.unwrap();
    settle().await;
    let other = labelled(&nodes, "web 2");
    drop(other.lock("warm").await.unwrap());
    nodes[0].fault(Fault::Hang);
    let watch = Stopwatch::start();
    let refused = other.try_lock("a").await.unwrap_err();
    assert_eq!(refused.holder(), Some("web 1"));
    assert!(watch.elapsed() <= 2 * NODE_TIMEOUT, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_release_by_force_names_the_holder_and_is_noticed_at_once() {
    let (nodes, plain) = cluster::<3>();
    let redlock = labelled(&nodes, "web 1");
    let guard = redlock.lock("a").await.unwrap();
    settle().await;
    let watch = Stopwatch::start();
    let broken = plain.force_release("a").await.unwrap();
    assert_eq!(broken.label(), Some("web 1"));
    assert_eq!(guard.lost().await.reason(), LossReason::Gone);
    // Long before its first extension.
    assert!(watch.elapsed() < NODE_TIMEOUT, "{:?}", watch.elapsed());
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_label_has_at_most_128_bytes() {
    let (nodes, plain) = cluster::<3>();
    let longest = "ü".repeat(64);
    let redlock = labelled(&nodes, &longest);
    let _guard = redlock.lock("a").await.unwrap();
    settle().await;
    assert_eq!(plain.status("a").await.label(), Some(&*longest));
    let refused = builder(&nodes).label(longest + "x").build().unwrap_err();
    assert_eq!(refused, ConfigError::Label { len: 129, max: 128 });
    let none = labelled(&nodes, "");
    let _guard = none.lock("b").await.unwrap();
    tokio::time::sleep(Duration::ZERO).await;
    assert_eq!(plain.status("b").await.label(), None);
}
