//! What every node does.

use std::time::Duration;

use redlock::LeaseId;
use redlock::node::{Extension, Raised, Record, Removal, Stamp, Vote};

use crate::subject::{Subject, Way};

/// Long enough not to expire in any test.
const LONG: Duration = Duration::from_secs(60);

/// Short enough to wait for; the waits below are several times as long.
const SHORT: Duration = Duration::from_millis(100);

fn is_busy(vote: &Vote) -> bool {
    matches!(vote, Vote::Busy { .. })
}

pub(crate) async fn an_absent_key_is_granted_and_a_present_one_is_not(node: Subject) {
    assert_eq!(
        node.acquire(b"a", "1", LONG).get().await,
        Vote::Granted { stamp: None }
    );
    for contended in [false, true] {
        let vote = node.acquire_in_form(b"a", "2", LONG, contended).get().await;
        assert!(is_busy(&vote), "{vote:?}");
        let vote = node.acquire_in_form(b"a", "1", LONG, contended).get().await;
        assert!(is_busy(&vote), "its own id is no exception: {vote:?}");
    }
    assert_eq!(
        node.acquire_in_form(b"b", "2", LONG, true).get().await,
        Vote::Granted { stamp: None }
    );
}

pub(crate) async fn busy_tells_the_time_left(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    for contended in [false, true] {
        let vote = node.acquire_in_form(b"a", "2", LONG, contended).get().await;
        let Vote::Busy {
            remaining: Some(remaining),
            ..
        } = vote
        else {
            panic!("{vote:?}")
        };
        assert!(remaining <= LONG && remaining > LONG / 2, "{remaining:?}");
    }
}

pub(crate) async fn a_key_expires(node: Subject) {
    node.acquire(b"a", "1", SHORT).get().await;
    tokio::time::sleep(SHORT * 3).await;
    assert_eq!(node.inspect(b"a").get().await.record, None);
    assert_eq!(node.extend(b"a", "1", LONG).get().await, Extension::NotHeld);
    assert_eq!(node.release(b"a", "1").get().await, Removal::Absent);
    assert_eq!(
        node.acquire(b"a", "2", LONG).get().await,
        Vote::Granted { stamp: None }
    );
}

pub(crate) async fn a_key_is_acquired_again_after_its_release(node: Subject) {
    for contended in [false, true, false] {
        let vote = node.acquire_in_form(b"a", "1", LONG, contended).get().await;
        assert_eq!(vote, Vote::Granted { stamp: None });
        assert_eq!(node.release(b"a", "1").get().await, Removal::Deleted);
        assert_eq!(node.release(b"a", "1").get().await, Removal::Absent);
    }
}

pub(crate) async fn a_release_needs_the_right_id(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    assert_eq!(node.release(b"a", "2").get().await, Removal::Absent);
    assert_eq!(node.release(b"b", "1").get().await, Removal::Absent);
    assert!(is_busy(&node.acquire(b"a", "2", LONG).get().await));
}

pub(crate) async fn an_extension_moves_the_expiry_further_away(node: Subject) {
    // Long enough for a slow machine to extend it in time.
    let ttl = Duration::from_secs(2);
    node.acquire(b"a", "1", ttl).get().await;
    assert_eq!(
        node.extend(b"a", "1", LONG).get().await,
        Extension::Confirmed
    );
    let record = node.inspect(b"a").get().await.record.unwrap();
    assert!(record.remaining.unwrap() > ttl, "{record:?}");
}

pub(crate) async fn an_extension_never_brings_it_nearer(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    assert_eq!(
        node.extend(b"a", "1", SHORT).get().await,
        Extension::Confirmed
    );
    let record = node.inspect(b"a").get().await.record.unwrap();
    assert!(record.remaining.unwrap() > LONG / 2, "{record:?}");
}

pub(crate) async fn an_extension_needs_the_right_id_and_a_key(node: Subject) {
    assert_eq!(node.extend(b"a", "1", LONG).get().await, Extension::NotHeld);
    assert_eq!(
        node.inspect(b"a").get().await.record,
        None,
        "it did not make the key"
    );
    node.acquire(b"a", "1", LONG).get().await;
    assert_eq!(
        node.extend(b"a", "2", LONG * 2).get().await,
        Extension::NotHeld
    );
    let record = node.inspect(b"a").get().await.record.unwrap();
    assert!(record.remaining.unwrap() <= LONG, "{record:?}");
}

pub(crate) async fn a_release_comes_after_the_acquire_before_it(node: Subject) {
    // Nothing is awaited between the two, so this is about order and not about luck.
    for number in 0..100 {
        let key = format!("key {number}");
        let contended = number % 2 == 0;
        let vote = node.acquire_in_form(key.as_bytes(), "1", LONG, contended);
        let removal = node.release(key.as_bytes(), "1");
        assert_eq!(removal.get().await, Removal::Deleted);
        assert_eq!(vote.get().await, Vote::Granted { stamp: None });
    }
}

pub(crate) async fn commands_take_effect_in_order(node: Subject) {
    let mut answers = Vec::new();
    for number in 0..200 {
        let id = number.to_string();
        let granted = node.acquire_in_form(b"a", &id, LONG, number % 3 == 0);
        let extended = node.extend(b"a", &id, LONG);
        answers.push((granted, extended, node.release(b"a", &id)));
    }
    for (granted, extended, released) in answers {
        assert_eq!(granted.get().await, Vote::Granted { stamp: None });
        assert_eq!(extended.get().await, Extension::Confirmed);
        assert_eq!(released.get().await, Removal::Deleted);
    }
}

pub(crate) async fn inspecting_tells_id_and_time_and_changes_nothing(node: Subject) {
    assert_eq!(node.inspect(b"a").get().await.record, None);
    node.acquire(b"a", "1", LONG).get().await;
    for _ in 0..2 {
        let Some(Record {
            id,
            remaining: Some(remaining),
            ..
        }) = node.inspect(b"a").get().await.record
        else {
            panic!("the key is there");
        };
        assert_eq!(id, Some(LeaseId::from("1")));
        assert!(remaining <= LONG && remaining > LONG / 2, "{remaining:?}");
    }
    assert_eq!(node.release(b"a", "1").get().await, Removal::Deleted);
}

pub(crate) async fn any_bytes_are_a_key(node: Subject) {
    let all: Vec<u8> = (0..=255).collect();
    let large = vec![0xff; 64 * 1024];
    let keys: [&[u8]; 5] = [&all, &large, b"\r\n", b"{}", b" "];
    for key in keys {
        assert_eq!(
            node.acquire(key, "1", LONG).get().await,
            Vote::Granted { stamp: None }
        );
        assert!(is_busy(&node.acquire(key, "2", LONG).get().await));
        assert_eq!(
            node.extend(key, "1", LONG).get().await,
            Extension::Confirmed
        );
        assert_eq!(node.release(key, "1").get().await, Removal::Deleted);
    }
}

pub(crate) async fn a_large_batch_is_answered_one_by_one(node: Subject) {
    let votes: Vec<_> = (0..5_000)
        .map(|number| node.acquire(format!("key {}", number / 2).as_bytes(), "1", LONG))
        .collect();
    for (number, vote) in votes.into_iter().enumerate() {
        let vote = vote.get().await;
        assert_eq!(
            vote == Vote::Granted { stamp: None },
            number % 2 == 0,
            "{number}: {vote:?}"
        );
    }
}

pub(crate) async fn a_ping_is_answered(node: Subject) {
    node.ping().get().await;
}

pub(crate) async fn a_session_serves_threads_without_a_runtime(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    let (node, removal) = std::thread::spawn(move || {
        let removal = node.release(b"a", "1");
        (node, removal)
    })
    .join()
    .unwrap();
    assert_eq!(removal.get().await, Removal::Deleted);
    assert_eq!(
        node.acquire(b"a", "2", LONG).get().await,
        Vote::Granted { stamp: None }
    );
}

/// The stamp of a grant.
fn stamp(vote: &Vote) -> Stamp {
    let Vote::Granted { stamp: Some(stamp) } = vote else {
        panic!("{vote:?}");
    };
    *stamp
}

pub(crate) async fn a_grant_moves_the_counter_to_the_proposal(node: Subject) {
    let ways = [Way::First, Way::Contended, Way::Tried, Way::First];
    for (proposal, way) in (100..).step_by(100).zip(ways) {
        let vote = node.acquire_fenced(b"a", "1", proposal, way).get().await;
        assert_eq!(stamp(&vote), Stamp::Moved(proposal));
        node.release(b"a", "1").get().await;
        assert_eq!(
            node.inspect(b"a").get().await.counter,
            Some(proposal),
            "it outlives the key"
        );
    }
}

pub(crate) async fn a_counter_that_is_beyond_the_proposal_is_never_lowered(node: Subject) {
    node.acquire_fenced(b"a", "1", 1_800_000_000_000_007, Way::First)
        .get()
        .await;
    node.release(b"a", "1").get().await;
    // In the form that costs least a node may leave it there, and say so.
    let vote = node.acquire_fenced(b"a", "2", 5, Way::First).get().await;
    match stamp(&vote) {
        Stamp::Beyond(counter) => assert_eq!(counter, 1_800_000_000_000_007),
        Stamp::Moved(counter) => assert_eq!(counter, 1_800_000_000_000_008),
    }
    node.release(b"a", "2").get().await;
    // In the others it moves on, by one.
    for way in [Way::Tried, Way::Contended] {
        let before = node.inspect(b"a").get().await.counter.unwrap();
        let vote = node.acquire_fenced(b"a", "3", 5, way).get().await;
        assert_eq!(stamp(&vote), Stamp::Moved(before + 1));
        node.release(b"a", "3").get().await;
    }
}

pub(crate) async fn a_counter_at_the_proposal_is_not_counted_as_moved(node: Subject) {
    node.acquire_fenced(b"a", "1", 100, Way::First).get().await;
    node.release(b"a", "1").get().await;
    for way in [Way::First, Way::Tried, Way::Contended] {
        let vote = node.acquire_fenced(b"a", "2", 100, way).get().await;
        assert_ne!(stamp(&vote), Stamp::Moved(100), "another has that number");
        node.release(b"a", "2").get().await;
    }
}

pub(crate) async fn a_raise_moves_a_counter_that_is_below(node: Subject) {
    node.acquire_fenced(b"a", "1", 100, Way::First).get().await;
    assert_eq!(node.raise(b"a", "1", 150).get().await, Raised::Moved);
    assert_eq!(node.inspect(b"a").get().await.counter, Some(150));
    assert_eq!(
        node.raise(b"a", "1", 150).get().await,
        Raised::Beyond(150),
        "below, not at"
    );
    assert_eq!(node.raise(b"a", "1", 120).get().await, Raised::Beyond(150));
}

pub(crate) async fn a_raise_needs_the_right_id_and_a_key(node: Subject) {
    assert_eq!(node.raise(b"a", "1", 150).get().await, Raised::NotHeld);
    node.acquire_fenced(b"a", "1", 100, Way::First).get().await;
    assert_eq!(node.raise(b"a", "2", 150).get().await, Raised::NotHeld);
    node.release(b"a", "1").get().await;
    assert_eq!(node.raise(b"a", "1", 150).get().await, Raised::NotHeld);
    assert_eq!(node.inspect(b"a").get().await.counter, Some(100));
}

pub(crate) async fn a_raise_makes_a_counter_that_is_not_there(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    assert_eq!(node.inspect(b"a").get().await.counter, None);
    assert_eq!(node.raise(b"a", "1", 100).get().await, Raised::Moved);
    assert_eq!(node.inspect(b"a").get().await.counter, Some(100));
}

pub(crate) async fn a_refusal_leaves_the_counter_alone_and_tells_it_truly(node: Subject) {
    node.acquire_fenced(b"a", "1", 100, Way::First).get().await;
    let vote = node
        .acquire_fenced(b"a", "2", 200, Way::Contended)
        .get()
        .await;
    // It need not be told.
    let Vote::Busy { counter, .. } = vote else {
        panic!("{vote:?}")
    };
    assert!(counter.is_none_or(|counter| counter == 100), "{vote:?}");
    assert_eq!(node.inspect(b"a").get().await.counter, Some(100));
}
