//! A node under test, and ways to ask it.

use std::sync::Arc;
use std::time::Duration;

use redlock::node::{
    Acquire, Command, Extend, Extension, Fence, Identity, Inspect, Keys, MemoryNode, Moment, Node,
    Ping, Raise, Raised, RedisNode, Release, Removal, Reply, Session, Snapshot, Vote,
};
use redlock::{LeaseId, NodeError};
use redlock_tests::Server;
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

/// A session with a node, and the server it needs.
pub(crate) struct Subject {
    session: Arc<dyn Session>,
    _server: Option<Server>,
}

pub(crate) fn memory() -> Subject {
    Subject {
        session: open(&MemoryNode::new()),
        _server: None,
    }
}

pub(crate) fn server() -> Subject {
    let server = Server::start();
    let session = open(&RedisNode::open(&server.url()).unwrap());
    Subject {
        session,
        _server: Some(server),
    }
}

fn open(node: &impl Node) -> Arc<dyn Session> {
    node.open(&Handle::current(), Duration::from_secs(10))
}

/// An answer that is on its way.
pub(crate) struct Pending<T>(oneshot::Receiver<Result<T, NodeError>>);

impl<T: std::fmt::Debug> Pending<T> {
    pub(crate) async fn get(self) -> T {
        // Generous: this is for nodes that never answer.
        let answer = tokio::time::timeout(Duration::from_secs(30), self.0).await;
        answer
            .expect("no answer")
            .expect("dropped without an answer")
            .unwrap()
    }
}

impl Subject {
    pub(crate) fn acquire(&self, key: &[u8], id: &str, ttl: Duration) -> Pending<Vote> {
        self.acquire_in_form(key, id, ttl, false)
    }

    /// As in a later round: servers are asked in another form.
    pub(crate) fn acquire_in_form(
        &self,
        key: &[u8],
        id: &str,
        ttl: Duration,
        contended: bool,
    ) -> Pending<Vote> {
        let (keys, id) = (one(key), LeaseId::from(id));
        self.ask(|reply| {
            Command::Acquire(Acquire {
                keys,
                id,
                ttl,
                contended,
                fence: None,
                watch: None,
                reply,
            })
        })
    }

    pub(crate) fn extend(&self, key: &[u8], id: &str, ttl: Duration) -> Pending<Extension> {
        let (keys, id) = (one(key), LeaseId::from(id));
        self.ask(|reply| {
            Command::Extend(Extend {
                keys,
                id,
                ttl,
                fence_retention: None,
                reply,
            })
        })
    }

    pub(crate) fn release(&self, key: &[u8], id: &str) -> Pending<Removal> {
        let (keys, id) = (one(key), LeaseId::from(id));
        let until = Moment::now().checked_add(Duration::from_secs(60)).unwrap();
        self.ask(|reply| {
            Command::Release(Release {
                keys,
                id,
                until,
                keep: None,
                reply,
            })
        })
    }

    /// Asks for a key and a stamp on its counter.
    pub(crate) fn acquire_fenced(
        &self,
        key: &[u8],
        id: &str,
        proposal: u64,
        way: Way,
    ) -> Pending<Vote> {
        let (keys, id, ttl) = (one(key), LeaseId::from(id), RETENTION);
        let contended = way == Way::Contended;
        let fence = Some(Fence {
            proposal,
            is_tried: way == Way::Tried,
            retention: RETENTION,
        });
        self.ask(|reply| {
            Command::Acquire(Acquire {
                keys,
                id,
                ttl,
                contended,
                fence,
                watch: None,
                reply,
            })
        })
    }

    pub(crate) fn raise(&self, key: &[u8], id: &str, token: u64) -> Pending<Raised> {
        let (keys, id) = (one(key), LeaseId::from(id));
        let retention = RETENTION;
        self.ask(|reply| {
            Command::Raise(Raise {
                keys,
                id,
                token,
                retention,
                reply,
            })
        })
    }

    pub(crate) fn inspect(&self, key: &[u8]) -> Pending<Snapshot> {
        let key = key.into();
        self.ask(|reply| Command::Inspect(Inspect { key, reply }))
    }

    pub(crate) fn ping(&self) -> Pending<Identity> {
        self.ask(|reply| Command::Ping(Ping { reply }))
    }

    fn ask<T: Send + 'static>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Pending<T> {
        let (sender, receiver) = oneshot::channel();
        let sender = std::sync::Mutex::new(Some(sender));
        let reply = Reply::call(move |answer| {
            let sender = sender.lock().unwrap().take().expect("answered twice");
            let _nobody_waits = sender.send(answer);
        });
        self.session.submit(command(reply));
        Pending(receiver)
    }
}

fn one(key: &[u8]) -> Keys {
    Arc::<[u8]>::from(key).into()
}

/// Longer than any test.
const RETENTION: Duration = Duration::from_secs(60);
