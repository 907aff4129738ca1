//! Requests, releases and extensions that are dropped before they complete.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use redlock::node::Fault;

use crate::common::{MS, SECOND, cluster, holding, settle};

#[tokio::test(start_paused = true)]
async fn a_request_that_is_never_polled_sends_nothing() {
    let (nodes, redlock) = cluster::<3>();
    drop(redlock.lock("a"));
    settle().await;
    assert_eq!(holding(&nodes), 0);
}

/// Drops the request after every possible number of polls. The nodes respond after 10, 20 and
/// 30 ms, so there is something to interrupt.
#[tokio::test(start_paused = true)]
async fn a_request_dropped_after_any_poll_leaves_no_keys() {
    let mut finished = false;
    for polls in 1.. {
        let (nodes, redlock) = cluster::<3>();
        for (index, node) in (1..).zip(&nodes) {
            node.fault(Fault::Delay(10 * MS * index));
        }
        {
            let mut request = pin!(redlock.lock("a"));
            for _ in 0..polls {
                if request
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_ready()
                {
                    finished = true;
                    break;
                }
                tokio::time::advance(5 * MS).await;
                settle().await;
            }
            // The request, or the guard it has become, is dropped here.
        }
        tokio::time::sleep(SECOND).await;
        assert_eq!(holding(&nodes), 0, "after {polls} polls");
        if finished {
            assert!(polls > 2, "there was nothing to interrupt");
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_waiting_request_leaves_the_holder_alone() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let timeout = tokio::time::timeout(SECOND, redlock.lock("a")).await;
    assert!(timeout.is_err());
    settle().await;
    assert_eq!(holding(&nodes), 3);
    assert!(guard.is_held());
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_while_nodes_hang_is_undone_later() {
    let (nodes, redlock) = cluster::<3>();
    nodes.iter().for_each(|node| node.fault(Fault::Hang));
    let timeout = tokio::time::timeout(100 * MS, redlock.lock("a")).await;
    assert!(timeout.is_err());
    nodes.iter().for_each(|node| node.fault(None));
    settle().await;
    assert_eq!(holding(&nodes), 0);
    let _guard = redlock.try_lock("a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_guard_is_independent_of_its_request() {
    let (nodes, redlock) = cluster::<3>();
    let mut request = Box::pin(redlock.lock("a"));
    let Poll::Ready(Ok(guard)) = request
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("memory nodes respond at once");
    };
    drop(request);
    assert!(guard.is_held(), "the lock outlives its request");
    drop(guard);
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_release_still_completes() {
    let (nodes, redlock) = cluster::<3>();
    nodes
        .iter()
        .for_each(|node| node.fault(Fault::Delay(10 * MS)));
    let guard = redlock.lock("a").await.unwrap();
    drop(guard.release());
    tokio::time::sleep(SECOND).await;
    assert_eq!(holding(&nodes), 0, "never polled");

    let guard = redlock.lock("a").await.unwrap();
    assert!(tokio::time::timeout(MS, guard.release()).await.is_err());
    tokio::time::sleep(SECOND).await;
    assert_eq!(holding(&nodes), 0, "polled once");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_extension_still_counts() {
    let (nodes, redlock) = cluster::<3>();
    nodes
        .iter()
        .for_each(|node| node.fault(Fault::Delay(10 * MS)));
    let guard = redlock
        .lock("a")
        .ttl(5 * SECOND)
        .auto_extend(false)
        .await
        .unwrap();
    assert!(
        tokio::time::timeout(MS, guard.extend(20 * SECOND))
            .await
            .is_err()
    );
    tokio::time::sleep(10 * SECOND).await;
    assert!(guard.is_held());
}
