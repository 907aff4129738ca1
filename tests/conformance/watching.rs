//! Notifications that a key may be free, or that a key of ours may be gone.

use std::sync::Arc;
use std::time::Duration;

use redlock::node::{Extension, Vote};

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

pub(crate) async fn a_holder_is_notified_when_its_key_is_gone(node: Subject) {
    let watcher = Arc::<CountingWatcher>::default();
    node.acquire(b"a", "holder", LONG).get().await;
    let extension = node.extend_watched(b"a", "holder", &watcher).get().await;
    assert_eq!(extension, Extension::Confirmed);
    // Neither the extension itself nor the counter is a reason to notify.
    node.raise(b"a", "holder", 1000).get().await;
    node.ping().get().await;
    assert_eq!(watcher.notifications(), 0);
    node.release(b"a", "holder").get().await;
    watcher.wait_for(1).await;
}

pub(crate) async fn a_registration_of_a_holder_notifies_once(node: Subject) {
    let watcher = Arc::<CountingWatcher>::default();
    node.acquire(b"a", "holder", LONG).get().await;
    // Each extension is a change, of which the registration before it notifies.
    for notifications in 0..5 {
        node.extend_watched(b"a", "holder", &watcher).get().await;
        node.ping().get().await;
        assert_eq!(watcher.notifications(), notifications);
    }
    // These register nothing.
    for _ in 0..3 {
        node.extend(b"a", "holder", 2 * LONG).get().await;
    }
    watcher.wait_for(5).await;
    node.release(b"a", "holder").get().await;
    node.ping().get().await;
    assert_eq!(watcher.notifications(), 5);
}

pub(crate) async fn a_holder_of_several_keys_is_notified_of_each(node: Subject) {
    let watcher = Arc::<CountingWatcher>::default();
    let keys = ["a", "b", "c"];
    node.acquire(keys, "holder", LONG).get().await;
    node.extend_watched(keys, "holder", &watcher).get().await;
    for (notifications, key) in [(1, b"b"), (2, b"a"), (3, b"c")] {
        node.release(key, "holder").get().await;
        watcher.wait_for(notifications).await;
    }
    assert_eq!(watcher.notifications(), 3);
}

pub(crate) async fn holders_are_notified_each_of_its_own_key(node: Subject) {
    let watchers = [(); 100].map(|()| Arc::<CountingWatcher>::default());
    let key = |number: usize| number.to_string().into_bytes();
    for number in 0..watchers.len() {
        drop(node.acquire(&*key(number), "holder", LONG));
    }
    // They leave together.
    for (number, watcher) in watchers.iter().enumerate() {
        drop(node.extend_watched(&*key(number), "holder", watcher));
    }
    node.ping().get().await;
    for (number, watcher) in watchers.iter().enumerate() {
        node.release(&*key(number), "holder").get().await;
        watcher.wait_for(1).await;
    }
    assert!(watchers.iter().all(|it| it.notifications() == 1));
}
