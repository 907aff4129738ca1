//! Reservations: keys that are kept for the hinted waiter.
//!
//! A key is kept for about 10 ms. Some cases show what happens within that time, and would show
//! nothing on a machine that is slower. They are [repeated](in_time) until one is in time.

use std::time::{Duration, Instant};

use redlock::node::Vote;

use crate::process::Process;
use crate::subject::Subject;
use crate::waiting::{GRANTED, KEYS, LONG, SECOND, is_granted, processes};

/// The time for which a key is kept for the hinted waiter.
const RESERVATION: Duration = Duration::from_millis(10);

/// Whether an acquire was refused, and its contender is the first of the list.
fn is_first(vote: &Vote) -> bool {
    matches!(vote, Vote::Busy { rank: Some(0), .. })
}

/// Repeats an experiment until it takes less time than a key is kept, with keys of both kinds. It gets
/// a key of its own, and returns when this was released, and whether the contract was kept.
///
/// # Panics
///
/// Panics if an experiment that was in time shows that it was not kept.
pub(crate) async fn in_time(
    mut experiment: impl AsyncFnMut(&str) -> (Instant, Result<(), String>),
) {
    for tag in ["", "{tag}"] {
        let start = Instant::now();
        for attempt in 0.. {
            let key = format!("{attempt}{tag}");
            let (released, outcome) = experiment(&key).await;
            if released.elapsed() < RESERVATION {
                outcome.unwrap_or_else(|broken| panic!("key {key}: {broken}"));
                break;
            }
            assert!(start.elapsed() < LONG, "no experiment was in time");
        }
    }
}

pub(crate) async fn a_key_is_kept_for_the_hinted_waiter(node: Subject) {
    let [first, second]: [Process; 2] = processes(&node).await;
    in_time(async |key| {
        let key = key.as_bytes();
        node.acquire(key, "holder", LONG).get().await;
        first.contend(key, "1", SECOND).get().await;
        let released = Instant::now();
        node.release(key, "holder").get().await;
        let votes = [
            node.acquire_plain(key, "2", LONG, true).get().await,
            second.contend(key, "2", LONG).get().await,
        ];
        let granted = first.contend(key, "1", SECOND).get().await;
        let is_short = |vote: &Vote| match vote {
            Vote::Busy { remaining, .. } => remaining.is_some_and(|it| it <= RESERVATION),
            _ => false,
        };
        let is_kept = votes.iter().all(is_short) && granted == GRANTED;
        let broken = format!("{votes:?}, then {granted:?}");
        (released, is_kept.then_some(()).ok_or(broken))
    })
    .await;
}

pub(crate) async fn a_key_is_not_kept_for_long(node: Subject) {
    let [hung]: [Process; 1] = processes(&node).await;
    for key in KEYS {
        node.acquire(key, "holder", LONG).get().await;
        hung.contend(key, "1", SECOND).get().await;
        let before = hung.hints();
        node.release(key, "holder").get().await;
        hung.hinted(before + 1).await;
        let start = Instant::now();
        while !is_granted(&node, key).await {
            // Many times what it should be, because the machine is busy.
            assert!(start.elapsed() < 100 * RESERVATION);
            tokio::time::sleep(RESERVATION / 10).await;
        }
        assert_eq!(hung.hints(), before + 1);
    }
}

pub(crate) async fn what_is_kept_elsewhere_is_passed_on(node: Subject) {
    let [first, second]: [Process; 2] = processes(&node).await;
    in_time(async |key| {
        let keys = [format!("{key} a"), format!("{key} b")];
        let [a, b] = [keys[0].as_bytes(), keys[1].as_bytes()];
        Process::start_over_all(&[&first, &second]);
        node.acquire(a, "holder", LONG).get().await;
        node.acquire(b, "other", LONG).get().await;
        first.contend(a, "1", 2 * SECOND).get().await;
        second.contend(a, "2", SECOND).get().await;
        let before = [first.hints(), second.hints()];
        let released = Instant::now();
        node.release(a, "holder").get().await;
        first.hinted(before[0] + 1).await;
        // The first waiter was hinted at `a`, but finds `b` in its way.
        let vote = first.contend(keys.to_vec(), "1", SECOND).get().await;
        second.node.ping().get().await;
        let hints = second.hints() - before[1];
        let is_listed = [node.waiters(a).await, node.waiters(b).await] == [0, 1];
        let is_kept = hints == 1 && is_listed && is_first(&vote);
        let broken = format!("{hints} hints, {vote:?}, listed: {is_listed}");
        (released, is_kept.then_some(()).ok_or(broken))
    })
    .await;
}

pub(crate) async fn a_key_kept_for_another_waiter_stays_kept(node: Subject) {
    let [first, second]: [Process; 2] = processes(&node).await;
    in_time(async |key| {
        let keys = [format!("{key} a"), format!("{key} b")];
        let [a, b] = [keys[0].as_bytes(), keys[1].as_bytes()];
        Process::start_over_all(&[&first, &second]);
        node.acquire(keys.to_vec(), "holder", LONG).get().await;
        first.contend(a, "1", SECOND).get().await;
        second.contend(b, "2", SECOND).get().await;
        let released = Instant::now();
        node.release(keys.to_vec(), "holder").get().await;
        // `a` is kept for the first waiter, and `b` for the second.
        let vote = first.contend(keys.to_vec(), "1", SECOND).get().await;
        let is_free_for_others = is_granted(&node, b).await;
        let granted = second.contend(b, "2", SECOND).get().await;
        let is_kept = is_first(&vote) && !is_free_for_others && granted == GRANTED;
        let broken = format!("{vote:?}, free for others: {is_free_for_others}, {granted:?}");
        (released, is_kept.then_some(()).ok_or(broken))
    })
    .await;
}
