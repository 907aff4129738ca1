//! Being told that a key may be free, by nodes that tell.

use std::sync::Arc;
use std::time::Duration;

use redlock::node::Vote;

use crate::subject::{Ear, Subject, Way};

const LONG: Duration = Duration::from_secs(60);

const WAYS: [Way; 3] = [Way::First, Way::Tried, Way::Contended];

pub(crate) async fn who_is_refused_is_told_of_the_release(node: Subject) {
    for way in WAYS {
        let ear = Arc::<Ear>::default();
        node.acquire(b"a", "holder", LONG).get().await;
        let vote = node.acquire_watched(b"a", "waiter", way, &ear).get().await;
        assert!(matches!(vote, Vote::Busy { .. }), "{vote:?}");
        // What the holder does to the counter is no news to those who wait.
        node.raise(b"a", "holder", 1000).get().await;
        node.ping().get().await;
        assert_eq!(ear.heard(), 0, "{way:?}");
        node.release(b"a", "holder").get().await;
        ear.hears(1).await;
    }
}

pub(crate) async fn who_is_told_once_is_told_again_after_it_has_asked_again(node: Subject) {
    let ear = Arc::<Ear>::default();
    for round in 1..=3 {
        node.acquire(b"a", "holder", LONG).get().await;
        for _ in 0..3 {
            let asked = node.acquire_watched(b"a", "waiter", Way::Contended, &ear);
            assert!(matches!(asked.get().await, Vote::Busy { .. }));
        }
        node.release(b"a", "holder").get().await;
        ear.hears(round).await;
        node.acquire(b"a", "another", LONG).get().await;
        node.release(b"a", "another").get().await;
        node.ping().get().await;
        assert_eq!(ear.heard(), round);
    }
}

pub(crate) async fn who_waits_for_several_keys_is_told_of_each(node: Subject) {
    let ear = Arc::<Ear>::default();
    node.acquire(b"a", "1", LONG).get().await;
    node.acquire(b"b", "2", LONG).get().await;
    let asked = node.acquire_watched(["a", "b", "c"], "3", Way::First, &ear);
    assert!(matches!(asked.get().await, Vote::Busy { .. }));
    node.release(b"a", "1").get().await;
    ear.hears(1).await;
    node.release(b"b", "2").get().await;
    ear.hears(2).await;
}

pub(crate) async fn who_has_stopped_waiting_is_not_told(node: Subject) {
    let (gone, ear) = (Arc::<Ear>::default(), Arc::<Ear>::default());
    node.acquire(b"a", "holder", LONG).get().await;
    for waiter in [&gone, &ear] {
        let asked = node.acquire_watched(b"a", "waiter", Way::Contended, waiter);
        assert!(matches!(asked.get().await, Vote::Busy { .. }));
    }
    drop(gone);
    node.release(b"a", "holder").get().await;
    ear.hears(1).await;
}
