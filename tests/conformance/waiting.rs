//! Waiting lists: their members, and the order of these.

use std::time::{Duration, Instant};

use redlock::node::{Removal, Vote};

use crate::commands::Form;
use crate::process::Process;
use crate::reservations::in_time;
use crate::subject::Subject;

pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) const GRANTED: Vote = Vote::Granted { stamp: None };

/// Keys without a hash tag and with one: the names of their waiting lists differ.
pub(crate) const KEYS: [&[u8]; 2] = [b"a", b"a{tag}b"];

/// Opens the sessions of several processes. The session of `node` can then hint them.
pub(crate) async fn processes<const N: usize>(node: &Subject) -> [Process; N] {
    node.prepare_to_wait().await;
    let mut processes = Vec::new();
    for _ in 0..N {
        processes.push(node.process().await);
    }
    processes.try_into().unwrap_or_else(|_| unreachable!())
}

/// The rank in a refusal.
fn rank(vote: &Vote) -> Option<u32> {
    let Vote::Busy { rank, .. } = vote else {
        panic!("{vote:?}");
    };
    *rank
}

/// Whether a contender that does not wait is granted the key. Its acquire respects waiters.
pub(crate) async fn is_granted(node: &Subject, key: &[u8]) -> bool {
    let vote = node.acquire_plain(key, "passer-by", LONG, true).get().await;
    vote == GRANTED
}

pub(crate) async fn a_refused_waiter_is_listed_with_its_rank(node: Subject) {
    let waiters: [Process; 4] = processes(&node).await;
    let forms = [
        None,
        Some(Form::First),
        Some(Form::LikelyAccepted),
        Some(Form::Contended),
    ];
    for key in KEYS {
        node.acquire(key, "holder", LONG).get().await;
        assert_eq!(node.waiters(key).await, 0);
        // Each is listed once, however often it is refused.
        for _ in 0..3 {
            for (number, (waiter, form)) in (0..).zip(waiters.iter().zip(forms)) {
                let waited = SECOND * (100 - number);
                let vote = waiter.contend_as(key, "1", waited, form).get().await;
                assert_eq!(rank(&vote), Some(number), "{form:?}: {vote:?}");
                let Vote::Busy { remaining, .. } = vote else {
                    unreachable!()
                };
                let remaining = remaining.expect("the key expires");
                assert!(remaining > LONG / 2 && remaining <= LONG, "{remaining:?}");
                assert!(node.waiters(key).await > number);
            }
        }
        assert_eq!(node.waiters(key).await, 4);
    }
}

pub(crate) async fn waiters_are_ordered_by_the_time_they_have_waited(node: Subject) {
    let waiters: [Process; 3] = processes(&node).await;
    in_time(async |key| {
        let key = key.as_bytes();
        Process::start_over_all(&waiters.each_ref());
        node.acquire(key, "0", LONG).get().await;
        // They arrive in the opposite order.
        for (waiter, waited) in waiters.iter().rev().zip([10, 20, 30]) {
            let vote = waiter.contend(key, "1", waited * SECOND).get().await;
            assert_eq!(rank(&vote), Some(0));
        }
        let released = Instant::now();
        for (number, waiter) in waiters.iter().enumerate() {
            node.release(key, &number.to_string()).get().await;
            waiter.hinted(1).await;
            let id = (number + 1).to_string();
            let vote = waiter.contend(key, &id, LONG).get().await;
            if vote != GRANTED {
                // Too late, or out of order. The next one would wait for its hint in vain.
                return (released, Err(format!("{number}: {vote:?}")));
            }
        }
        (released, Ok(()))
    })
    .await;
}

pub(crate) async fn a_contender_that_does_not_wait_is_not_listed(node: Subject) {
    for key in KEYS {
        node.acquire(key, "holder", LONG).get().await;
        for contended in [false, true] {
            let vote = node.acquire_plain(key, "1", LONG, contended).get().await;
            assert_eq!(rank(&vote), None);
        }
        assert_eq!(node.waiters(key).await, 0);
    }
}

pub(crate) async fn a_granted_waiter_is_off_the_list(node: Subject) {
    let [waiter, other]: [Process; 2] = processes(&node).await;
    for key in KEYS {
        for form in [None, Some(Form::Contended)] {
            let before = waiter.hints();
            node.acquire(key, "holder", LONG).get().await;
            waiter.contend_as(key, "1", SECOND, form).get().await;
            assert_eq!(node.waiters(key).await, 1);
            node.release(key, "holder").get().await;
            waiter.hinted(before + 1).await;
            let vote = waiter.contend_as(key, "1", SECOND, form).get().await;
            assert!(matches!(vote, Vote::Granted { .. }), "{vote:?}");
            assert_eq!(node.waiters(key).await, 0);
            waiter.node.release(key, "1").get().await;
            node.waiting_is_over(&[key]).await;
        }
        // Without a hint, because the key has expired.
        let before = waiter.hints();
        node.acquire(key, "holder", SECOND / 5).get().await;
        waiter.contend(key, "1", 2 * SECOND).get().await;
        other.contend(key, "2", SECOND).get().await;
        tokio::time::sleep(SECOND / 2).await;
        assert_eq!(waiter.contend(key, "1", SECOND).get().await, GRANTED);
        assert_eq!(node.waiters(key).await, 1, "the other");
        waiter.node.release(key, "1").get().await;
        assert_eq!(waiter.hints(), before);
        other.leave(key).await;
        node.waiting_is_over(&[key]).await;
    }
}

pub(crate) async fn a_contender_is_requeued_behind_the_hint(node: Subject) {
    let [loser, other]: [Process; 2] = processes(&node).await;
    in_time(async |key| {
        let key = key.as_bytes();
        Process::start_over_all(&[&loser, &other]);
        assert_eq!(loser.contend(key, "1", LONG).get().await, GRANTED);
        other.contend(key, "2", SECOND).get().await;
        let released = Instant::now();
        // It has waited for longer, but would split the votes again.
        let removal = loser.requeue(key, "1", LONG).get().await;
        assert_eq!(removal, Removal::Deleted);
        other.hinted(1).await;
        let vote = other.contend(key, "2", SECOND).get().await;
        let waiters = node.waiters(key).await;
        if (&vote, waiters) != (&GRANTED, 1) {
            return (released, Err(format!("{vote:?}, {waiters} waiters")));
        }
        other.node.release(key, "2").get().await;
        loser.hinted(1).await;
        let vote = loser.contend(key, "3", LONG).get().await;
        loser.node.release(key, "3").get().await;
        let broken = format!("then {vote:?}");
        (released, (vote == GRANTED).then_some(()).ok_or(broken))
    })
    .await;
}

pub(crate) async fn contenders_that_are_requeued_together_are_all_listed(node: Subject) {
    let [loser]: [Process; 1] = processes(&node).await;
    let keys: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    for key in &keys {
        drop(loser.contend(key.as_bytes(), "1", SECOND));
    }
    loser.node.ping().get().await;
    // They leave together, among other releases.
    for key in &keys {
        drop(loser.requeue(key.as_bytes(), "1", SECOND));
        drop(loser.node.release(b"another", "1"));
    }
    loser.node.ping().get().await;
    for key in &keys {
        assert_eq!(node.waiters(key.as_bytes()).await, 1, "{key}");
    }
}

pub(crate) async fn a_requeued_contender_is_off_the_list_once_granted(node: Subject) {
    let [loser]: [Process; 1] = processes(&node).await;
    for key in KEYS {
        assert_eq!(loser.contend(key, "1", SECOND).get().await, GRANTED);
        let before = loser.hints();
        loser.requeue(key, "1", SECOND).get().await;
        assert_eq!(node.waiters(key).await, 1);
        assert_eq!(loser.hints(), before, "it does not hint itself");
        assert_eq!(loser.contend(key, "2", SECOND).get().await, GRANTED);
        assert_eq!(node.waiters(key).await, 0);
        loser.node.release(key, "2").get().await;
        // The release of a round that this node has refused: it was on the list, and is hinted.
        node.acquire(key, "holder", SECOND / 5).get().await;
        loser.contend(key, "3", SECOND).get().await;
        tokio::time::sleep(SECOND / 2).await;
        loser.requeue(key, "3", SECOND).get().await;
        assert_eq!(loser.contend(key, "4", SECOND).get().await, GRANTED);
        assert_eq!(node.waiters(key).await, 0);
        loser.node.release(key, "4").get().await;
        node.waiting_is_over(&[key]).await;
    }
}

/// The numbers of waiters for these keys.
async fn waiters<const N: usize>(node: &Subject, keys: [&str; N]) -> [u32; N] {
    let mut waiters = [0; N];
    for (number, key) in waiters.iter_mut().zip(keys) {
        *number = node.waiters(key.as_bytes()).await;
    }
    waiters
}

pub(crate) async fn a_waiter_is_listed_at_the_key_in_its_way(node: Subject) {
    let [waiter]: [Process; 1] = processes(&node).await;
    for keys in [["a", "b", "c"], ["x{tag}", "y{tag}", "z{tag}"]] {
        for form in [None, Some(Form::First), Some(Form::Contended)] {
            for (place, key) in keys.iter().enumerate() {
                node.acquire(key.as_bytes(), "holder", LONG).get().await;
                let vote = waiter.contend_as(keys, "1", SECOND, form).get().await;
                assert_eq!(rank(&vote), Some(0));
                let mut expected = [0; 3];
                expected[place] = 1;
                assert_eq!(waiters(&node, keys).await, expected, "{form:?}");
                let before = waiter.hints();
                node.release(key.as_bytes(), "holder").get().await;
                waiter.hinted(before + 1).await;
            }
            waiter.leave(keys).await;
            // Two are in its way: it waits for the first.
            node.acquire([keys[1], keys[2]], "holder", LONG).get().await;
            waiter.contend_as(keys, "1", SECOND, form).get().await;
            assert_eq!(waiters(&node, keys).await, [0, 1, 0]);
            waiter.leave(keys).await;
            node.release([keys[1], keys[2]], "holder").get().await;
        }
        node.waiting_is_over(&keys.map(str::as_bytes)).await;
    }
}
