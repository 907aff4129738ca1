//! Releases that keep their keys until a deadline.

use std::time::Duration;

use redlock::node::{Extension, Moment, Record, Removal, Vote};

use crate::subject::Subject;

/// Long enough not to expire in any test.
const LONG: Duration = Duration::from_secs(60);

/// Short enough to wait for; the waits below are several times as long.
const SHORT: Duration = Duration::from_millis(100);

const GRANTED: Vote = Vote::Granted { stamp: None };

fn after(time: Duration) -> Moment {
    Moment::now().checked_add(time).unwrap()
}

async fn record(node: &Subject, key: &str) -> Option<Record> {
    node.inspect(key.as_bytes()).get().await.record
}

async fn remaining(node: &Subject, key: &str) -> Duration {
    record(node, key).await.unwrap().remaining.unwrap()
}

pub(crate) async fn a_release_can_keep_the_key_until_a_deadline(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    let kept = node.release_and_keep(b"a", "1", after(LONG / 2));
    assert_eq!(
        kept.get().await,
        Removal::Deleted,
        "a kept key counts as deleted"
    );
    let left = remaining(&node, "a").await;
    assert!(left > LONG / 4 && left <= LONG / 2, "{left:?}");
    let vote = node.acquire(b"a", "2", LONG).get().await;
    assert!(matches!(vote, Vote::Busy { .. }), "{vote:?}");

    node.acquire(["b", "c"], "1", LONG).get().await;
    let kept = node.release_and_keep(["b", "c"], "1", after(SHORT));
    assert_eq!(kept.get().await, Removal::Deleted);
    tokio::time::sleep(SHORT * 3).await;
    assert_eq!(node.acquire(["b", "c"], "2", LONG).get().await, GRANTED);
}

pub(crate) async fn a_release_can_keep_a_key_beyond_its_ttl(node: Subject) {
    // Long enough for a slow machine to release them in time.
    let ttl = Duration::from_secs(5);
    node.acquire(["a", "b"], "1", ttl).get().await;
    let kept = node.release_and_keep(["a", "b"], "1", after(LONG));
    assert_eq!(kept.get().await, Removal::Deleted);
    for key in ["a", "b"] {
        let left = remaining(&node, key).await;
        assert!(left > ttl && left <= LONG, "{left:?}");
    }
}

pub(crate) async fn only_our_own_keys_are_kept(node: Subject) {
    node.acquire(["a", "b"], "1", LONG).get().await;
    node.acquire(b"c", "2", LONG).get().await;
    let keys = ["a", "b", "c", "d"];
    let kept = node.release_and_keep(keys, "3", after(SHORT));
    assert_eq!(kept.get().await, Removal::Absent);
    let kept = node.release_and_keep(b"c", "1", after(SHORT));
    assert_eq!(kept.get().await, Removal::Absent);
    let kept = node.release_and_keep(keys, "1", after(SHORT));
    assert_eq!(kept.get().await, Removal::Deleted);
    tokio::time::sleep(SHORT * 3).await;
    for (key, is_there) in keys.into_iter().zip([false, false, true, false]) {
        assert_eq!(record(&node, key).await.is_some(), is_there, "{key}");
    }
    let kept = node.release_and_keep(keys, "1", after(LONG));
    assert_eq!(kept.get().await, Removal::Absent, "no key is created again");
    assert_eq!(record(&node, "a").await, None);
}

pub(crate) async fn a_deadline_in_the_past_deletes_the_key(node: Subject) {
    let passed = Moment::now();
    node.acquire(b"a", "1", LONG).get().await;
    node.acquire(["b", "c"], "1", LONG).get().await;
    let released = [
        node.release_and_keep(b"a", "1", passed),
        node.release_and_keep(["b", "c"], "1", passed),
    ];
    for removal in released {
        assert_eq!(removal.get().await, Removal::Deleted);
    }
    for key in ["a", "b", "c"] {
        assert_eq!(record(&node, key).await, None, "{key}");
    }
}

pub(crate) async fn a_late_release_does_not_keep_a_key_longer(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    node.acquire(b"b", "1", LONG).get().await;
    node.acquire(["c", "d"], "1", LONG).get().await;
    node.cut_off().await;
    let late = Duration::from_secs(2);
    let releases = [
        node.release_and_keep(b"a", "1", after(SHORT)),
        node.release_and_keep(b"b", "1", after(LONG / 2)),
        node.release_and_keep(["c", "d"], "1", after(SHORT)),
    ];
    for release in releases {
        release.outcome().await.unwrap_err();
    }
    tokio::time::sleep(late).await;
    node.reconnect().await;
    // Pending releases are sent before the inspections.
    for key in ["a", "c", "d"] {
        assert_eq!(record(&node, key).await, None, "{key}");
    }
    let left = remaining(&node, "b").await;
    assert!(left <= LONG / 2 - late / 2, "{left:?}");
}

pub(crate) async fn keeping_and_deleting_releases_get_one_response_each(node: Subject) {
    let key = |number: u32| format!("key {number}").into_bytes();
    let mut responses = Vec::new();
    for number in 0..100 {
        let keep = [None, Some(after(LONG)), Some(Moment::now())][number as usize % 3];
        let granted = node.acquire(&key(number)[..], "1", LONG / 2);
        let kept = node.release_and_keep(&key(number)[..], "1", keep);
        let extended = node.extend(&key(number)[..], "1", LONG / 2);
        responses.push((number % 3 == 1, granted, kept, extended));
    }
    for (is_kept, granted, kept, extended) in responses {
        assert_eq!(granted.get().await, GRANTED);
        assert_eq!(kept.get().await, Removal::Deleted);
        let expected = if is_kept {
            Extension::Confirmed
        } else {
            Extension::NotHeld
        };
        assert_eq!(extended.get().await, expected);
    }
}
