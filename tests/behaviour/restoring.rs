//! Leases on nodes that lose their data, on a quorum or on all of them.

use redlock::MemoryNode;

use crate::common::{MS, holding, settle};
use crate::quarantine::{MAX_TTL, QUARANTINE, formed, manager, servers};

#[tokio::test(start_paused = true)]
async fn a_lease_survives_the_loss_of_all_data() {
    for lose in [MemoryNode::flush, MemoryNode::wipe] {
        let nodes = servers::<5>();
        let redlock = formed(&nodes).await;
        let other = manager(&nodes);
        let guard = redlock.lock("a").await.unwrap();
        let token = guard.token();
        for _ in 0..3 {
            tokio::time::sleep(MS).await;
            nodes.iter().for_each(lose);
            tokio::time::sleep(100 * MS).await;
            assert_eq!(holding(&nodes), 5);
            let refused = other.try_lock("a").await.unwrap_err();
            assert!(refused.is_unavailable(), "{refused}");
            tokio::time::sleep(2 * QUARANTINE).await;
            assert!(guard.is_held());
            assert!(other.try_lock("a").await.unwrap_err().is_busy());
        }
        drop(guard);
        settle().await;
        // The counters came back with the keys.
        assert!(other.lock("a").await.unwrap().token() > token);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unlock_elsewhere_prevails_in_quarantine_too() {
    let nodes = servers::<5>();
    let redlock = formed(&nodes).await;
    let guard = redlock.lock("a").await.unwrap();
    tokio::time::sleep(MS).await;
    nodes.iter().for_each(MemoryNode::flush);
    tokio::time::sleep(100 * MS).await;
    assert_eq!(holding(&nodes), 5);
    let unlocked = manager(&nodes).unlock("a", guard.lease_id().clone()).await;
    unlocked.unwrap();
    let _lost = tokio::time::timeout(MAX_TTL / 2, guard.lost())
        .await
        .unwrap();
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_without_auto_extend_is_not_restored() {
    let nodes = servers::<3>();
    let redlock = formed(&nodes).await;
    let guard = redlock.lock("a").auto_extend(false).await.unwrap();
    nodes.iter().for_each(MemoryNode::flush);
    guard.extend(MAX_TTL).await.unwrap_err();
    assert!(!guard.is_held());
    assert_eq!(holding(&nodes), 0);
}
