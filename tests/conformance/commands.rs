//! Commands on the node under test: their methods, keys, forms and watchers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redlock::LeaseId;
use redlock::node::{
    Acquire, Command, Extend, Extension, Fence, Identity, Inspect, Keys, Look, Moment, Ping, Raise,
    Raised, Rearm, Rearmed, Release, Removal, Sight, Snapshot, Vote, Watch, Watcher,
};
use redlock_tests::eventually;

use crate::subject::{Pending, SOON, Subject};

/// Longer than any test.
pub(crate) const RETENTION: Duration = Duration::from_secs(60);

/// The form of an acquire with a fence. Each is another sequence of commands on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    First,
    /// The form of a proposal that is likely to be accepted.
    LikelyAccepted,
    /// The form of a later round.
    Contended,
}

impl Subject {
    pub(crate) fn acquire(&self, keys: impl IntoKeys, id: &str, ttl: Duration) -> Pending<Vote> {
        self.acquire_plain(keys, id, ttl, false)
    }

    /// Acquires keys without a fence, as in a later round if `contended`.
    pub(crate) fn acquire_plain(
        &self,
        keys: impl IntoKeys,
        id: &str,
        ttl: Duration,
        contended: bool,
    ) -> Pending<Vote> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        self.submit(|responder| {
            Command::Acquire(Acquire::new(keys, id, ttl, responder).contended(contended))
        })
    }

    pub(crate) fn extend(
        &self,
        keys: impl IntoKeys,
        id: &str,
        ttl: Duration,
    ) -> Pending<Extension> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        self.submit(|responder| Command::Extend(Extend::new(keys, id, ttl, responder)))
    }

    /// Extends keys. The node notifies the watcher when one of them changes afterwards.
    pub(crate) fn extend_watched(
        &self,
        keys: impl IntoKeys,
        id: &str,
        watcher: &Arc<CountingWatcher>,
    ) -> Pending<Extension> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        let watch = Watch::new(watcher, 0);
        self.submit(|responder| {
            Command::Extend(Extend::new(keys, id, RETENTION, responder).watch(watch))
        })
    }

    pub(crate) fn release(&self, keys: impl IntoKeys, id: &str) -> Pending<Removal> {
        self.release_and_keep(keys, id, None)
    }

    /// Releases keys that stay until `keep_until`.
    pub(crate) fn release_and_keep(
        &self,
        keys: impl IntoKeys,
        id: &str,
        keep_until: impl Into<Option<Moment>>,
    ) -> Pending<Removal> {
        let keep_until = keep_until.into();
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        let gone_by = Moment::now().checked_add(Duration::from_secs(60)).unwrap();
        self.submit(|responder| {
            Command::Release(Release::new(keys, id, gone_by, responder).keep_until(keep_until))
        })
    }

    /// Acquires keys and a stamp on their counters.
    pub(crate) fn acquire_fenced(
        &self,
        keys: impl IntoKeys,
        id: &str,
        proposal: u64,
        form: Form,
    ) -> Pending<Vote> {
        let (keys, id, ttl) = (keys.into_keys(), LeaseId::from(id), RETENTION);
        let contended = form == Form::Contended;
        let fence = Fence::new(proposal, RETENTION).likely_accepted(form == Form::LikelyAccepted);
        self.submit(|responder| {
            let acquire = Acquire::new(keys, id, ttl, responder);
            Command::Acquire(acquire.contended(contended).fence(fence))
        })
    }

    pub(crate) fn raise(&self, keys: impl IntoKeys, id: &str, token: u64) -> Pending<Raised> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        self.submit(|responder| {
            Command::Raise(Raise::new(keys, id, token, RETENTION, responder).into())
        })
    }

    pub(crate) fn rearm(
        &self,
        keys: impl IntoKeys,
        id: &str,
        ttl: Duration,
        fence: Option<(u64, Duration)>,
    ) -> Pending<Rearmed> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        self.submit(|responder| {
            Command::Rearm(Rearm::new(keys, id, ttl, responder).fence(fence).into())
        })
    }

    pub(crate) fn inspect(&self, key: &[u8]) -> Pending<Snapshot> {
        let key = key.into();
        self.submit(|responder| Command::Inspect(Inspect::new(key, responder)))
    }

    pub(crate) fn ping(&self) -> Pending<Identity> {
        self.submit(|responder| Command::Ping(Ping::new(responder)))
    }

    /// Pings the node. It responds once no earlier release is left.
    pub(crate) fn ping_after_releases(&self) -> Pending<Identity> {
        self.submit(|responder| Command::Ping(Ping::new(responder).after_releases()))
    }

    /// Reads whether keys are free. The node notifies the watcher once of the next change.
    pub(crate) fn look(
        &self,
        keys: impl IntoKeys,
        watcher: Option<&Arc<CountingWatcher>>,
    ) -> Pending<Sight> {
        let (keys, watch) = (keys.into_keys(), watcher.map(|it| Watch::new(it, 0)));
        self.submit(|responder| Command::Look(Look::new(keys, responder).watch(watch).into()))
    }
}

/// A key, or the names of several.
pub(crate) trait IntoKeys {
    fn into_keys(self) -> Keys;
}

impl IntoKeys for &[u8] {
    fn into_keys(self) -> Keys {
        Arc::<[u8]>::from(self).into()
    }
}

impl<const N: usize> IntoKeys for &[u8; N] {
    fn into_keys(self) -> Keys {
        self[..].into_keys()
    }
}

impl IntoKeys for &[&str] {
    fn into_keys(self) -> Keys {
        let keys = self.iter().map(|key| Arc::from(key.as_bytes()));
        Keys::try_from(keys.collect::<Vec<_>>()).unwrap()
    }
}

impl<const N: usize> IntoKeys for [&str; N] {
    fn into_keys(self) -> Keys {
        self.map(str::to_owned).to_vec().into_keys()
    }
}

impl IntoKeys for Vec<String> {
    fn into_keys(self) -> Keys {
        let keys = self.into_iter().map(|key| key.into_bytes().into());
        Keys::try_from(keys.collect::<Vec<_>>()).unwrap()
    }
}

/// A watcher that counts its notifications and hints.
#[derive(Debug, Default)]
pub(crate) struct CountingWatcher {
    changes: AtomicUsize,
    pub(crate) hints: AtomicUsize,
}

impl CountingWatcher {
    pub(crate) fn notifications(&self) -> usize {
        self.changes.load(Ordering::SeqCst)
    }

    /// Waits until it has received at least this many notifications.
    pub(crate) async fn wait_for(&self, times: usize) {
        eventually("the watcher is notified", SOON, || {
            self.notifications() >= times
        })
        .await;
    }
}

impl Watcher for CountingWatcher {
    fn key_changed(&self, _node: usize) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    fn hinted(&self, _node: usize) {
        self.hints.fetch_add(1, Ordering::SeqCst);
    }
}
