//! Granted and refused locks.

use std::time::Duration;

use redlock::node::Fault;
use redlock::{LockError, NodeErrorKind, Redlock};

use crate::common::{MS, NODE_TIMEOUT, SECOND, Stopwatch, TTL, cluster, holding, manager, settle};

#[tokio::test(start_paused = true)]
async fn a_lock_is_set_on_every_node() {
    let (nodes, redlock) = cluster::<5>();
    let _guard = redlock.lock("a").await.unwrap();
    assert_eq!(holding(&nodes), 5);
}

#[tokio::test(start_paused = true)]
async fn a_second_owner_is_refused_until_the_first_releases() {
    let (nodes, redlock) = cluster::<3>();
    let other = manager(&nodes);
    let guard = redlock.lock("a").await.unwrap();
    for manager in [&redlock, &other] {
        let refused = manager.try_lock("a").await.unwrap_err();
        assert!(refused.is_busy(), "{refused}");
        assert!(!refused.is_unavailable());
    }
    let _another_resource = other.try_lock("b").await.unwrap();
    drop(guard);
    let _second = other.try_lock("a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn busy_reports_the_time_until_the_lock_expires() {
    let (nodes, redlock) = cluster::<3>();
    let _guard = redlock.lock("a").ttl(5 * SECOND).await.unwrap();
    tokio::time::advance(SECOND).await;
    let refused = manager(&nodes).try_lock("a").await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(4 * SECOND));
    assert!(
        matches!(
            refused,
            LockError::Busy {
                busy: 3,
                nodes: 3,
                ..
            }
        ),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_round_that_ends_early_says_on_how_many_nodes_at_least() {
    let (nodes, redlock) = cluster::<5>();
    let _held = redlock.lock("a").await.unwrap();
    let other = manager(&nodes);
    other.nodes().await;
    let of = |refused: &LockError| match refused {
        LockError::Busy {
            busy, is_minimum, ..
        } => (*busy, *is_minimum),
        refused => panic!("{refused:?}"),
    };
    nodes[3].fault(Fault::Delay(100 * MS));
    nodes[4].fault(Fault::Delay(100 * MS));
    let refused = other.try_lock("a").await.unwrap_err();
    assert_eq!(of(&refused), (3, true));
    let text = refused.to_string();
    assert!(text.contains("(on at least 3 of 5 nodes)"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_its_own_lock_is_told_so() {
    let redlock = Redlock::in_memory(3);
    let _guard = redlock.lock("a").await.unwrap();
    for wait in [Duration::ZERO, SECOND] {
        let refused = redlock.lock("a").wait(wait).await.unwrap_err();
        let is_local = matches!(refused, LockError::Busy { is_local: true, .. });
        assert!(is_local, "{refused:?}");
        let text = refused.to_string();
        assert!(text.contains("held by a guard of this process"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_minority_of_nodes_can_fail_in_any_way() {
    let faults = [
        Fault::Crash,
        Fault::Hang,
        Fault::DropRequests,
        Fault::LoseReplies,
        Fault::Delay(3600 * SECOND),
    ];
    for fault in faults {
        let (nodes, redlock) = cluster::<5>();
        nodes[0].fault(fault);
        nodes[3].fault(fault);
        let watch = Stopwatch::start();
        let guard = redlock.try_lock("a").await.unwrap();
        assert!(
            manager(&nodes).try_lock("a").await.unwrap_err().is_busy(),
            "{fault:?}"
        );
        guard.release().await.unwrap();
        let _next = redlock.try_lock("a").await.unwrap();
        // The nodes that respond decide. The round does not wait for the others.
        assert_eq!(watch.elapsed(), Duration::ZERO, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_majority_is_an_error_that_names_every_cause() {
    let (nodes, redlock) = cluster::<5>();
    for node in &nodes[..3] {
        node.fault(Fault::Crash);
    }
    let watch = Stopwatch::start();
    let refused = redlock.lock("a").wait(2 * SECOND).await.unwrap_err();
    assert!(
        watch.elapsed() <= 2 * SECOND + NODE_TIMEOUT,
        "{:?}",
        watch.elapsed()
    );
    let LockError::NoQuorum {
        granted: 2,
        needed: 3,
        nodes: 5,
        failures,
        ..
    } = &refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(failures.len(), 3);
    for (failure, node) in failures.iter().zip(&nodes) {
        assert_eq!(failure.node(), &*redlock::Node::name(node));
        assert_eq!(failure.error().kind(), NodeErrorKind::Unreachable);
        assert!(refused.to_string().contains(failure.node()), "{refused}");
    }
    assert!(refused.is_unavailable() && !refused.is_busy());
    assert_eq!(
        holding(&nodes),
        0,
        "the grants of the minority are released"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hung_majority_is_an_error_in_bounded_time() {
    let (nodes, redlock) = cluster::<3>();
    nodes[0].fault(Fault::Hang);
    nodes[1].fault(Fault::Hang);
    let watch = Stopwatch::start();
    let refused = redlock.lock("a").wait(2 * SECOND).await.unwrap_err();
    assert!(
        watch.elapsed() <= 2 * SECOND + NODE_TIMEOUT,
        "{:?}",
        watch.elapsed()
    );
    let kinds: Vec<_> = refused
        .failures()
        .iter()
        .map(|it| it.error().kind())
        .collect();
    assert_eq!(kinds, [NodeErrorKind::Timeout; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_unavailable_rather_than_busy_without_a_quorum() {
    let (nodes, redlock) = cluster::<3>();
    let _guard = manager(&nodes).lock("a").await.unwrap();
    nodes[0].fault(Fault::Crash);
    nodes[1].fault(Fault::Crash);
    let refused = redlock.try_lock("a").await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    assert_eq!(refused.failures().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_tie_is_decided_at_once() {
    let (nodes, redlock) = cluster::<4>();
    // Another owner holds two nodes, which are a quorum of its own cluster.
    let half = manager(&nodes[..2]);
    let _guard = half.lock("a").await.unwrap();
    let watch = Stopwatch::start();
    let refused = redlock.try_lock("a").await.unwrap_err();
    assert!(refused.is_busy(), "{refused:?}");
    assert_eq!(watch.elapsed(), Duration::ZERO);
    assert_eq!(holding(&nodes[2..]), 0);
}

#[tokio::test(start_paused = true)]
async fn a_late_grant_joins_the_lease_and_is_released_with_it() {
    let (nodes, redlock) = cluster::<3>();
    // The first contact takes a round trip more.
    redlock.nodes().await;
    nodes[2].fault(Fault::Delay(200 * MS));
    let guard = redlock.lock("a").await.unwrap();
    assert_eq!(holding(&nodes), 2);
    tokio::time::sleep(300 * MS).await;
    assert_eq!(holding(&nodes), 3);
    // The late node counts: the lease survives the loss of another.
    nodes[0].wipe();
    tokio::time::sleep(2 * TTL).await;
    assert!(guard.is_held());
    drop(guard);
    tokio::time::sleep(300 * MS).await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn late_grants_of_a_failed_round_are_released() {
    let late = [Fault::Hang, Fault::Delay(20 * SECOND), Fault::LoseReplies];
    for fault in late {
        let (nodes, redlock) = cluster::<3>();
        nodes[0].fault(fault);
        nodes[1].fault(fault);
        let refused = redlock.try_lock("a").await.unwrap_err();
        assert!(refused.is_unavailable(), "{fault:?}");
        nodes[0].fault(None);
        nodes[1].fault(None);
        settle().await;
        tokio::time::sleep(25 * SECOND).await;
        assert_eq!(holding(&nodes), 0, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn validity_is_the_ttl_minus_drift() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").ttl(10 * SECOND).await.unwrap();
    assert_eq!(guard.remaining(), 10 * SECOND - 100 * MS - 2 * MS);
}

#[tokio::test(start_paused = true)]
async fn validity_is_measured_from_before_the_request() {
    let (nodes, redlock) = cluster::<3>();
    for node in &nodes {
        node.fault(Fault::Delay(400 * MS));
    }
    let guard = redlock.lock("a").ttl(10 * SECOND).await.unwrap();
    assert!(
        guard.remaining() <= 10 * SECOND - 500 * MS,
        "{:?}",
        guard.remaining()
    );
}

#[tokio::test(start_paused = true)]
async fn one_or_two_nodes_are_enough_for_a_lock() {
    let (nodes, redlock) = cluster::<1>();
    let _guard = redlock.lock("a").await.unwrap();
    assert!(manager(&nodes).try_lock("a").await.unwrap_err().is_busy());

    let (nodes, redlock) = cluster::<2>();
    let guard = redlock.lock("a").await.unwrap();
    drop(guard);
    nodes[1].fault(Fault::Crash);
    assert!(
        redlock.try_lock("a").await.unwrap_err().is_unavailable(),
        "a quorum of 2 nodes is 2"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_not_reentrant() {
    let redlock = Redlock::in_memory(3);
    let _guard = redlock.lock("a").await.unwrap();
    let refused = redlock.lock("a").wait(SECOND).await.unwrap_err();
    assert!(refused.is_busy());
}
