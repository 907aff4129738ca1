//! Notifications that a key may be free.

use std::sync::Arc;
use std::time::Duration;

use redlock::node::Vote;

use crate::subject::{CountingWatcher, Form, Subject};

const LONG: Duration = Duration::from_secs(60);

const FORMS: [Form; 3] = [Form::First, Form::LikelyAccepted, Form::Contended];

pub(crate) async fn a_refused_watcher_is_notified_of_the_release(node: Subject) {
    for form in FORMS {
        let watcher = Arc::<CountingWatcher>::default();
        node.acquire(b"a", "holder", LONG).get().await;
        let vote = node
            .acquire_watched(b"a", "waiter", form, &watcher)
            .get()
            .await;
        assert!(matches!(vote, Vote::Busy { .. }), "{vote:?}");
        // A change of the counter by the holder is no reason to notify.
        node.raise(b"a", "holder", 1000).get().await;
        node.ping().get().await;
        assert_eq!(watcher.notifications(), 0, "{form:?}");
        node.release(b"a", "holder").get().await;
        watcher.wait_for(1).await;
    }
}

pub(crate) async fn a_watcher_is_notified_again_after_it_requests_again(node: Subject) {
    let watcher = Arc::<CountingWatcher>::default();
    for round in 1..=3 {
        node.acquire(b"a", "holder", LONG).get().await;
        for _ in 0..3 {
            let vote = node.acquire_watched(b"a", "waiter", Form::Contended, &watcher);
            assert!(matches!(vote.get().await, Vote::Busy { .. }));
        }
        node.release(b"a", "holder").get().await;
        watcher.wait_for(round).await;
        node.acquire(b"a", "another", LONG).get().await;
        node.release(b"a", "another").get().await;
        node.ping().get().await;
        assert_eq!(watcher.notifications(), round);
    }
}

pub(crate) async fn a_watcher_of_several_keys_is_notified_of_each(node: Subject) {
    let watcher = Arc::<CountingWatcher>::default();
    node.acquire(b"a", "1", LONG).get().await;
    node.acquire(b"b", "2", LONG).get().await;
    let vote = node.acquire_watched(["a", "b", "c"], "3", Form::First, &watcher);
    assert!(matches!(vote.get().await, Vote::Busy { .. }));
    node.release(b"a", "1").get().await;
    watcher.wait_for(1).await;
    node.release(b"b", "2").get().await;
    watcher.wait_for(2).await;
}

pub(crate) async fn a_dropped_watcher_does_not_affect_the_others(node: Subject) {
    let (gone, watcher) = (
        Arc::<CountingWatcher>::default(),
        Arc::<CountingWatcher>::default(),
    );
    node.acquire(b"a", "holder", LONG).get().await;
    for waiter in [&gone, &watcher] {
        let vote = node.acquire_watched(b"a", "waiter", Form::Contended, waiter);
        assert!(matches!(vote.get().await, Vote::Busy { .. }));
    }
    drop(gone);
    node.release(b"a", "holder").get().await;
    watcher.wait_for(1).await;
}
