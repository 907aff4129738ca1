//! Adopters of one lease: beside each other, beside its holder, and over connections that break.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redlock::node::RedisNode;
use redlock::{LockError, LockGuard, Redlock, RedlockBuilder};
use redlock_tests::{Flow, Proxy, Servers, Slow, eventually};

use crate::common::{MS, SECOND, SOON, fleet, form, gone, healthy, patient};

/// Locks "a", and extends the lease: from then on, the holder is notified of every change of its
/// keys.
async fn hold(redlock: &Redlock) -> LockGuard {
    let guard = redlock.lock("a").await.unwrap();
    guard.extend(redlock_ttl()).await.unwrap();
    guard
}

/// The default ttl.
fn redlock_ttl() -> Duration {
    30 * SECOND
}

/// Waits until every server has the lease of the holder again, which still holds it.
async fn untouched(servers: &Servers, guard: &LockGuard) {
    let id = guard.lease_id().to_string();
    eventually("the servers have the id of the holder", SOON, || {
        let mut servers = servers.iter();
        servers.all(|server| server.probe().get("a").as_ref() == Some(&id))
    })
    .await;
    // Confirmations do not count if those of a later extension, which a notification has caused,
    // were faster. One more then does.
    let end = tokio::time::Instant::now() + SOON;
    while let Err(refused) = guard.extend(redlock_ttl()).await {
        assert!(
            guard.is_held() && tokio::time::Instant::now() < end,
            "{refused:?}"
        );
    }
}

/// Connects a manager to servers that receive its commands late, once `is_slow` is set: each after
/// the time that `delay` returns for it.
async fn slow<D>(
    builder: RedlockBuilder,
    servers: &Servers,
    is_slow: &Arc<AtomicBool>,
    delay: impl Fn(usize) -> D,
) -> Redlock
where
    D: Fn() -> Duration + Send + Sync + 'static,
{
    let urls = servers.urls();
    let nodes = urls.iter().enumerate().map(|(index, url)| {
        let (is_slow, delay) = (Arc::clone(is_slow), delay(index));
        let delay = move || {
            if is_slow.load(Ordering::SeqCst) {
                delay()
            } else {
                Duration::ZERO
            }
        };
        Slow::new(RedisNode::open(url).unwrap(), delay)
    });
    let redlock = builder.nodes(nodes).connect().await.unwrap();
    healthy(&redlock).await;
    redlock
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn three_adopters_with_one_server_each_end_no_holder() {
    let (servers, redlock) = fleet(3).await;
    let is_slow = Arc::<AtomicBool>::default();
    let mut adopters = Vec::new();
    for first in 0..3 {
        // The other servers hear from this adopter when they are certain to belong to others.
        let delay = |index| {
            move || {
                if index == first {
                    Duration::ZERO
                } else {
                    3 * SECOND
                }
            }
        };
        adopters.push(slow(patient([]), &servers, &is_slow, delay).await);
    }
    let guard = hold(&redlock).await;
    is_slow.store(true, Ordering::SeqCst);
    let [a, b, c] = &adopters[..] else { panic!() };
    let id = guard.lease_id();
    let (a, b, c) = tokio::join!(a.adopt("a", id), b.adopt("a", id), c.adopt("a", id));
    for adopted in [a, b, c] {
        let refused = adopted.unwrap_err();
        assert!(matches!(refused, LockError::Busy { .. }), "{refused:?}");
    }
    untouched(&servers, &guard).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn adopters_at_random_leave_one_holder() {
    let (servers, holder) = fleet(3).await;
    let mut rng = StdRng::seed_from_u64(14);
    let is_slow = Arc::new(AtomicBool::new(true));
    let mut adopters = Vec::new();
    for seed in 0..3 {
        let delay = |index: usize| {
            let seed = seed * 3 + u64::try_from(index).unwrap();
            let rng = std::sync::Mutex::new(StdRng::seed_from_u64(seed));
            move || MS * rng.lock().unwrap().random_range(0..8)
        };
        adopters.push(slow(Redlock::builder(), &servers, &is_slow, delay).await);
    }
    let mut adoptions = 0;
    for round in 0..15 {
        let guard = hold(&holder).await;
        let tasks = adopters.clone().into_iter().map(|adopter| {
            let (id, limit) = (guard.lease_id().clone(), MS * rng.random_range(1..60));
            let adopting = async move { adopter.adopt("a", &id).await };
            tokio::spawn(tokio::time::timeout(limit, adopting))
        });
        let tasks: Vec<_> = tasks.collect();
        let mut adopted = Vec::new();
        for task in tasks {
            if let Ok(Ok(guard)) = task.await.unwrap() {
                adopted.push(guard);
            }
        }
        assert!(adopted.len() <= 1, "round {round}: {adopted:?}");
        let Some(adopted) = adopted.pop() else {
            untouched(&servers, &guard).await;
            drop(guard);
            gone(&servers, "a").await;
            continue;
        };
        adoptions += 1;
        let lost = tokio::time::timeout(SOON, guard.lost());
        lost.await.expect("the former holder finds out");
        assert!(adopted.is_held(), "round {round}");
        drop(guard);
        adopted.extend(redlock_ttl()).await.unwrap();
        drop(adopted);
        // An adopter that was too late may have returned a key to the former holder after its
        // release. It stays for the ttl at most.
        for server in servers.iter() {
            server.probe().del("a");
        }
    }
    assert!(adoptions > 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_adoption_whose_outcome_is_unknown_is_undone() {
    let servers = Servers::start(3);
    form(&servers).await;
    let holder = Redlock::connect(servers.urls()).await.unwrap();
    healthy(&holder).await;
    let proxies: Vec<_> = servers.iter().map(Proxy::to_server).collect();
    let urls = proxies.iter().map(Proxy::url);
    let adopter = Redlock::builder().nodes(urls).connect().await.unwrap();
    healthy(&adopter).await;
    let guard = hold(&holder).await;
    // The servers change the id, and the adopter does not learn it.
    for proxy in &proxies {
        proxy.replies(Flow::Hold);
    }
    let id = guard.lease_id();
    let refused = adopter.adopt("a", id).await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused:?}");
    for proxy in &proxies {
        proxy.cut();
        proxy.heal();
    }
    untouched(&servers, &guard).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_adoption_survives_servers_without_its_script() {
    let (servers, redlock) = fleet(3).await;
    let other = Redlock::connect(servers.urls()).await.unwrap();
    healthy(&other).await;
    let guard = redlock.lock("a").ttl(redlock_ttl()).await.unwrap();
    for server in servers.iter() {
        server.probe().script_flush();
    }
    let adopted = other.adopt("a", guard.lease_id()).await.unwrap();
    assert_ne!(adopted.lease_id(), guard.lease_id());
    assert!(adopted.token() > guard.token());
}
