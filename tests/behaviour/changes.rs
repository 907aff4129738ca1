//! Keys that are gone from nodes while their lock is held, and the reports of these nodes.

use std::time::Duration;

use redlock::{LossReason, MemoryNode, Redlock};

use crate::common::{MS, SECOND, Stopwatch, TTL, cluster, holding, manager, settle};
use crate::recorder::{Note, Recorder, recorded};

/// The first extension has registered for changes by then.
const REGISTERED: Duration = Duration::from_secs(10);

/// A node has its keys back a node timeout after the report, 1 s here.
const REARMED: Duration = Duration::from_millis(1_200);

/// The number of extensions that each of three nodes has received since the last call.
fn extensions(recorders: &[Recorder]) -> [usize; 3] {
    let is_extension = |note: &&Note| matches!(note, Note::Extend { .. });
    std::array::from_fn(|node| recorders[node].take().iter().filter(is_extension).count())
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_lost_as_soon_as_a_quorum_has_lost_its_keys() {
    for after in [REGISTERED, TTL, 10 * TTL] {
        let (nodes, redlock) = cluster::<5>();
        let guard = redlock.lock("a").await.unwrap();
        tokio::time::sleep(after).await;
        nodes[..2].iter().for_each(MemoryNode::forget_keys);
        assert!(guard.is_held());
        nodes[2].forget_keys();
        assert!(!guard.is_held(), "after {after:?}");
        assert_eq!(guard.lost().await.reason(), LossReason::Gone);
        settle().await;
        assert_eq!(holding(&nodes), 0, "the keys that are left are released");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unlock_by_another_process_ends_the_lock_at_once() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    tokio::time::sleep(REGISTERED).await;
    let ended = guard.cancellation_token();
    let unlocked = manager(&nodes).unlock("a", guard.lease_id()).await;
    assert!(unlocked.unwrap().was_held());
    assert!(ended.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_loses_its_keys_gets_them_back_soon() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    tokio::time::sleep(REGISTERED).await;
    for node in &nodes {
        node.forget_keys();
        tokio::time::sleep(REARMED).await;
        assert_eq!(holding(&nodes), 3);
        // The next regular extension registers again.
        tokio::time::sleep(TTL / 3).await;
    }
    assert!(guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_report_is_checked_once_with_the_node_that_sent_it() {
    let nodes = MemoryNode::cluster::<3>();
    let (recorders, redlock) = recorded(&nodes);
    let guard = redlock.lock("a").await.unwrap();
    tokio::time::sleep(REGISTERED).await;
    extensions(&recorders);
    // A node may report a change although the key is there.
    for _ in 0..10 {
        nodes[0].skip(Duration::ZERO);
    }
    assert_eq!(
        extensions(&recorders),
        [1, 0, 0],
        "the check does not register again"
    );
    assert!(guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn the_extensions_of_a_lock_are_no_reason_for_more() {
    for names in [&["a"][..], &["a", "b", "c"]] {
        let nodes = MemoryNode::cluster::<3>();
        let (recorders, redlock) = recorded(&nodes);
        let guard = redlock.lock_all(names.iter().copied()).await.unwrap();
        tokio::time::sleep(10 * TTL).await;
        // One every third of the ttl, less up to a fifth of jitter, and the first.
        for extensions in extensions(&recorders) {
            assert!((30..=39).contains(&extensions), "{extensions}");
        }
        assert!(guard.is_held());
    }
}

#[tokio::test(start_paused = true)]
async fn each_key_of_several_is_watched() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock_all(["a", "b", "c"]).await.unwrap();
    tokio::time::sleep(REGISTERED).await;
    let unlocked = manager(&nodes).unlock("b", guard.lease_id()).await;
    assert!(unlocked.unwrap().was_held());
    assert!(!guard.is_held());
    settle().await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_manual_extension_registers_and_its_check_extends_nothing() {
    let (nodes, redlock) = cluster::<3>();
    let request = redlock.lock("a").auto_extend(false).ttl(10 * SECOND);
    let guard = request.await.unwrap();
    guard.extend(20 * SECOND).await.unwrap();
    nodes[0].skip(SECOND);
    assert!(guard.is_held());
    tokio::time::sleep(18_900 * MS).await;
    assert_eq!(holding(&nodes), 3);
    tokio::time::sleep(200 * MS).await;
    assert_eq!(holding(&nodes), 2, "the check has prolonged the key");

    let request = redlock.lock("b").auto_extend(false);
    let guard = request.await.unwrap();
    guard.extend(20 * SECOND).await.unwrap();
    nodes[..2].iter().for_each(MemoryNode::forget_keys);
    assert!(!guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_change_during_an_extension_is_noticed_at_its_end() {
    for delay in [1, 40] {
        let (nodes, redlock) = cluster::<3>();
        let guard = redlock.lock("a").await.unwrap();
        tokio::time::sleep(REGISTERED).await;
        nodes[..2]
            .iter()
            .for_each(|node| node.fault(redlock::Fault::Delay(delay * MS)));
        let extending = guard.extend(TTL);
        let losing = async {
            settle().await;
            nodes[..2].iter().for_each(MemoryNode::forget_keys);
        };
        let watch = Stopwatch::start();
        let (extended, ()) = tokio::join!(extending, losing);
        extended.unwrap_err();
        assert_eq!(guard.lost().await.reason(), LossReason::Gone);
        assert!(watch.elapsed() <= delay * MS, "{:?}", watch.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_loses_its_keys_often_does_not_multiply_the_extensions() {
    let nodes = MemoryNode::cluster::<3>();
    let (recorders, redlock) = recorded(&nodes);
    let guard = redlock.lock("a").await.unwrap();
    tokio::time::sleep(REGISTERED).await;
    let losing = nodes[0].clone();
    let loses = tokio::spawn(async move {
        loop {
            losing.forget_keys();
            tokio::time::sleep(100 * MS).await;
        }
    });
    extensions(&recorders);
    tokio::time::sleep(10 * TTL).await;
    loses.abort();
    assert!(guard.is_held());
    let [losing, others @ ..] = extensions(&recorders);
    // Each regular extension is followed by one a node timeout later, which puts the keys back.
    assert!(others.iter().all(|count| *count < 80), "{others:?}");
    // That node also gets the checks, and an extension after each re-arm.
    assert!(losing < 200, "{losing}");
}

#[tokio::test(start_paused = true)]
async fn many_locks_whose_keys_are_gone_do_not_all_respond_at_once() {
    let nodes = MemoryNode::cluster::<3>();
    let (recorders, redlock) = recorded(&nodes);
    let guards = take(&redlock, 1_000).await;
    tokio::time::sleep(REGISTERED).await;
    extensions(&recorders);
    nodes[0].forget_keys();
    let at_once = extensions(&recorders);
    assert!((1..=64).contains(&at_once[0]), "{at_once:?}");
    assert_eq!(at_once[1..], [0, 0]);
    // The others follow within a tenth of the ttl, the keys another node timeout later.
    tokio::time::sleep(TTL / 10 + REARMED).await;
    assert_eq!(nodes[0].len(), guards.len());
    let later = extensions(&recorders);
    assert!(later.iter().all(|count| *count <= 3_000), "{later:?}");
    assert!(guards.iter().all(redlock::LockGuard::is_held));
}

async fn take(redlock: &Redlock, count: usize) -> Vec<redlock::LockGuard> {
    let mut guards = Vec::with_capacity(count);
    for number in 0..count {
        guards.push(redlock.lock(format!("lock {number}")).await.unwrap());
    }
    guards
}
