//! Extensions, deadlines, and the end of a lease.

use redlock::node::Fault;
use redlock::{ExtendError, LossReason, Redlock};

use crate::common::{MS, SECOND, Stopwatch, TTL, cluster, holding, manager, settle};

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
async fn a_lock_survives_a_brief_outage_of_the_majority() {
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
            "{fault:?}: the nodes still have the key"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn lost_completes_at_the_deadline_and_not_long_before() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock
        .lock("a")
        .auto_extend(false)
        .ttl(10 * SECOND)
        .await
        .unwrap();
    let deadline = guard.remaining();
    let watch = Stopwatch::start();
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
async fn a_lease_denied_by_a_quorum_is_lost_at_once() {
    let (nodes, redlock) = cluster::<5>();
    let guard = redlock.lock("a").await.unwrap();
    let watch = Stopwatch::start();
    nodes[..3].iter().for_each(redlock::MemoryNode::forget_keys);
    assert_eq!(guard.lost().await.reason(), LossReason::Gone);
    // At the next extension, long before the deadline.
    assert!(watch.elapsed() <= TTL / 3 + MS, "{:?}", watch.elapsed());
    settle().await;
    assert_eq!(holding(&nodes), 0, "the keys that are left are released");
}

#[tokio::test(start_paused = true)]
async fn a_lost_lock_stays_lost() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    nodes.iter().for_each(|node| node.fault(Fault::LoseReplies));
    // The nodes still extend the key, but their responses are lost.
    guard.lost().await;
    nodes.iter().for_each(|node| node.fault(None));
    tokio::time::sleep(TTL).await;
    assert!(!guard.is_held());
    assert!(matches!(guard.extend(TTL).await, Err(ExtendError::Lost(_))));
    // It completes at once, however often it is awaited.
    assert_eq!(guard.lost().await, guard.lost().await);
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_paused_holder_notices_the_loss_at_once() {
    let (_nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    // No task runs while the time passes, so no timer has fired when the guard is read.
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
async fn a_lock_can_be_extended_manually() {
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
async fn an_extension_never_shortens_a_lease() {
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
async fn a_failed_extension_does_not_end_the_lease() {
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
        ..
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
async fn max_hold_ends_a_lock_despite_extensions() {
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
    let watch = Stopwatch::start();
    let lost = guard.lost().await;
    assert_eq!(lost.reason(), LossReason::MaxHold);
    assert!(watch.elapsed() <= 5 * SECOND, "{:?}", watch.elapsed());
    assert!(watch.elapsed() >= 4 * SECOND, "{:?}", watch.elapsed());
    settle().await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_extended_once_per_third_of_its_ttl() {
    // 100 s are 100 thirds of the ttl. Jitter adds up to a quarter. Ticks and retries add none.
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

#[tokio::test(start_paused = true)]
async fn a_deadline_that_moves_nearer_ends_the_lock_in_time() {
    let (nodes, redlock) = cluster::<3>();
    let request = redlock.lock("a").ttl(SECOND).auto_extend(false);
    let guard = request.await.unwrap();
    // Only two nodes hold it for longer.
    nodes[0].fault(Fault::Crash);
    guard.extend(20 * SECOND).await.unwrap();
    nodes[0].fault(None);
    let (watch, ended) = (Stopwatch::start(), guard.cancellation_token());
    let losing = async {
        tokio::time::sleep(500 * MS).await;
        nodes[1].forget_keys();
        assert!(guard.is_held());
        assert!(guard.remaining() <= 500 * MS, "{:?}", guard.remaining());
    };
    let _all = tokio::join!(ended.cancelled(), guard.lost(), losing);
    assert!(watch.elapsed() <= SECOND, "{:?}", watch.elapsed());
    assert!(watch.elapsed() >= 900 * MS, "{:?}", watch.elapsed());
}
