//! Batches of commands, which leave together and share nothing else.
//!
//! These tests run on one thread, so the task that sends runs only after all requests were made.

use deadpool_redis::redis::cmd;
use redlock::{LockError, NodeErrorKind, Redlock, ReleaseOutcome, Resource};
use redlock_tests::{Flow, Proxy, Server, Servers, eventually};

use crate::common::{SOON, everywhere, gone, healthy, holding, patient};

async fn fleet() -> (Servers, Redlock) {
    let servers = Servers::start(3);
    let redlock = patient(servers.urls()).connect().await.unwrap();
    (servers, redlock)
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_failing_lock_does_not_affect_its_batch() {
    let (servers, redlock) = fleet().await;
    let [not_a_lock, bad_counter] = [10, 20];
    make_list(&servers, &key(not_a_lock));
    make_list(&servers, &format!("{{{}}}:fence", key(bad_counter)));
    let requests = (0..50).map(|number| redlock.try_lock(key(number)));
    for (number, outcome) in (0..).zip(at_once(requests).await) {
        match outcome {
            Err(LockError::NotALock { .. }) => assert_eq!(number, not_a_lock),
            Err(LockError::NoQuorum { failures, .. }) => {
                assert_eq!(number, bad_counter, "{failures:?}");
                let kinds = failures.iter().map(|failure| failure.error().kind());
                assert!(kinds.eq([NodeErrorKind::Counter; 3]), "{failures:?}");
            }
            Ok(guard) => {
                assert!(![not_a_lock, bad_counter].contains(&number));
                assert!(guard.release().await.unwrap().was_held());
            }
            Err(other) => panic!("{}: {other:?}", key(number)),
        }
    }
    eventually("only lists and counters are left", SOON, || {
        let expected = |left: &String| left.ends_with(":fence") || *left == key(not_a_lock);
        servers
            .iter()
            .all(|it| it.probe().keys().iter().all(expected))
    })
    .await;
    assert_eq!(holding(&servers, &key(not_a_lock)), 3);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_release_without_a_lock_does_not_affect_its_batch() {
    let (servers, redlock) = fleet().await;
    let requests = (0..50).map(|number| redlock.try_lock(key(number)));
    let guards = at_once(requests).await;
    healthy(&redlock).await;
    let replaced = 30;
    make_list(&servers, &key(replaced));
    let releases = guards
        .into_iter()
        .map(async |guard| guard.unwrap().release().await);
    for (number, released) in (0..).zip(at_once(releases).await) {
        let expected = if number == replaced {
            ReleaseOutcome::Absent
        } else {
            ReleaseOutcome::Deleted
        };
        for node in released.unwrap().nodes() {
            // A quorum has responded. The third node may be late.
            let possible = [&expected, &ReleaseOutcome::Pending];
            assert!(
                possible.contains(&node.outcome()),
                "{}: {node:?}",
                key(number)
            );
        }
    }
    for number in (0..50).filter(|number| *number != replaced) {
        gone(&servers, &key(number)).await;
    }
    assert_eq!(holding(&servers, &key(replaced)), 3);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn of_two_releases_in_one_batch_only_one_finds_the_lock() {
    let (servers, redlock) = fleet().await;
    let requests = (0..10).map(|number| redlock.try_lock(key(number)));
    let mut ids = Vec::new();
    for guard in at_once(requests).await {
        ids.push(guard.unwrap().detach().lease_id().clone());
    }
    for number in 0..10 {
        everywhere(&servers, &key(number)).await;
    }
    let twice = (0..20).map(|number| {
        let (redlock, id) = (redlock.clone(), ids[number / 2].clone());
        async move { redlock.unlock(key(number / 2), id).await }
    });
    let outcomes = at_once(twice).await;
    let was_held: Vec<_> = outcomes
        .into_iter()
        .map(|released| released.unwrap().was_held())
        .collect();
    assert_eq!(was_held, [true, false].repeat(10));
    for number in 0..10 {
        gone(&servers, &key(number)).await;
    }
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn the_largest_possible_set_is_locked_and_released() {
    let (servers, redlock) = fleet().await;
    let most = Resource::MAX_TOGETHER;
    let guard = redlock.lock_all((0..most).map(key)).await.unwrap();
    everywhere(&servers, &key(0)).await;
    let locks = |server: &Server| {
        let keys = server.probe().keys();
        keys.iter().filter(|key| !key.ends_with(":fence")).count()
    };
    assert!(servers.iter().all(|server| locks(server) == most));
    // A key that is no longer ours does not prevent the release of the others.
    make_list(&servers, &key(most / 2));
    drop(guard);
    eventually("only the lists are left", SOON, || {
        servers.iter().all(|server| locks(server) == 1)
    })
    .await;

    let guard = redlock.lock_all((most..2 * most).map(key)).await.unwrap();
    assert!(guard.release().await.unwrap().was_held());
    eventually("only the lists are left", SOON, || {
        servers.iter().all(|server| locks(server) == 1)
    })
    .await;
}

fn key(number: usize) -> String {
    format!("key {number}")
}

/// Replaces a key with a list, on all servers.
fn make_list(servers: &Servers, key: &str) {
    for server in servers {
        server.probe().del(key);
        let push = cmd("RPUSH").arg(key).arg("data").clone();
        server.probe().query::<()>(&push);
    }
}

/// Polls all futures before anything else runs, and returns their outputs in order.
async fn at_once<F>(futures: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let tasks: Vec<_> = futures.map(tokio::spawn).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_acquire_cancelled_before_it_leaves_is_not_sent() {
    let servers = Servers::start(3);
    let proxies = servers.proxies();
    // Nothing leaves before the connections are made, and the proxies prevent that.
    for proxy in &proxies {
        proxy.requests(Flow::Hold);
    }
    let redlock = patient(proxies.iter().map(Proxy::url)).build().unwrap();
    let dropped = tokio::spawn(redlock.lock("dropped"));
    let kept = tokio::spawn(redlock.lock("kept").wait(SOON));
    eventually("both are requested", SOON, || {
        proxies.iter().all(|proxy| proxy.accepted() > 0)
    })
    .await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    for proxy in &proxies {
        proxy.heal();
    }
    let _guard = kept.await.unwrap().unwrap();
    everywhere(&servers, "kept").await;
    for server in &servers {
        // A key may have been set and deleted. A counter stays.
        assert!(server.probe().exists("{kept}:fence"));
        assert!(!server.probe().exists("{dropped}:fence"));
    }
}
