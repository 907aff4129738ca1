//! Looks at keys, and notifications that a key has changed or is gone.

use std::sync::Arc;
use std::time::Duration;

use redlock::node::{Extension, Sight};

use crate::commands::CountingWatcher;
use crate::subject::Subject;

const LONG: Duration = Duration::from_secs(60);

/// The time that a held key has left.
fn left(sight: Sight) -> Duration {
    let Sight::Held {
        remaining: Some(left),
    } = sight
    else {
        panic!("{sight:?}");
    };
    left
}

pub(crate) async fn a_look_sees_free_keys_and_the_time_of_held_ones(node: Subject) {
    assert_eq!(node.look(b"a", None).get().await, Sight::Free);
    assert_eq!(node.look(["a", "b"], None).get().await, Sight::Free);
    node.acquire(b"a", "1", LONG).get().await;
    node.acquire(b"b", "2", 2 * LONG).get().await;
    let one = left(node.look(b"a", None).get().await);
    assert!(one > LONG / 2 && one <= LONG, "{one:?}");
    for keys in [["a", "b"], ["b", "a"], ["b", "c"], ["c", "b"]] {
        let several = left(node.look(keys, None).get().await);
        assert!(several > LONG && several <= 2 * LONG, "{several:?}");
    }
    node.release(b"a", "1").get().await;
    assert_eq!(node.look(b"a", None).get().await, Sight::Free);
}

pub(crate) async fn a_look_notifies_once_of_the_next_change(node: Subject) {
    let watcher = Arc::<CountingWatcher>::default();
    for key in [&b"a"[..], b"a{tag}b"] {
        let before = watcher.notifications();
        node.acquire(key, "holder", LONG).get().await;
        // Two looks cause one notification.
        for _ in 0..2 {
            left(node.look(key, Some(&watcher)).get().await);
        }
        // A change of the counter is no reason to notify.
        node.raise(key, "holder", 1000).get().await;
        node.ping().get().await;
        assert_eq!(watcher.notifications(), before);
        node.extend(key, "holder", 2 * LONG).get().await;
        watcher.wait_for(before + 1).await;
        node.release(key, "holder").get().await;
        node.ping().get().await;
        assert_eq!(watcher.notifications(), before + 1);
        node.acquire(key, "holder", LONG).get().await;
        left(node.look(key, Some(&watcher)).get().await);
        node.release(key, "holder").get().await;
        watcher.wait_for(before + 2).await;
    }
}

pub(crate) async fn a_look_at_several_keys_notifies_of_each(node: Subject) {
    let watcher = Arc::<CountingWatcher>::default();
    node.acquire(b"a", "1", LONG).get().await;
    node.acquire(b"b", "2", LONG).get().await;
    left(node.look(["a", "b", "c"], Some(&watcher)).get().await);
    node.release(b"a", "1").get().await;
    watcher.wait_for(1).await;
    node.release(b"b", "2").get().await;
    watcher.wait_for(2).await;
}

pub(crate) async fn a_dropped_watcher_does_not_affect_the_others(node: Subject) {
    let [gone, watcher] = [(); 2].map(|()| Arc::<CountingWatcher>::default());
    node.acquire(b"a", "holder", LONG).get().await;
    for watcher in [&gone, &watcher] {
        left(node.look(b"a", Some(watcher)).get().await);
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
