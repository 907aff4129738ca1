//! A node under test, and ways to ask it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redlock::node::{
    Acquire, Command, Extend, Extension, Fault, Fence, Identity, Inspect, Keys, MemoryNode, Moment,
    Node, NodeHealth, Ping, Raise, Raised, RedisNode, Release, Removal, Responder, Session,
    SessionOptions, Snapshot, Vote, Watch, Watcher,
};
use redlock::{LeaseId, NodeError};
use redlock_tests::{Probe, Proxy, Server, eventually};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How a node is asked for a key and a stamp: servers are asked in a form of its own each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    First,
    /// By a manager whose proposals were accepted of late.
    Tried,
    /// In a later round.
    Contended,
}

/// A session with a node, and what the node is.
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

fn open(node: &impl Node) -> Arc<dyn Session> {
    let silence_limit = Duration::from_secs(10);
    node.open(SessionOptions::new(Handle::current()).silence_limit(silence_limit))
}

/// An answer that is on its way.
pub(crate) struct Pending<T>(oneshot::Receiver<Result<T, NodeError>>);

impl<T: std::fmt::Debug> Pending<T> {
    pub(crate) async fn get(self) -> T {
        self.outcome().await.unwrap()
    }

    /// The answer, be it an error.
    pub(crate) async fn outcome(self) -> Result<T, NodeError> {
        // Generous: this is for nodes that never answer.
        let answer = tokio::time::timeout(Duration::from_secs(30), self.0).await;
        answer
            .expect("no answer")
            .expect("dropped without an answer")
    }
}

impl Subject {
    /// A view of the server past the node.
    pub(crate) fn probe(&self) -> Probe {
        match &self.host {
            Host::Memory(_) => panic!("not in memory"),
            Host::Server(_, server) => server.probe(),
        }
    }

    /// Makes the node unreachable. What it has stays.
    pub(crate) async fn cut_off(&self) {
        match &self.host {
            Host::Memory(node) => node.fault(Fault::Crash),
            Host::Server(proxy, _) => {
                proxy.refuse();
                proxy.cut();
            }
        }
        // The end of a connection that is idle is noticed with the next command.
        self.ping().outcome().await.unwrap_err();
    }

    /// Makes it reachable again.
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
        self.acquire_in_form(keys, id, ttl, false)
    }

    /// As in a later round: servers are asked in another form.
    pub(crate) fn acquire_in_form(
        &self,
        keys: impl IntoKeys,
        id: &str,
        ttl: Duration,
        contended: bool,
    ) -> Pending<Vote> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        self.ask(|responder| {
            Command::Acquire(Acquire::new(keys, id, ttl, responder).contended(contended))
        })
    }

    /// Asks for a key, to be told when it may be free if another has it.
    pub(crate) fn acquire_watched(
        &self,
        keys: impl IntoKeys,
        id: &str,
        way: Way,
        ear: &Arc<Ear>,
    ) -> Pending<Vote> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        let watch = Watch::new(ear, 0);
        self.ask(|responder| {
            let acquire = Acquire::new(keys, id, RETENTION, responder)
                .contended(way == Way::Contended)
                .fence(Fence::new(100, RETENTION).is_tried(way == Way::Tried))
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
        self.ask(|responder| Command::Extend(Extend::new(keys, id, ttl, responder)))
    }

    pub(crate) fn release(&self, keys: impl IntoKeys, id: &str) -> Pending<Removal> {
        self.release_and_keep(keys, id, None)
    }

    /// Has the keys stay until then.
    pub(crate) fn release_and_keep(
        &self,
        keys: impl IntoKeys,
        id: &str,
        keep_until: impl Into<Option<Moment>>,
    ) -> Pending<Removal> {
        let keep_until = keep_until.into();
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        let until = Moment::now().checked_add(Duration::from_secs(60)).unwrap();
        self.ask(|responder| {
            Command::Release(Release::new(keys, id, until, responder).keep_until(keep_until))
        })
    }

    /// Asks for a key and a stamp on its counter.
    pub(crate) fn acquire_fenced(
        &self,
        keys: impl IntoKeys,
        id: &str,
        proposal: u64,
        way: Way,
    ) -> Pending<Vote> {
        let (keys, id, ttl) = (keys.into_keys(), LeaseId::from(id), RETENTION);
        let contended = way == Way::Contended;
        let fence = Fence::new(proposal, RETENTION).is_tried(way == Way::Tried);
        self.ask(|responder| {
            let acquire = Acquire::new(keys, id, ttl, responder);
            Command::Acquire(acquire.contended(contended).fence(fence))
        })
    }

    pub(crate) fn raise(&self, keys: impl IntoKeys, id: &str, token: u64) -> Pending<Raised> {
        let (keys, id) = (keys.into_keys(), LeaseId::from(id));
        self.ask(|responder| Command::Raise(Raise::new(keys, id, token, RETENTION, responder)))
    }

    pub(crate) fn inspect(&self, key: &[u8]) -> Pending<Snapshot> {
        let key = key.into();
        self.ask(|responder| Command::Inspect(Inspect::new(key, responder)))
    }

    pub(crate) fn ping(&self) -> Pending<Identity> {
        self.ask(|responder| Command::Ping(Ping::new(responder)))
    }

    fn ask<T: Send + 'static>(&self, command: impl FnOnce(Responder<T>) -> Command) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        let sender = std::sync::Mutex::new(Some(sender));
        let responder = Responder::from_fn(move |answer| {
            let sender = sender.lock().unwrap().take().expect("answered twice");
            let _nobody_waits = sender.send(answer);
        });
        self.session.submit(command(responder));
        Pending(receiver)
    }
}

/// Counts how often it is told that a key may be free.
#[derive(Debug, Default)]
pub(crate) struct Ear(AtomicUsize);

impl Ear {
    pub(crate) fn heard(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits until it was told so often.
    pub(crate) async fn hears(&self, times: usize) {
        let deadline = Duration::from_secs(20);
        eventually("told", deadline, || self.heard() >= times).await;
    }
}

impl Watcher for Ear {
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

/// How long anything may take that is sure to happen.
const SOON: Duration = Duration::from_secs(20);

/// Longer than any test.
const RETENTION: Duration = Duration::from_secs(60);
