//! Extension, the deadline, and the end of a lease.

use redlock::node::Fault;
use redlock::{ExtendError, LossReason, Redlock};

use crate::common::{MS, SECOND, TTL, Watch, cluster, holding, manager, settle};

#[tokio::test(start_paused = true)]
async fn a_lock_is_held_for_as_long_as_its_guard_lives() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").ttl(3 * SECOND).await.unwrap();
    for _ in 0..100 {
        tokio::time::sleep(SECOND).await;
        assert!(guard.remaining() >= SECOND, "{:?}", guard.remaining());
        assert!(manager(&nodes).try_lock("a").await.unwrap_err().is_busy());
    }
}

#[tokio::test(start_paused = true)]
async fn a_minority_of_nodes_can_fail_while_a_lock_is_held() {
    for fault in [
        Fault::Crash,
        Fault::Hang,
        Fault::LoseReplies,
        Fault::DropRequests,
    ] {
        let (nodes, redlock) = cluster::<5>();
        let guard = redlock.lock("a").await.unwrap();
        nodes[1].fault(fault);
        nodes[4].fault(fault);
        tokio::time::sleep(10 * TTL).await;
        assert!(guard.is_held(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_blip_of_the_majority_is_survived() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes.iter().for_each(|node| node.fault(Fault::Hang));
    tokio::time::sleep(TTL * 2 / 3).await;
    nodes.iter().for_each(|node| node.fault(None));
    tokio::time::sleep(2 * TTL).await;
    assert!(guard.is_held());
    assert_eq!(holding(&nodes), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_lost_before_others_can_have_it() {
    for fault in [Fault::Crash, Fault::Hang, Fault::DropRequests] {
        let (nodes, redlock) = cluster::<3>();
        let guard = redlock.lock("a").await.unwrap();
        nodes[0].fault(fault);
        nodes[1].fault(fault);
        let lost = guard.lost().await;
        assert_eq!(lost.reason(), LossReason::Expired);
        assert!(!guard.is_held() && guard.remaining().is_zero());
        assert_eq!(
            holding(&nodes[..2]),
            2,
            "{fault:?}: they still keep the key"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn losing_fires_at_the_deadline_and_not_long_before() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock
        .lock("a")
        .auto_extend(false)
        .ttl(10 * SECOND)
        .await
        .unwrap();
    let deadline = guard.remaining();
    let watch = Watch::start();
    let lost = guard.lost().await;
    assert_eq!(lost.resource(), guard.resource());
    assert!(watch.elapsed() <= deadline, "{:?}", watch.elapsed());
    assert!(
        watch.elapsed() >= deadline - 110 * MS,
        "{:?}",
        watch.elapsed()
    );
    drop(nodes);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_a_quorum_denies_is_lost_at_once() {
    let (nodes, redlock) = cluster::<5>();
    let guard = redlock.lock("a").await.unwrap();
    let watch = Watch::start();
    nodes[..3].iter().for_each(redlock::MemoryNode::wipe);
    assert_eq!(guard.lost().await.reason(), LossReason::Gone);
    // At the next extension, long before the deadline.
    assert!(watch.elapsed() <= TTL / 3 + MS, "{:?}", watch.elapsed());
    settle().await;
    assert_eq!(holding(&nodes), 0, "what was left of it is released");
}

#[tokio::test(start_paused = true)]
async fn a_minority_that_denies_it_does_not_end_a_lease() {
    let (nodes, redlock) = cluster::<5>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].wipe();
    nodes[1].wipe();
    tokio::time::sleep(5 * TTL).await;
    assert!(guard.is_held());
    // The two do not count any more: with a third, the quorum is gone.
    nodes[2].wipe();
    assert_eq!(guard.lost().await.reason(), LossReason::Gone);
}

#[tokio::test(start_paused = true)]
async fn an_extension_does_not_make_a_lost_key_again() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].wipe();
    tokio::time::sleep(3 * TTL).await;
    assert!(guard.is_held());
    assert!(nodes[0].is_empty());
}

#[tokio::test(start_paused = true)]
async fn lost_stays_lost() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes.iter().for_each(|node| node.fault(Fault::LoseReplies));
    // The nodes go on extending, but nobody here hears of it.
    guard.lost().await;
    nodes.iter().for_each(|node| node.fault(None));
    tokio::time::sleep(TTL).await;
    assert!(!guard.is_held());
    assert!(matches!(guard.extend(TTL).await, Err(ExtendError::Lost(_))));
    // Completes at once, however often it is asked.
    assert_eq!(guard.lost().await, guard.lost().await);
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_was_paused_sees_it_at_the_first_look() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    // Time passes while nothing here runs: no timer has fired when we look.
    std::hint::black_box(&nodes);
    tokio::time::advance(2 * TTL).await;
    assert!(!guard.is_held());
    assert!(guard.remaining().is_zero());
}

#[tokio::test(start_paused = true)]
async fn without_automatic_extension_a_lock_ends_with_its_ttl() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock
        .lock("a")
        .auto_extend(false)
        .ttl(SECOND)
        .await
        .unwrap();
    tokio::time::sleep(900 * MS).await;
    assert!(guard.is_held());
    tokio::time::sleep(100 * MS).await;
    assert!(!guard.is_held());
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lock_can_be_extended_by_hand() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock
        .lock("a")
        .auto_extend(false)
        .ttl(SECOND)
        .await
        .unwrap();
    let remaining = guard.extend(20 * SECOND).await.unwrap();
    assert_eq!(remaining, 20 * SECOND - 200 * MS - 2 * MS);
    assert_eq!(guard.remaining(), remaining);
    tokio::time::sleep(15 * SECOND).await;
    assert!(guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn an_extension_never_shortens() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock
        .lock("a")
        .auto_extend(false)
        .ttl(20 * SECOND)
        .await
        .unwrap();
    let before = guard.remaining();
    assert_eq!(guard.extend(SECOND).await.unwrap(), before);
    tokio::time::sleep(15 * SECOND).await;
    assert!(guard.is_held());
    assert_eq!(holding(&nodes), 3);
}

#[tokio::test(start_paused = true)]
async fn an_extension_without_a_quorum_costs_nothing_but_itself() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").auto_extend(false).await.unwrap();
    nodes[0].fault(Fault::Crash);
    nodes[1].fault(Fault::Hang);
    let refused = guard.extend(TTL).await.unwrap_err();
    let ExtendError::NoQuorum {
        confirmed: 1,
        needed: 2,
        nodes: 3,
        failures,
    } = &refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(failures.len(), 2, "{refused}");
    assert!(guard.is_held());
    assert!(matches!(
        guard.extend(MS).await,
        Err(ExtendError::Invalid(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn max_hold_ends_a_lock_whatever_extends_it() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock
        .lock("a")
        .ttl(10 * SECOND)
        .max_hold(25 * SECOND)
        .await
        .unwrap();
    tokio::time::sleep(20 * SECOND).await;
    assert!(guard.is_held());
    assert!(guard.extend(50 * SECOND).await.unwrap() <= 5 * SECOND);
    let watch = Watch::start();
    let lost = guard.lost().await;
    assert_eq!(lost.reason(), LossReason::MaxHold);
    assert!(watch.elapsed() <= 5 * SECOND, "{:?}", watch.elapsed());
    assert!(watch.elapsed() >= 4 * SECOND, "{:?}", watch.elapsed());
    settle().await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn extensions_are_few() {
    // One for every third of a ttl, less jitter; not one for every tick or retry.
    let (nodes, redlock) = cluster::<1>();
    let guard = redlock.lock("a").ttl(3 * SECOND).await.unwrap();
    let mut last = guard.remaining();
    let mut extensions = 0;
    for _ in 0..1000 {
        tokio::time::sleep(100 * MS).await;
        let now = guard.remaining();
        if now > last {
            extensions += 1;
        }
        last = now;
    }
    assert!((100..=125).contains(&extensions), "{extensions} in 100 s");
    drop(nodes);
}
