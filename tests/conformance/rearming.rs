//! Cases for re-arms: keys of a held lease that are put back.

use std::time::Duration;

use redlock::node::{Extension, Rearmed, Removal};

use crate::commands::Form;
use crate::subject::Subject;

/// Long enough not to expire in any test.
const LONG: Duration = Duration::from_secs(60);

pub(crate) async fn a_missing_key_is_set_with_its_ttl(node: Subject) {
    assert_eq!(
        node.rearm(b"a", "1", LONG, None).get().await,
        Rearmed::Armed
    );
    let record = node.inspect(b"a").get().await.record.unwrap();
    assert_eq!(record.id, Some("1".into()));
    let left = record.remaining.unwrap();
    assert!(left > LONG / 2 && left <= LONG, "{left:?}");
    assert_eq!(node.inspect(b"a").get().await.counter, None);
    let extended = node.extend(b"a", "1", LONG).get().await;
    assert_eq!(extended, Extension::Confirmed);
    assert_eq!(node.release(b"a", "1").get().await, Removal::Deleted);
}

pub(crate) async fn our_own_key_is_extended_and_never_shortened(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    for (ttl, expected) in [(LONG * 2, LONG * 2), (LONG / 2, LONG * 2)] {
        assert_eq!(node.rearm(b"a", "1", ttl, None).get().await, Rearmed::Armed);
        let record = node.inspect(b"a").get().await.record.unwrap();
        let left = record.remaining.unwrap();
        assert!(left > expected / 2 && left <= expected, "{left:?}");
    }
}

pub(crate) async fn a_key_of_another_owner_is_left_alone(node: Subject) {
    node.acquire(b"a", "2", LONG).get().await;
    let Rearmed::Busy {
        remaining: Some(left),
    } = node.rearm(b"a", "1", LONG * 2, None).get().await
    else {
        panic!("the key was replaced")
    };
    assert!(left > LONG / 2 && left <= LONG, "{left:?}");
    let record = node.inspect(b"a").get().await.record.unwrap();
    assert_eq!(record.id, Some("2".into()));
}

pub(crate) async fn of_several_keys_all_are_set_or_none(node: Subject) {
    node.acquire(b"b", "2", LONG).get().await;
    let rearmed = node.rearm(["a", "b", "c"], "1", LONG, None).get().await;
    assert!(matches!(rearmed, Rearmed::Busy { .. }), "{rearmed:?}");
    for key in [b"a", b"c"] {
        assert_eq!(node.inspect(key).get().await.record, None);
    }
    node.release(b"b", "2").get().await;
    node.acquire(b"c", "1", LONG).get().await;
    let rearmed = node.rearm(["a", "b", "c"], "1", LONG, None).get().await;
    assert_eq!(rearmed, Rearmed::Armed);
    let extended = node.extend(["a", "b", "c"], "1", LONG).get().await;
    assert_eq!(extended, Extension::Confirmed);
}

pub(crate) async fn a_counter_is_raised_to_the_token_and_never_lowered(node: Subject) {
    let fence = |token| Some((token, LONG));
    node.rearm(b"a", "1", LONG, fence(100)).get().await;
    assert_eq!(node.inspect(b"a").get().await.counter, Some(100));
    node.rearm(b"a", "1", LONG, fence(50)).get().await;
    assert_eq!(node.inspect(b"a").get().await.counter, Some(100));
    node.release(b"a", "1").get().await;
    let vote = node
        .acquire_fenced(b"a", "2", 5, Form::Contended)
        .get()
        .await;
    let stamp = Some(redlock::node::Stamp::Moved(101));
    assert_eq!(vote, redlock::node::Vote::Granted { stamp });
}
