//! The node under test, and helpers that submit commands to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_redis::redis;
use redlock::node::{
    Acquire, Command, Extend, Extension, Fault, Fence, Identity, Inspect, Keys, MemoryNode, Moment,
    Node, NodeHealth, Ping, Raise, Raised, Rearm, Rearmed, RedisNode, Release, Removal, Responder,
    Session, SessionOptions, Snapshot, Vote, Watch, Watcher,
};
use redlock::{LeaseId, NodeError};
use redlock_tests::{Probe, Proxy, Server, eventually};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// The form of an acquire with a fence. Each is another sequence of commands on a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    First,
    /// The form of a proposal that is likely to be accepted.
    LikelyAccepted,
    /// The form of a later round.
    Contended,
}

/// A session with a node, and the node itself.
pub(crate) struct Subject {
    session: Arc<dyn Session>,
    host: Host,
}

enum Host {
    Memory(MemoryNode),
    Server(Proxy, Box<Server>),
}

pub(crate) fn memory() -> Subject {
    let node = MemoryNode::new();
    Subject {
        session: open(&node),
        host: Host::Memory(node),
    }
}

pub(crate) fn server() -> Subject {
    on(Server::start())
}

pub(crate) fn on(server: Server) -> Subject {
    let proxy = Proxy::to_server(&server);
    Subject {
        session: open(&RedisNode::open(&proxy.url()).unwrap()),
        host: Host::Server(proxy, Box::new(server)),
    }
}

/// Opens a session as the user `limited`, who has all rights. The caller takes some away.
pub(crate) fn as_limited_user(server: Server) -> Subject {
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("limited");
    user.arg(&["on", ">pw", "~*", "&*", "+@all"]);
    server.probe().query::<()>(&user);
    let proxy = Proxy::to_server(&server);
    let url = format!("redis://limited:pw@127.0.0.1:{}", proxy.port());
    Subject {
        session: open(&RedisNode::open(&url).unwrap()),
        host: Host::Server(proxy, Box::new(server)),
    }
}

fn open(node: &impl Node) -> Arc<dyn Session> {
    let silence_limit = Duration::from_secs(10);
    node.open(SessionOptions::new(Handle::current()).silence_limit(silence_limit))
}

/// A response in flight.
pub(crate) struct Pending<T>(oneshot::Receiver<Result<T, NodeError>>);

impl<T: std::fmt::Debug> Pending<T> {
    pub(crate) async fn get(self) -> T {
        self.outcome().await.unwrap()
    }

    /// Returns the response, or its error.
    pub(crate) async fn outcome(self) -> Result<T, NodeError> {
        // Generous: it only ends tests of nodes that never respond.
        let response = tokio::time::timeout(Duration::from_secs(30), self.0).await;
        response
            .expect("no response in time")
            .expect("dropped without a response")
    }
}

impl Subject {
    /// Returns a connection to the server that bypasses the node.
    pub(crate) fn probe(&self) -> Probe {
        match &self.host {
            Host::Memory(_) => panic!("not in memory"),
            Host::Server(_, server) => server.probe(),
        }
    }

    /// Makes the node unreachable. It keeps its data.
    pub(crate) async fn cut_off(&self) {
        match &self.host {
            Host::Memory(node) => node.fault(Fault::Crash),
            Host::Server(proxy, _) => {
                proxy.refuse();
                proxy.cut();
            }
        }
        // A session notices the end of an idle connection with the next command.
        self.ping().outcome().await.unwrap_err();
    }

    /// Makes the node reachable again, and waits for the session to reconnect.
    pub(crate) async fn reconnect(&self) {
        match &self.host {
            Host::Memory(node) => node.fault(None),
            Host::Server(proxy, _) => proxy.accept(),
        }
        eventually("the node is back", SOON, || {
            matches!(self.session.report().health, NodeHealth::Connected)
        })
        .await;
    }

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

    /// Acquires keys. If another owner has one, the node notifies the watcher when it may be free.
    pub(crate) fn acquire_watched(
        &self,
        keys: impl IntoKeys,
        id: &str,
        form: Form,
        watcher: &Arc<CountingWatcher>,
    ) -> Pending<Vote> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        let watch = Watch::new(watcher, 0);
        self.submit(|responder| {
            let acquire = Acquire::new(keys, id, RETENTION, responder)
                .contended(form == Form::Contended)
                .fence(Fence::new(100, RETENTION).likely_accepted(form == Form::LikelyAccepted))
                .watch(watch);
            Command::Acquire(acquire)
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
        self.submit(|responder| Command::Raise(Raise::new(keys, id, token, RETENTION, responder)))
    }

    pub(crate) fn rearm(
        &self,
        keys: impl IntoKeys,
        id: &str,
        ttl: Duration,
        fence: Option<(u64, Duration)>,
    ) -> Pending<Rearmed> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        self.submit(|responder| Command::Rearm(Rearm::new(keys, id, ttl, responder).fence(fence)))
    }

    pub(crate) fn inspect(&self, key: &[u8]) -> Pending<Snapshot> {
        let key = key.into();
        self.submit(|responder| Command::Inspect(Inspect::new(key, responder)))
    }

    pub(crate) fn ping(&self) -> Pending<Identity> {
        self.submit(|responder| Command::Ping(Ping::new(responder)))
    }

    fn submit<T: Send + 'static>(
        &self,
        command: impl FnOnce(Responder<T>) -> Command,
    ) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        let sender = std::sync::Mutex::new(Some(sender));
        let responder = Responder::from_fn(move |response| {
            let sender = sender
                .lock()
                .unwrap()
                .take()
                .expect("a command has one response");
            let _sent = sender.send(response);
        });
        self.session.submit(command(responder));
        Pending(receiver)
    }
}

/// A watcher that counts its notifications.
#[derive(Debug, Default)]
pub(crate) struct CountingWatcher(AtomicUsize);

impl CountingWatcher {
    pub(crate) fn notifications(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until it has received at least this many notifications.
    pub(crate) async fn wait_for(&self, times: usize) {
        let deadline = Duration::from_secs(20);
        eventually("the watcher is notified", deadline, || {
            self.notifications() >= times
        })
        .await;
    }
}

impl Watcher for CountingWatcher {
    fn key_changed(&self, _node: usize) {
        self.0.fetch_add(1, Ordering::SeqCst);
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

/// A time limit for anything that is certain to happen.
const SOON: Duration = Duration::from_secs(20);

/// Longer than any test.
const RETENTION: Duration = Duration::from_secs(60);
