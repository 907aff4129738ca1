//! The commands of contenders at one node: acquire, release, look, leave.

use std::sync::Arc;

use crate::node::memory::shared::State;
use crate::node::{Acquire, Keys, Look, Release, Removal, Sight, Vote, Watch};
use crate::time::clock::Moment;

/// Carries out an acquire. Also returns the watches of the waiters to hint.
pub(super) fn acquire(state: &mut State, it: &Acquire) -> (Vote, Vec<Watch>) {
    let now = state.store.now();
    let waiter = it.contender();
    let reserved = state.waiting.reserved(&it.keys, waiter.as_ref(), now);
    let vote = match reserved {
        Some((_, left)) => state.store.refuse(&it.keys, left),
        None => state.store.acquire(&it.keys, &it.id, it.ttl, it.fence),
    };
    let Some(waiter) = waiter else {
        return (vote, Vec::new());
    };
    match vote {
        Vote::Granted { .. } => {
            let _kept_free = state.waiting.leave(&it.keys, &waiter.watch);
            (vote, Vec::new())
        }
        Vote::Busy {
            remaining, counter, ..
        } => {
            let held = it.keys.iter().position(|key| state.store.is_held(key));
            let reserved = reserved.map(|(index, _)| index);
            let blocked = held.into_iter().chain(reserved).min().unwrap_or_default();
            let (rank, passed_on) = state.waiting.join(&it.keys, blocked, &waiter, now);
            let vote = Vote::Busy {
                remaining,
                counter,
                rank: Some(rank),
            };
            (vote, hints(state, &passed_on, now))
        }
        Vote::NotALock => (vote, Vec::new()),
    }
}

/// Carries out a release. Also returns the watches of the waiters to hint.
pub(super) fn release(state: &mut State, it: &Release) -> (Removal, Vec<Watch>) {
    let removal = match &it.return_to {
        Some(former) => state.store.return_keys(&it.keys, &it.id, former),
        None => state.store.release(&it.keys, &it.id, it.keep_until),
    };
    let now = state.store.now();
    let keys: Vec<_> = it.keys.iter().map(Arc::clone).collect();
    let hinted = hints(state, &keys, now);
    // Behind the hint: contenders that split the votes would hint themselves, and split them again.
    if let Some(waiter) = &it.requeue {
        let (_, passed_on) = state.waiting.join(&it.keys, 0, waiter, now);
        let more = hints(state, &passed_on, now);
        return (removal, [hinted, more].concat());
    }
    (removal, hinted)
}

/// Removes a waiter. Returns the watches of the waiters to hint.
pub(super) fn leave(state: &mut State, keys: &Keys, watch: &Watch) -> Vec<Watch> {
    let now = state.store.now();
    let passed_on = state.waiting.leave(keys, watch);
    hints(state, &passed_on, now)
}

pub(super) fn look(state: &mut State, it: &Look) -> Sight {
    if let Some(watch) = &it.watch {
        state.watches.add(it.keys.as_slice(), watch);
    }
    state.store.look(&it.keys)
}

/// Keeps each of these keys that is free for its first waiter.
fn hints(state: &mut State, keys: &[Arc<[u8]>], now: Moment) -> Vec<Watch> {
    let free = keys.iter().filter(|key| !state.store.is_held(key));
    free.filter_map(|key| state.waiting.hint(key, now))
        .collect()
}
