//! Hints: the waiters that a release notifies.

use std::time::Instant;

use redlock::node::Removal;

use crate::process::Process;
use crate::reservations::in_time;
use crate::subject::Subject;
use crate::waiting::{GRANTED, KEYS, LONG, SECOND, is_granted, processes};

pub(crate) async fn a_release_hints_the_first_waiter_alone(node: Subject) {
    let [first, second]: [Process; 2] = processes(&node).await;
    in_time(async |key| {
        let key = key.as_bytes();
        Process::start_over_all(&[&first, &second]);
        node.acquire(key, "holder", LONG).get().await;
        second.contend(key, "2", SECOND).get().await;
        first.contend(key, "1", 2 * SECOND).get().await;
        let before = [first.hints(), second.hints()];
        let released = Instant::now();
        assert_eq!(node.release(key, "holder").get().await, Removal::Deleted);
        first.hinted(before[0] + 1).await;
        // A response over its connection: a hint would have come before.
        second.node.ping().get().await;
        let hints = [first.hints() - before[0], second.hints() - before[1]];
        let waiters = node.waiters(key).await;
        let is_kept = hints == [1, 0] && waiters == 1;
        let broken = format!("hints {hints:?}, {waiters} waiters left");
        (released, is_kept.then_some(()).ok_or(broken))
    })
    .await;
}

pub(crate) async fn a_waiter_that_leaves_is_not_hinted(node: Subject) {
    let [first, second]: [Process; 2] = processes(&node).await;
    for key in KEYS {
        node.acquire(key, "holder", LONG).get().await;
        first.contend(key, "1", 2 * SECOND).get().await;
        second.contend(key, "2", SECOND).get().await;
        let before = [first.hints(), second.hints()];
        first.leave(key).await;
        assert_eq!(node.waiters(key).await, 1);
        node.release(key, "holder").get().await;
        second.hinted(before[1] + 1).await;
        assert_eq!(second.contend(key, "2", SECOND).get().await, GRANTED);
        first.node.ping().get().await;
        assert_eq!(first.hints(), before[0]);
        // To leave a list twice, or one that does not exist, changes nothing.
        first.leave(key).await;
        first.leave(b"another").await;
        node.release(key, "2").get().await;
        node.waiting_is_over(&[key]).await;
    }
}

pub(crate) async fn a_waiter_that_leaves_passes_its_hint_on(node: Subject) {
    let [first, second]: [Process; 2] = processes(&node).await;
    in_time(async |key| {
        let key = key.as_bytes();
        Process::start_over_all(&[&first, &second]);
        node.acquire(key, "holder", LONG).get().await;
        first.contend(key, "1", 2 * SECOND).get().await;
        second.contend(key, "2", SECOND).get().await;
        let before = [first.hints(), second.hints()];
        let released = Instant::now();
        node.release(key, "holder").get().await;
        first.hinted(before[0] + 1).await;
        first.leave(key).await;
        second.node.ping().get().await;
        let hints = second.hints() - before[1];
        let is_free_for_others = is_granted(&node, key).await;
        let is_kept = hints == 1 && !is_free_for_others;
        let broken = format!("{hints} hints, free for others: {is_free_for_others}");
        (released, is_kept.then_some(()).ok_or(broken))
    })
    .await;
}

pub(crate) async fn a_waiter_that_is_gone_is_skipped(node: Subject) {
    let [second]: [Process; 1] = processes(&node).await;
    in_time(async |key| {
        let key = key.as_bytes();
        second.start_over();
        node.acquire(key, "holder", LONG).get().await;
        for number in 0..5 {
            let dead = node.process().await;
            dead.contend(key, "1", SECOND * (10 - number)).get().await;
            dead.die(2).await;
        }
        second.contend(key, "2", SECOND).get().await;
        let before = second.hints();
        let released = Instant::now();
        node.release(key, "holder").get().await;
        // A hint to one of the others would delay it by as long as the key is kept.
        second.hinted(before + 1).await;
        let granted = second.contend(key, "2", SECOND).get().await;
        let broken = format!("{granted:?}");
        (released, (granted == GRANTED).then_some(()).ok_or(broken))
    })
    .await;
}

pub(crate) async fn a_release_without_waiters_hints_none(node: Subject) {
    let [other]: [Process; 1] = processes(&node).await;
    for key in KEYS {
        node.acquire(b"held", "holder", LONG).get().await;
        other.contend(b"held", "1", SECOND).get().await;
        node.acquire(key, "1", LONG).get().await;
        let removal = node.release(key, "1").get().await;
        assert_eq!(removal, Removal::Deleted);
        other.node.ping().get().await;
        assert_eq!(other.hints(), 0);
        assert!(is_granted(&node, key).await, "the key is kept for none");
        other.leave(b"held").await;
        node.waiting_is_over(&[key, b"held"]).await;
    }
}

pub(crate) async fn a_release_of_nothing_hints_where_the_key_is_free(node: Subject) {
    let [waiter]: [Process; 1] = processes(&node).await;
    for key in KEYS {
        let before = waiter.hints();
        node.acquire(key, "holder", SECOND / 2).get().await;
        waiter.contend(key, "1", SECOND).get().await;
        // The key of another owner is in the way.
        assert_eq!(node.release(key, "2").get().await, Removal::Absent);
        waiter.node.ping().get().await;
        assert_eq!(waiter.hints(), before);
        tokio::time::sleep(SECOND).await;
        assert_eq!(node.release(key, "2").get().await, Removal::Absent);
        waiter.hinted(before + 1).await;
        assert_eq!(waiter.contend(key, "1", SECOND).get().await, GRANTED);
        waiter.node.release(key, "1").get().await;
    }
}

pub(crate) async fn a_release_of_several_hints_the_waiters_of_each(node: Subject) {
    let waiters: [Process; 3] = processes(&node).await;
    for keys in [["a", "b", "c"], ["x{tag}", "y{tag}", "z{tag}"]] {
        node.acquire(keys, "holder", LONG).get().await;
        for (waiter, key) in waiters.iter().zip(keys) {
            waiter.contend(key.as_bytes(), "1", SECOND).get().await;
        }
        let before = waiters.each_ref().map(Process::hints);
        let removal = node.release(keys, "holder").get().await;
        assert_eq!(removal, Removal::Deleted);
        for (waiter, before) in waiters.iter().zip(before) {
            waiter.hinted(before + 1).await;
        }
        for (waiter, key) in waiters.iter().zip(keys) {
            let vote = waiter.contend(key.as_bytes(), "1", SECOND).get().await;
            assert_eq!(vote, GRANTED);
            waiter.node.release(key.as_bytes(), "1").get().await;
        }
        node.waiting_is_over(&keys.map(str::as_bytes)).await;
    }
}

pub(crate) async fn nothing_is_left_of_waiters_that_are_served(node: Subject) {
    let waiters: [Process; 5] = processes(&node).await;
    for key in KEYS {
        Process::start_over_all(&waiters.each_ref());
        node.acquire(key, "holder", LONG).get().await;
        for (number, waiter) in (0..).zip(&waiters) {
            let waited = SECOND * (10 - number);
            waiter.contend(key, "1", waited).get().await;
        }
        let mut holder = &node;
        let mut id = String::from("holder");
        for (number, waiter) in waiters.iter().enumerate() {
            holder.release(key, &id).get().await;
            waiter.hinted(1).await;
            (holder, id) = (&waiter.node, number.to_string());
            waiter.take_turn(key, &id).await;
        }
        holder.release(key, &id).get().await;
        node.waiting_is_over(&[key]).await;
        assert!(is_granted(&node, key).await);
    }
}
