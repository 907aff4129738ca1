//! A register of the holders of locks, which fails when two guards hold the same lock at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use redlock::{FencingToken, LockGuard, Redlock, RedlockBuilder};
use redlock_tests::Servers;

use crate::common::healthy;

/// The latest holder of each resource in this process, over all managers.
#[derive(Debug, Default)]
pub(crate) struct Register(Mutex<HashMap<String, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    holder: Option<Arc<LockGuard>>,
    last: Option<FencingToken>,
    entered: usize,
}

impl Register {
    /// Enters a guard that was just acquired, and returns it.
    ///
    /// # Panics
    ///
    /// Panics if another guard holds the lock, or if the token of a guard that holds it is not above
    /// those of all guards before.
    pub(crate) fn enter(&self, resource: &str, guard: LockGuard) -> Arc<LockGuard> {
        let guard = Arc::new(guard);
        let mut entries = self.0.lock().unwrap();
        let entry = entries.entry(resource.to_owned()).or_default();
        let token = guard.token();
        // A loss is final, so both held the lock when the other one was checked.
        let (was_held, other) = (guard.is_held(), entry.holder.as_ref());
        if let Some(other) = other.filter(|other| other.is_held())
            && guard.is_held()
        {
            panic!("two holders of {resource}: {other:?} and {guard:?}");
        }
        // A guard that was lost before it was entered may be older than the last.
        if was_held && guard.is_held() {
            assert!(
                entry.last.is_none_or(|last| last < token),
                "{resource}: token {token:?} is not above the last, {:?}",
                entry.last
            );
            entry.last = Some(token);
            entry.entered += 1;
            entry.holder = Some(Arc::clone(&guard));
        }
        guard
    }

    /// Removes a guard, and releases it.
    pub(crate) fn leave(&self, resource: &str, guard: Arc<LockGuard>) {
        let mut entries = self.0.lock().unwrap();
        let entry = entries.entry(resource.to_owned()).or_default();
        if entry
            .holder
            .as_ref()
            .is_some_and(|it| Arc::ptr_eq(it, &guard))
        {
            entry.holder = None;
        }
        drop(entries);
        drop(guard);
    }

    /// Returns how many guards have held the resource.
    pub(crate) fn entered(&self, resource: &str) -> usize {
        let entries = self.0.lock().unwrap();
        entries.get(resource).map_or(0, |entry| entry.entered)
    }
}

/// Returns a builder for the servers whose quarantine is as short as `max_ttl`.
pub(crate) fn builder(servers: &Servers, max_ttl: std::time::Duration) -> RedlockBuilder {
    let builder = Redlock::builder().nodes(servers.urls());
    builder.ttl(max_ttl).max_ttl(max_ttl)
}

/// Connects a manager whose quarantine is as short as `max_ttl`, and waits for all nodes.
pub(crate) async fn manager(servers: &Servers, max_ttl: std::time::Duration) -> Redlock {
    let redlock = builder(servers, max_ttl).connect().await.unwrap();
    healthy(&redlock).await;
    redlock
}
