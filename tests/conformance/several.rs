//! The contract of every command on several keys, which takes effect on all of them or on none.

use std::time::Duration;

use redlock::node::{Extension, Raised, Removal, Snapshot, Stamp, Vote};

use crate::commands::Form;
use crate::subject::Subject;

/// Long enough not to expire in any test.
const LONG: Duration = Duration::from_secs(60);

const GRANTED: Vote = Vote::Granted { stamp: None };

fn is_busy(vote: &Vote) -> bool {
    matches!(vote, Vote::Busy { .. })
}

async fn snapshots<const N: usize>(node: &Subject, keys: [&str; N]) -> Vec<Snapshot> {
    let mut snapshots = Vec::new();
    for key in keys {
        snapshots.push(node.inspect(key.as_bytes()).get().await);
    }
    snapshots
}

async fn held<const N: usize>(node: &Subject, keys: [&str; N]) -> Vec<bool> {
    let snapshots = snapshots(node, keys).await.into_iter();
    snapshots.map(|it| it.record.is_some()).collect()
}

async fn counters<const N: usize>(node: &Subject, keys: [&str; N]) -> Vec<Option<u64>> {
    let snapshots = snapshots(node, keys).await.into_iter();
    snapshots.map(|it| it.counter).collect()
}

pub(crate) async fn all_keys_are_granted_or_none(node: Subject) {
    let keys = ["a", "b", "c"];
    for contended in [false, true] {
        for taken in keys {
            node.acquire(taken.as_bytes(), "1", LONG).get().await;
            let vote = node.acquire_plain(keys, "2", LONG, contended).get().await;
            assert!(is_busy(&vote), "{taken}: {vote:?}");
            let vote = node.acquire_plain(keys, "1", LONG, contended).get().await;
            assert!(is_busy(&vote), "its own id is no exception: {vote:?}");
            let vote = node.acquire_fenced(keys, "2", 100, Form::First).get().await;
            assert!(is_busy(&vote), "{taken}: {vote:?}");
            assert_eq!(held(&node, keys).await, keys.map(|key| key == taken));
            assert_eq!(counters(&node, keys).await, [None; 3]);
            node.release(taken.as_bytes(), "1").get().await;
        }
        let vote = node.acquire_plain(keys, "3", LONG, contended).get().await;
        assert_eq!(vote, GRANTED);
        for snapshot in snapshots(&node, keys).await {
            let record = snapshot.record.unwrap();
            assert_eq!(record.id, Some("3".into()));
            let remaining = record.remaining.unwrap();
            assert!(remaining <= LONG && remaining > LONG / 2, "{remaining:?}");
        }
        assert_eq!(node.release(keys, "3").get().await, Removal::Deleted);
        assert_eq!(held(&node, keys).await, [false; 3]);
    }
}

pub(crate) async fn overlapping_sets_exclude_each_other(node: Subject) {
    assert_eq!(node.acquire(["a", "b"], "1", LONG).get().await, GRANTED);
    assert!(is_busy(&node.acquire(["b", "c"], "2", LONG).get().await));
    assert!(is_busy(&node.acquire(b"b", "2", LONG).get().await));
    assert_eq!(node.acquire(["c", "d"], "2", LONG).get().await, GRANTED);
    node.release(["a", "b"], "1").get().await;
    assert!(is_busy(&node.acquire(["b", "c"], "3", LONG).get().await));
    node.release(["c", "d"], "2").get().await;
    assert_eq!(node.acquire(["b", "c"], "3", LONG).get().await, GRANTED);
}

pub(crate) async fn a_release_of_several_deletes_only_our_keys(node: Subject) {
    node.acquire(["a", "b"], "1", LONG).get().await;
    node.acquire(b"c", "2", LONG).get().await;
    let keys = ["a", "b", "c", "d"];
    assert_eq!(node.release(keys, "3").get().await, Removal::Absent);
    assert_eq!(held(&node, keys).await, [true, true, true, false]);
    assert_eq!(node.release(keys, "1").get().await, Removal::Deleted);
    assert_eq!(held(&node, keys).await, [false, false, true, false]);
    assert_eq!(node.release(keys, "1").get().await, Removal::Absent);
    assert_eq!(node.release(keys, "2").get().await, Removal::Deleted);
    assert_eq!(held(&node, keys).await, [false; 4]);
}

pub(crate) async fn releases_of_several_take_effect_in_order(node: Subject) {
    let mut responses = Vec::new();
    for number in 0..200 {
        let id = number.to_string();
        // Nothing is awaited, so only the order counts, not the timing. The sets overlap each other
        // and the single keys, with and without a counter.
        let granted = match number % 4 {
            0 => node.acquire(["a", "b"], &id, LONG),
            1 => node.acquire(b"b", &id, LONG),
            2 => node.acquire_fenced(["b", "c"], &id, 1_000 + number, Form::First),
            _ => node.acquire_fenced(b"c", &id, 1_000 + number, Form::First),
        };
        let released = match number % 4 {
            0 => node.release(["a", "b"], &id),
            1 => node.release(b"b", &id),
            2 => node.release(["b", "c"], &id),
            _ => node.release(b"c", &id),
        };
        responses.push((granted, released));
    }
    for (granted, released) in responses {
        let vote = granted.get().await;
        assert!(matches!(vote, Vote::Granted { .. }), "{vote:?}");
        assert_eq!(released.get().await, Removal::Deleted);
    }
}

pub(crate) async fn an_extension_of_several_needs_every_key(node: Subject) {
    // Long enough for a slow machine to extend them in time.
    let ttl = Duration::from_secs(5);
    let keys = ["a", "b"];
    node.acquire(keys, "1", ttl).get().await;
    let extended = node.extend(["a", "b", "c"], "1", LONG).get().await;
    assert_eq!(extended, Extension::NotHeld, "one is absent");
    node.acquire(b"c", "2", ttl).get().await;
    let extended = node.extend(["a", "b", "c"], "1", LONG).get().await;
    assert_eq!(extended, Extension::NotHeld, "one belongs to another owner");
    for snapshot in snapshots(&node, ["a", "b", "c"]).await {
        let record = snapshot.record.unwrap();
        assert!(record.remaining.unwrap() <= ttl, "{record:?}");
    }
    let extended = node.extend(keys, "1", LONG).get().await;
    assert_eq!(extended, Extension::Confirmed);
    for snapshot in snapshots(&node, keys).await {
        let record = snapshot.record.unwrap();
        assert!(record.remaining.unwrap() > ttl, "{record:?}");
    }
}

pub(crate) async fn a_grant_of_several_stamps_all_above_the_largest(node: Subject) {
    let keys = ["a", "b", "c"];
    let stamped = |vote| match vote {
        Vote::Granted {
            stamp: Some(Stamp::Moved(stamp)),
        } => stamp,
        other => panic!("{other:?}"),
    };
    node.acquire_fenced(b"b", "1", 300, Form::First).get().await;
    node.release(b"b", "1").get().await;
    node.acquire_fenced(b"c", "1", 200, Form::First).get().await;
    node.release(b"c", "1").get().await;
    let mut largest = 300;
    for proposal in [250, 301, 5, 1_000] {
        for form in [Form::First, Form::LikelyAccepted, Form::Contended] {
            largest = proposal.max(largest + 1);
            let vote = node.acquire_fenced(keys, "2", proposal, form).get().await;
            assert_eq!(stamped(vote), largest, "{proposal}");
            assert_eq!(counters(&node, keys).await, [Some(largest); 3]);
            node.release(keys, "2").get().await;
        }
    }
}

pub(crate) async fn a_raise_of_several_moves_all_or_none(node: Subject) {
    let keys = ["a", "b"];
    node.acquire(keys, "1", LONG).get().await;
    assert_eq!(node.raise(keys, "1", 100).get().await, Raised::Moved);
    assert_eq!(counters(&node, keys).await, [Some(100); 2]);
    assert_eq!(node.raise(b"a", "1", 150).get().await, Raised::Moved);
    for token in [120, 150] {
        let raised = node.raise(keys, "1", token).get().await;
        assert_eq!(raised, Raised::Beyond(150), "the largest decides");
    }
    assert_eq!(counters(&node, keys).await, [Some(150), Some(100)]);
    assert_eq!(node.raise(keys, "1", 151).get().await, Raised::Moved);
    let raised = node.raise(["a", "b", "c"], "1", 200).get().await;
    assert_eq!(raised, Raised::NotHeld, "one is absent");
    node.acquire(b"c", "2", LONG).get().await;
    let raised = node.raise(["a", "b", "c"], "1", 200).get().await;
    assert_eq!(raised, Raised::NotHeld, "one belongs to another owner");
    let expected = [Some(151), Some(151), None];
    assert_eq!(counters(&node, ["a", "b", "c"]).await, expected);
}

pub(crate) async fn busy_reports_the_longest_time_and_the_largest_counter(node: Subject) {
    node.acquire_fenced(b"a", "1", 300, Form::First).get().await;
    node.release(b"a", "1").get().await;
    node.acquire_fenced(b"b", "1", 200, Form::First).get().await;
    node.acquire(b"c", "2", LONG * 2).get().await;
    node.acquire(b"d", "3", LONG / 2).get().await;
    for form in [Form::First, Form::Contended] {
        let keys = ["a", "b", "c", "d", "e"];
        let vote = node.acquire_fenced(keys, "4", 900, form).get().await;
        let Vote::Busy {
            remaining: Some(remaining),
            counter: None | Some(300),
            rank: None,
        } = vote
        else {
            panic!("{vote:?}")
        };
        assert!(remaining > LONG && remaining <= LONG * 2, "{remaining:?}");
        assert_eq!(counters(&node, ["a", "b"]).await, [Some(300), Some(200)]);
    }
    for contended in [false, true] {
        let keys = ["a", "b", "d"];
        let vote = node.acquire_plain(keys, "4", LONG, contended).get().await;
        let Vote::Busy {
            remaining: Some(remaining),
            ..
        } = vote
        else {
            panic!("{vote:?}")
        };
        assert!(
            remaining > LONG / 2 && remaining <= LONG,
            "the longest is that of the key in the middle: {remaining:?}"
        );
    }
}

pub(crate) async fn a_thousand_keys_are_one_lock(node: Subject) {
    let keys = || (0..1_000).map(|number| format!("key {number}")).collect();
    let keys: &dyn Fn() -> Vec<String> = &keys;
    let vote = node
        .acquire_fenced(keys(), "1", 100, Form::First)
        .get()
        .await;
    let stamp = Some(Stamp::Moved(100));
    assert_eq!(vote, Vote::Granted { stamp });
    assert!(is_busy(&node.acquire(b"key 999", "2", LONG).get().await));
    assert_eq!(node.raise(keys(), "1", 200).get().await, Raised::Moved);
    let extended = node.extend(keys(), "1", LONG).get().await;
    assert_eq!(extended, Extension::Confirmed);
    assert_eq!(node.release(keys(), "1").get().await, Removal::Deleted);
    let ends = ["key 0", "key 500", "key 999"];
    assert_eq!(held(&node, ends).await, [false; 3]);
    assert_eq!(counters(&node, ends).await, [Some(200); 3]);
}
