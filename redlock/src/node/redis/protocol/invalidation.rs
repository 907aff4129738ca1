//! Messages that a server pushes, and the watches that they notify.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};

use deadpool_redis::redis::{PushInfo, PushKind, Value};
use tokio::runtime::Handle;

use crate::node::keys::{self, HashedMap, Keys};
use crate::node::redis::protocol::waiting::SessionName;
use crate::node::watch;
use crate::node::watch::{Watch, Watches};
use crate::sync::Mutex;

/// The watches of keys on one server, which its invalidations notify.
///
/// A server tracks the keys that a connection has read, and pushes one invalidation when such a key
/// changes. The cause can be a release by any client, an extension, an expiry or a flush. A refused
/// acquire thereby registers for the key, and an invalidation means: try again. A holder registers
/// with its extensions, and an invalidation means: check that the key is there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Invalidations(Arc<Mutex<Tables>>);

#[derive(Debug, Default)]
struct Tables {
    /// Each registration ends with its notification.
    waiters: Watches,
    /// A registration lasts as long as its watcher. The invalidation that an extension causes
    /// arrives after the next registration was sent, and must not end it.
    ///
    /// By the hash of the key alone: there are many, and a server reports nearly all of them for nothing.
    /// If two keys share a hash, their holder may check one of them in vain, and find out about the other
    /// at its next extension.
    holders: HashedMap<u64, Watch>,
    /// The contenders on waiting lists, by the key that is in their way or may be.
    contenders: HashMap<Arc<[u8]>, Contender>,
    /// The number of contenders at which those that are gone are removed.
    sweep_contenders_at: usize,
    /// The channels of sessions, and whether a message has arrived there.
    channels: HashMap<Vec<u8>, Arc<AtomicBool>>,
    /// The number of holders at which those that are gone are removed.
    sweep_at: usize,
    /// Whether the keys of one call must share a slot.
    is_clustered: bool,
}

/// A contender, and the session that may be listed for it.
#[derive(Debug)]
struct Contender {
    session: SessionName,
    watch: Watch,
}

impl Invalidations {
    /// Adds a watch. Called before the server is requested to track the keys.
    pub(crate) fn register(&self, keys: &[Arc<[u8]>], watch: &Watch) {
        self.lock().waiters.add(keys, watch);
    }

    /// Adds a contender for keys, in place of any other contender's. Called before the server may list
    /// it.
    pub(crate) fn register_contender(
        &self,
        session: SessionName,
        keys: &[Arc<[u8]>],
        watch: &Watch,
    ) {
        let mut tables = self.lock();
        if tables.contenders.len() >= tables.sweep_contenders_at {
            tables.contenders.retain(|_, it| it.watch.is_live());
            tables.sweep_contenders_at = (tables.contenders.len() * 2).max(64);
        }
        for key in keys {
            let watch = watch.clone();
            let contender = Contender { session, watch };
            tables.contenders.insert(Arc::clone(key), contender);
        }
    }

    /// Whether a session is listed, or may be, for another contender for the key by now.
    pub(crate) fn is_succeeded(&self, session: SessionName, key: &[u8], watch: &Watch) -> bool {
        self.lock().contenders.get(key).is_some_and(|it| {
            it.session == session && it.watch.is_live() && !it.watch.is_same(watch)
        })
    }

    /// Adds a channel. A message that arrives there sets `heard`.
    pub(crate) fn open_channel(&self, channel: Vec<u8>, heard: &Arc<AtomicBool>) {
        let mut tables = self.lock();
        let is_open = |heard: &Arc<AtomicBool>| Arc::strong_count(heard) > 1;
        tables.channels.retain(|_, heard| is_open(heard));
        tables.channels.insert(channel, Arc::clone(heard));
    }

    /// Adds the watches of holders of keys, each in place of any other holder's.
    pub(crate) fn register_holders<'a>(
        &self,
        holders: impl IntoIterator<Item = (&'a Keys, &'a Watch)>,
    ) {
        let mut tables = self.lock();
        if tables.holders.len() >= tables.sweep_at {
            tables.holders.retain(|_, watch| watch.is_live());
            tables.sweep_at = (tables.holders.len() * 2).max(64);
        }
        for (keys, watch) in holders {
            for hash in keys.hashes() {
                match tables.holders.entry(hash) {
                    // Nearly always: the extension before has registered it.
                    Entry::Occupied(known) if known.get().is_same(watch) => {}
                    Entry::Occupied(mut known) => known.get_mut().clone_from(watch),
                    Entry::Vacant(place) => drop(place.insert(watch.clone())),
                }
            }
        }
    }

    /// The number of extensions whose keys are tracked by one call.
    pub(crate) fn group_size(&self) -> usize {
        if self.lock().is_clustered {
            return 1;
        }
        usize::MAX
    }

    /// Records that the server does not track the keys of several requests by one call.
    pub(crate) fn set_clustered(&self) {
        self.lock().is_clustered = true;
    }

    /// Handles a message that the server pushed. Never blocks.
    pub(crate) fn on_push(&self, push: &PushInfo) {
        match (&push.kind, push.data.first()) {
            (PushKind::Invalidate, Some(Value::Array(keys))) => {
                for key in keys {
                    if let Value::BulkString(key) = key {
                        self.on_changed(key);
                    }
                }
            }
            // All keys were deleted.
            (PushKind::Invalidate, _) => {
                self.notify_all();
                self.notify_holders();
            }
            (PushKind::Message, Some(Value::BulkString(channel))) => {
                if let Some(Value::BulkString(key)) = push.data.get(1) {
                    self.hint(channel, key);
                }
            }
            // The connection ended and further invalidations are lost. Holders learn of the next
            // connection in another way. The releases of some of them will not be reported.
            (PushKind::Disconnection, _) => {
                self.lock().sweep_at = 0;
                self.notify_all();
            }
            _ => {}
        }
    }

    /// Notifies all waiters: invalidations and hints may have been lost.
    pub(crate) fn notify_all(&self) {
        let (watches, contenders) = {
            let mut tables = self.lock();
            let contenders = tables.contenders.values();
            let contenders: Vec<Watch> = contenders.map(|it| it.watch.clone()).collect();
            (tables.waiters.take_all(), contenders)
        };
        watch::notify_all(&watches);
        watch::notify_all(&contenders);
    }

    /// Hints the contender for a key. The empty key belongs to no lock: a session has sent the message
    /// to itself.
    fn hint(&self, channel: &[u8], key: &[u8]) {
        let contender = {
            let tables = self.lock();
            match tables.channels.get(channel) {
                Some(heard) => heard.store(true, Ordering::Relaxed),
                None => return,
            }
            tables.contenders.get(key).map(|it| it.watch.clone())
        };
        if let Some(contender) = contender {
            let _was_hinted = contender.hint();
        }
    }

    /// Notifies the watches of one key, which has changed. Never blocks.
    pub(crate) fn on_changed(&self, key: &[u8]) {
        let hash = keys::hash(key);
        let (waiters, holder) = {
            let mut tables = self.lock();
            (tables.waiters.take(key), tables.holders.get(&hash).cloned())
        };
        watch::notify_all(&waiters);
        if let Some(holder) = holder
            && !holder.notify()
        {
            // The release of a holder that is gone is the usual cause.
            let mut tables = self.lock();
            if tables.holders.get(&hash).is_some_and(|it| !it.is_live()) {
                tables.holders.remove(&hash);
            }
        }
    }

    /// Notifies all holders. Many are notified apart from the task of the session, which has
    /// commands to send.
    fn notify_holders(&self) {
        let holders: Vec<Watch> = self.lock().holders.values().cloned().collect();
        match Handle::try_current() {
            Ok(runtime) if holders.len() > FEW => {
                let _detached = runtime.spawn(async move {
                    for few in holders.chunks(FEW) {
                        watch::notify_all(few);
                        tokio::task::yield_now().await;
                    }
                });
            }
            _ => watch::notify_all(&holders),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock()
    }
}

/// The number of holders that are notified at once.
const FEW: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::node::Watcher;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Watcher for Count {
        fn key_changed(&self, _node: usize) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn key(name: &str) -> [Arc<[u8]>; 1] {
        [Arc::from(name.as_bytes())]
    }

    fn hold(invalidations: &Invalidations, name: &str, holder: &Arc<Count>) {
        let [key] = key(name);
        invalidations.register_holders([(&key.into(), &Watch::new(holder, 0))]);
    }

    fn push(kind: PushKind, keys: Option<&str>) -> PushInfo {
        let keys = keys.map(|key| Value::Array(vec![Value::BulkString(key.into())]));
        let data = vec![keys.unwrap_or(Value::Nil)];
        PushInfo { kind, data }
    }

    #[test]
    fn a_holder_stays_registered_and_a_waiter_does_not() {
        let invalidations = Invalidations::default();
        let (holder, waiter) = (Arc::<Count>::default(), Arc::<Count>::default());
        hold(&invalidations, "a", &holder);
        invalidations.register(&key("a"), &Watch::new(&waiter, 0));
        for _ in 0..2 {
            invalidations.on_push(&push(PushKind::Invalidate, Some("a")));
            invalidations.on_push(&push(PushKind::Invalidate, Some("b")));
        }
        let counts = [&holder, &waiter].map(|it| it.0.load(Ordering::Relaxed));
        assert_eq!(counts, [2, 1]);
    }

    #[test]
    fn a_flush_notifies_holders_and_a_lost_connection_does_not() {
        let (invalidations, holder) = (Invalidations::default(), Arc::<Count>::default());
        for number in 0..2 * FEW {
            hold(&invalidations, &number.to_string(), &holder);
        }
        invalidations.on_push(&push(PushKind::Disconnection, None));
        assert_eq!(holder.0.load(Ordering::Relaxed), 0);
        invalidations.on_push(&push(PushKind::Invalidate, None));
        assert_eq!(holder.0.load(Ordering::Relaxed), 2 * FEW);
    }

    #[test]
    fn holders_that_are_gone_are_removed() {
        let invalidations = Invalidations::default();
        for number in 0..10_000 {
            let holder = Arc::<Count>::default();
            hold(&invalidations, &number.to_string(), &holder);
        }
        assert!(invalidations.lock().holders.len() <= 64);
        let holder = Arc::<Count>::default();
        hold(&invalidations, "a", &holder);
        drop(holder);
        invalidations.on_push(&push(PushKind::Invalidate, Some("a")));
        let hash = keys::hash(b"a");
        assert!(!invalidations.lock().holders.contains_key(&hash));
    }
}
