//! The contract of every command on a single key.

use std::time::Duration;

use redlock::LeaseId;
use redlock::node::{Extension, Raised, Record, Removal, Stamp, Vote};

use crate::commands::Form;
use crate::subject::{Host, Subject};

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
        let vote = node.acquire_plain(b"a", "2", LONG, contended).get().await;
        assert!(is_busy(&vote), "{vote:?}");
        let vote = node.acquire_plain(b"a", "1", LONG, contended).get().await;
        assert!(is_busy(&vote), "its own id is no exception: {vote:?}");
    }
    assert_eq!(
        node.acquire_plain(b"b", "2", LONG, true).get().await,
        Vote::Granted { stamp: None }
    );
}

pub(crate) async fn busy_reports_the_remaining_time(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    for contended in [false, true] {
        let vote = node.acquire_plain(b"a", "2", LONG, contended).get().await;
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

pub(crate) async fn a_released_key_can_be_acquired_again(node: Subject) {
    for contended in [false, true, false] {
        let vote = node.acquire_plain(b"a", "1", LONG, contended).get().await;
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

pub(crate) async fn an_extension_postpones_the_expiry(node: Subject) {
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

pub(crate) async fn an_extension_never_shortens_the_expiry(node: Subject) {
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
        "the extension did not create the key"
    );
    node.acquire(b"a", "1", LONG).get().await;
    assert_eq!(
        node.extend(b"a", "2", LONG * 2).get().await,
        Extension::NotHeld
    );
    let record = node.inspect(b"a").get().await.record.unwrap();
    assert!(record.remaining.unwrap() <= LONG, "{record:?}");
}

pub(crate) async fn a_release_never_overtakes_its_acquire(node: Subject) {
    // Nothing is awaited between the two, so only their order counts, not their timing.
    for number in 0..100 {
        let key = format!("key {number}");
        let contended = number % 2 == 0;
        let vote = node.acquire_plain(key.as_bytes(), "1", LONG, contended);
        let removal = node.release(key.as_bytes(), "1");
        assert_eq!(removal.get().await, Removal::Deleted);
        assert_eq!(vote.get().await, Vote::Granted { stamp: None });
    }
}

pub(crate) async fn commands_take_effect_in_order(node: Subject) {
    let mut responses = Vec::new();
    for number in 0..200 {
        let id = number.to_string();
        let granted = node.acquire_plain(b"a", &id, LONG, number % 3 == 0);
        let extended = node.extend(b"a", &id, LONG);
        responses.push((granted, extended, node.release(b"a", &id)));
    }
    for (granted, extended, released) in responses {
        assert_eq!(granted.get().await, Vote::Granted { stamp: None });
        assert_eq!(extended.get().await, Extension::Confirmed);
        assert_eq!(released.get().await, Removal::Deleted);
    }
}

pub(crate) async fn inspect_reports_id_and_time_and_changes_nothing(node: Subject) {
    assert_eq!(node.inspect(b"a").get().await.record, None);
    node.acquire(b"a", "1", LONG).get().await;
    for _ in 0..2 {
        let Some(Record {
            id,
            remaining: Some(remaining),
            ..
        }) = node.inspect(b"a").get().await.record
        else {
            panic!("the key is held");
        };
        assert_eq!(id, Some(LeaseId::from("1")));
        assert!(remaining <= LONG && remaining > LONG / 2, "{remaining:?}");
    }
    assert_eq!(node.release(b"a", "1").get().await, Removal::Deleted);
}

pub(crate) async fn any_bytes_are_a_valid_key(node: Subject) {
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

pub(crate) async fn a_large_batch_gets_one_response_per_command(node: Subject) {
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

pub(crate) async fn a_ping_gets_a_response(node: Subject) {
    node.ping().get().await;
}

pub(crate) async fn a_ping_after_releases_waits_for_them(node: Subject) {
    let key = |number: u32| format!("lock {number}");
    for number in 0..100 {
        node.acquire(key(number).as_bytes(), "1", LONG).get().await;
    }
    // A server has to be sent the script first.
    if let Host::Server { server, .. } = &*node.host {
        server.probe().script_flush();
    }
    for number in 0..100 {
        drop(node.release(key(number).as_bytes(), "1"));
    }
    node.ping_after_releases().get().await;
    for number in 0..100 {
        let snapshot = node.inspect(key(number).as_bytes()).get().await;
        assert_eq!(snapshot.record, None, "{number}");
    }
    // Without releases, it is a ping.
    node.ping_after_releases().get().await;
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
    let forms = [
        Form::First,
        Form::Contended,
        Form::LikelyAccepted,
        Form::First,
    ];
    for (proposal, form) in (100..).step_by(100).zip(forms) {
        let vote = node.acquire_fenced(b"a", "1", proposal, form).get().await;
        assert_eq!(stamp(&vote), Stamp::Moved(proposal));
        node.release(b"a", "1").get().await;
        assert_eq!(
            node.inspect(b"a").get().await.counter,
            Some(proposal),
            "the counter outlives the key"
        );
    }
}

pub(crate) async fn a_counter_beyond_the_proposal_is_never_lowered(node: Subject) {
    node.acquire_fenced(b"a", "1", 1_800_000_000_000_007, Form::First)
        .get()
        .await;
    node.release(b"a", "1").get().await;
    // In the cheapest form a node may leave the counter as it is, and report it.
    let vote = node.acquire_fenced(b"a", "2", 5, Form::First).get().await;
    match stamp(&vote) {
        Stamp::Beyond(counter) => assert_eq!(counter, 1_800_000_000_000_007),
        Stamp::Moved(counter) => assert_eq!(counter, 1_800_000_000_000_008),
    }
    node.release(b"a", "2").get().await;
    // In the other forms the counter moves on by one.
    for form in [Form::LikelyAccepted, Form::Contended] {
        let before = node.inspect(b"a").get().await.counter.unwrap();
        let vote = node.acquire_fenced(b"a", "3", 5, form).get().await;
        assert_eq!(stamp(&vote), Stamp::Moved(before + 1));
        node.release(b"a", "3").get().await;
    }
}

pub(crate) async fn a_counter_at_the_proposal_does_not_count_as_moved(node: Subject) {
    node.acquire_fenced(b"a", "1", 100, Form::First).get().await;
    node.release(b"a", "1").get().await;
    for form in [Form::First, Form::LikelyAccepted, Form::Contended] {
        let vote = node.acquire_fenced(b"a", "2", 100, form).get().await;
        assert_ne!(
            stamp(&vote),
            Stamp::Moved(100),
            "another grant has that number"
        );
        node.release(b"a", "2").get().await;
    }
}

pub(crate) async fn a_raise_moves_a_lower_counter(node: Subject) {
    node.acquire_fenced(b"a", "1", 100, Form::First).get().await;
    assert_eq!(node.raise(b"a", "1", 150).get().await, Raised::Moved);
    assert_eq!(node.inspect(b"a").get().await.counter, Some(150));
    assert_eq!(
        node.raise(b"a", "1", 150).get().await,
        Raised::Beyond(150),
        "an equal counter is not below the token"
    );
    assert_eq!(node.raise(b"a", "1", 120).get().await, Raised::Beyond(150));
}

pub(crate) async fn a_raise_needs_the_right_id_and_a_key(node: Subject) {
    assert_eq!(node.raise(b"a", "1", 150).get().await, Raised::NotHeld);
    node.acquire_fenced(b"a", "1", 100, Form::First).get().await;
    assert_eq!(node.raise(b"a", "2", 150).get().await, Raised::NotHeld);
    node.release(b"a", "1").get().await;
    assert_eq!(node.raise(b"a", "1", 150).get().await, Raised::NotHeld);
    assert_eq!(node.inspect(b"a").get().await.counter, Some(100));
}

pub(crate) async fn a_raise_creates_a_missing_counter(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    assert_eq!(node.inspect(b"a").get().await.counter, None);
    assert_eq!(node.raise(b"a", "1", 100).get().await, Raised::Moved);
    assert_eq!(node.inspect(b"a").get().await.counter, Some(100));
}

pub(crate) async fn a_refusal_reports_the_counter_and_leaves_it_alone(node: Subject) {
    node.acquire_fenced(b"a", "1", 100, Form::First).get().await;
    let vote = node
        .acquire_fenced(b"a", "2", 200, Form::Contended)
        .get()
        .await;
    // Reporting the counter is optional.
    let Vote::Busy { counter, .. } = vote else {
        panic!("{vote:?}")
    };
    assert!(counter.is_none_or(|counter| counter == 100), "{vote:?}");
    assert_eq!(node.inspect(b"a").get().await.counter, Some(100));
}
