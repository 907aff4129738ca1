//! Leases that are extended by their id.

use std::time::Duration;

use redlock::node::Fault;
use redlock::{ExtendError, InvalidRequest, LossReason, NodeErrorKind};

use crate::common::{NODE_TIMEOUT, SECOND, Stopwatch, TTL, cluster, holding, manager};

#[tokio::test(start_paused = true)]
async fn a_lease_lasts_as_long_as_its_last_extension() {
    let (nodes, redlock) = cluster::<3>();
    let lease = redlock.lock("a").ttl(10 * SECOND).await.unwrap().detach();
    let other = manager(&nodes);
    for _ in 0..5 {
        tokio::time::sleep(8 * SECOND).await;
        let validity = other.extend("a", lease.lease_id(), 10 * SECOND).await;
        let validity = validity.unwrap();
        assert!(validity > 9 * SECOND && validity < 10 * SECOND);
        assert!(redlock.try_lock("a").await.unwrap_err().is_busy());
    }
    // A shorter one shortens nothing.
    let validity = other.extend("a", lease.lease_id(), SECOND).await.unwrap();
    assert!(validity < SECOND);
    tokio::time::sleep(9 * SECOND).await;
    assert_eq!(holding(&nodes), 3);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_gone_is_not_set_again() {
    let (nodes, redlock) = cluster::<3>();
    let lease = redlock.lock("a").ttl(SECOND).await.unwrap().detach();
    tokio::time::sleep(2 * SECOND).await;
    let lost = redlock.extend_lease(&lease, TTL).await.unwrap_err();
    let ExtendError::Lost(lost) = &lost else {
        panic!("{lost:?}")
    };
    assert_eq!(lost.reason(), LossReason::Gone);
    assert_eq!(holding(&nodes), 0);

    let next = manager(&nodes).lock("a").await.unwrap();
    let lost = redlock.extend_lease(&lease, TTL).await.unwrap_err();
    let ExtendError::Lost(lost) = &lost else {
        panic!("{lost:?}")
    };
    assert!(next.is_held());
    // The decision did not wait for all nodes, which does not make those a cause.
    let causes: Vec<_> = lost.failures().iter().map(|it| it.error().kind()).collect();
    assert!(causes.len() >= 2, "{lost:?}");
    assert!(
        causes.iter().all(|it| *it == NodeErrorKind::NotHeld),
        "{lost:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn all_resources_of_a_lease_are_extended_together() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock_all(["a", "b"]).ttl(SECOND).await.unwrap();
    let lease = guard.detach();
    redlock.extend_lease(&lease, TTL).await.unwrap();
    tokio::time::sleep(TTL / 2).await;
    for resource in ["a", "b"] {
        assert!(manager(&nodes).status(resource).await.is_held());
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_the_extension_fails_within_the_node_timeout() {
    let (nodes, redlock) = cluster::<3>();
    let lease = redlock.lock("a").await.unwrap().detach();
    nodes[0].fault(Fault::Hang);
    let start = Stopwatch::start();
    redlock.extend_lease(&lease, TTL).await.unwrap();
    assert!(start.elapsed().is_zero(), "a minority delays nothing");
    nodes[1].fault(Fault::Hang);
    let error = redlock.extend_lease(&lease, TTL).await.unwrap_err();
    assert!(start.elapsed() <= NODE_TIMEOUT);
    let ExtendError::NoQuorum {
        confirmed,
        needed,
        nodes,
        failures,
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!((*confirmed, *needed, *nodes), (1, 2, 3));
    assert_eq!(failures.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn invalid_extensions_are_refused_before_anything_is_sent() {
    let (_nodes, redlock) = cluster::<3>();
    let lease = redlock.lock("a").await.unwrap().detach();
    let error = redlock.extend_lease(&lease, 61 * SECOND).await.unwrap_err();
    let ExtendError::Invalid(InvalidRequest::TtlTooLong { .. }) = error else {
        panic!("{error:?}")
    };
    let error = redlock.extend_lease(&lease, Duration::ZERO).await;
    assert!(matches!(error, Err(ExtendError::Invalid(_))), "{error:?}");
    let error = redlock.extend("a", "", TTL).await;
    assert!(matches!(error, Err(ExtendError::Invalid(_))), "{error:?}");
    let error = redlock.extend("", lease.lease_id(), TTL).await;
    assert!(matches!(error, Err(ExtendError::Invalid(_))), "{error:?}");
    redlock.shutdown().await;
    let error = redlock.extend_lease(&lease, TTL).await;
    assert!(matches!(error, Err(ExtendError::Closed)), "{error:?}");
}
