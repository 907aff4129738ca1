//! Every duration and factor that a user can set, from nothing to the largest.

use std::time::Duration;

use redlock::{
    ConfigError, ExtendError, InvalidRequest, LockError, LockRequest, Redlock, RedlockBuilder,
};

use crate::common::{MS, NODE_TIMEOUT, SECOND, Stopwatch, TTL};
use redlock::MemoryNode;

const NANO: Duration = Duration::from_nanos(1);
const YEARS: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
const ALL: [Duration; 5] = [Duration::ZERO, NANO, MS, YEARS, Duration::MAX];

/// A setter, and whether it accepts each of [`ALL`].
type Row<T> = (&'static str, fn(T, Duration) -> T, [bool; 5]);

/// Uses a manager with these options: it gets a lock, keeps it, and waits for it in vain.
async fn use_it(name: &str, builder: RedlockBuilder, nodes: &[MemoryNode]) {
    let redlock = builder.build().unwrap();
    let other = Redlock::builder().nodes(nodes.iter().cloned());
    let other = other.wait(SECOND).build().unwrap();
    let guard = redlock.lock("a").await.unwrap();
    for _ in 0..3 {
        tokio::time::sleep(TTL).await;
        assert!(guard.is_held(), "{name}");
        assert!(guard.remaining() > NODE_TIMEOUT, "{name}");
        assert!(other.lock("a").await.unwrap_err().is_busy(), "{name}");
    }
    drop(guard);
    let kept = other.status("a").await;
    assert!(kept.token().is_some(), "{name}: the counter is kept");

    let foreign = other.lock("b").await.unwrap();
    let watch = Stopwatch::start();
    let refused = redlock.lock("b").wait(5 * SECOND).await.unwrap_err();
    assert!(refused.is_busy(), "{name}: {refused}");
    let elapsed = watch.elapsed();
    assert!(elapsed <= 5 * SECOND + NODE_TIMEOUT, "{name}: {elapsed:?}");
    // The first waits at the nodes, and the second behind it.
    let waiting = [redlock.lock("b"), redlock.lock("b")].map(|it| it.wait(Duration::MAX));
    let [first, second] = waiting.map(tokio::spawn);
    tokio::time::sleep(TTL).await;
    assert!(!first.is_finished() && !second.is_finished(), "{name}");
    drop(foreign);
    drop(first.await.unwrap().unwrap());
    drop(second.await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn each_duration_of_a_manager_is_rejected_or_works() {
    let rows: [Row<RedlockBuilder>; 8] = [
        (
            "ttl",
            RedlockBuilder::ttl,
            [false, false, false, false, false],
        ),
        (
            "max_ttl",
            RedlockBuilder::max_ttl,
            [false, false, false, true, false],
        ),
        (
            "ttl and max_ttl",
            |builder, time| builder.ttl(time).max_ttl(time),
            [false, false, false, true, false],
        ),
        ("wait", RedlockBuilder::wait, [true; 5]),
        ("retry_delay", RedlockBuilder::retry_delay, [true; 5]),
        (
            "node_timeout",
            RedlockBuilder::node_timeout,
            [false, false, true, true, true],
        ),
        (
            "max_hold",
            RedlockBuilder::max_hold,
            [false, false, false, true, true],
        ),
        (
            "fence_retention",
            RedlockBuilder::fence_retention,
            [false, false, false, true, true],
        ),
    ];
    for (name, set, accepted) in rows {
        for (time, is_accepted) in ALL.into_iter().zip(accepted) {
            let name = format!("{name} of {time:?}");
            let nodes = MemoryNode::cluster::<3>();
            let builder = || set(Redlock::builder().nodes(nodes.clone()), time);
            match builder().build() {
                Ok(_) => assert!(is_accepted, "{name} is accepted"),
                Err(error) => assert!(!is_accepted, "{name}: {error}"),
            }
            if is_accepted {
                use_it(&name, builder(), &nodes).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_duration_of_a_request_is_rejected_or_works() {
    let rows: [Row<LockRequest>; 4] = [
        ("ttl", LockRequest::ttl, [false; 5]),
        ("wait", LockRequest::wait, [true; 5]),
        (
            "max_hold",
            LockRequest::max_hold,
            [false, false, false, true, true],
        ),
        (
            "hold_at_least",
            LockRequest::hold_at_least,
            [true, true, true, false, false],
        ),
    ];
    for (name, set, accepted) in rows {
        for (time, is_accepted) in ALL.into_iter().zip(accepted) {
            let name = format!("{name} of {time:?}");
            let redlock = Redlock::in_memory(3);
            match set(redlock.lock("a"), time).await {
                Ok(guard) => {
                    assert!(is_accepted, "{name} is accepted");
                    tokio::time::sleep(3 * TTL).await;
                    assert!(guard.is_held(), "{name}");
                }
                Err(error) => {
                    let is_typed = matches!(error, LockError::Invalid(_));
                    assert!(!is_accepted && is_typed, "{name}: {error}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_duration_of_an_extension_is_rejected_or_works() {
    let guard = Redlock::in_memory(3).lock("a").await.unwrap();
    for time in ALL {
        let refused = guard.extend(time).await.unwrap_err();
        assert!(matches!(refused, ExtendError::Invalid(_)), "{refused}");
    }
    assert!(guard.extend(10 * MS).await.unwrap() > TTL / 2);
}

#[tokio::test(start_paused = true)]
async fn a_drift_factor_is_rejected_or_leaves_time_to_extend() {
    let builder = |factor: f64| {
        let nodes = MemoryNode::cluster::<3>();
        let builder = Redlock::builder().nodes(nodes.clone());
        (builder.drift_factor(factor), nodes)
    };
    let impossible = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -1e-9, 1.0];
    for factor in impossible {
        let refused = builder(factor).0.build().unwrap_err();
        let is_typed = matches!(refused, ConfigError::DriftFactor { .. });
        assert!(is_typed, "{factor}: {refused}");
    }
    for factor in [0.62, 0.66, 0.74, 0.99] {
        let (builder, _) = builder(factor);
        let refused = builder.clone().build().unwrap_err();
        let is_typed = matches!(
            refused,
            ConfigError::Ttl(
                InvalidRequest::ExtendedTooLate { .. } | InvalidRequest::NoValidity { .. }
            )
        );
        assert!(is_typed, "{factor}: {refused}");
        let lone = builder.auto_extend(false).build();
        assert_eq!(lone.is_ok(), factor < 0.75, "{factor}: without extensions");
    }
    for factor in [0.0, -0.0, f64::MIN_POSITIVE, 0.5, 0.6] {
        let (builder, nodes) = builder(factor);
        use_it(&format!("drift_factor of {factor}"), builder, &nodes).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ttl_that_ends_before_its_extension_is_rejected() {
    let nodes = MemoryNode::cluster::<3>();
    let builder = Redlock::builder().nodes(nodes).drift_factor(0.5);
    let redlock = builder.auto_extend(false).build().unwrap();
    // Of 20 ms, 8 ms remain: more than a quarter, but the first extension is due after 6.7 ms.
    let guard = redlock.lock("a").ttl(20 * MS).await.unwrap();
    drop(guard);
    let request = redlock.lock("a").ttl(20 * MS).auto_extend(true);
    let refused = request.await.unwrap_err();
    let LockError::Invalid(InvalidRequest::ExtendedTooLate { ttl, validity, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((ttl, validity), (20 * MS, 8 * MS));
    let guard = redlock.lock("a").ttl(SECOND).auto_extend(true);
    let guard = guard.await.unwrap();
    tokio::time::sleep(TTL).await;
    assert!(guard.is_held());
}
