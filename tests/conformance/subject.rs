//! The node under test: in memory, or on a server behind a proxy.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis;
use redlock::NodeError;
use redlock::node::{
    Command, Fault, MemoryNode, Node, NodeHealth, RedisNode, Responder, Session, SessionOptions,
};
use redlock_tests::{Probe, Proxy, Server, eventually};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A time limit for anything that is certain to happen.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A session with a node, and the node itself.
pub(crate) struct Subject {
    pub(crate) session: Arc<dyn Session>,
    pub(crate) host: Arc<Host>,
}

pub(crate) enum Host {
    Memory(MemoryNode),
    Server {
        proxy: Proxy,
        /// The URL of the proxy, with the user of all sessions.
        url: String,
        server: Box<Server>,
    },
}

impl Host {
    /// Waits until a server knows that only so many sessions can be hinted.
    pub(crate) async fn until_hintable(&self, sessions: usize) {
        if let Self::Server { server, .. } = self {
            let (probe, mut channels) = (server.probe(), redis::cmd("PUBSUB"));
            channels.arg("CHANNELS").arg("redlock:wait:*");
            eventually("the server knows who is gone", SOON, || {
                probe.query::<Vec<String>>(&channels).len() == sessions
            })
            .await;
        }
    }
}

pub(crate) fn memory() -> Subject {
    let node = MemoryNode::new();
    Subject {
        session: open(&node),
        host: Arc::new(Host::Memory(node)),
    }
}

pub(crate) fn server() -> Subject {
    on(Server::start())
}

pub(crate) fn on(server: Server) -> Subject {
    let proxy = Proxy::to_server(&server);
    let url = proxy.url();
    with_url(server, proxy, url)
}

/// Opens a session as the user `limited`, who has all rights. The caller takes some away.
pub(crate) fn as_limited_user(server: Server) -> Subject {
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("limited");
    user.arg(&["on", ">pw", "~*", "&*", "+@all"]);
    server.probe().query::<()>(&user);
    let proxy = Proxy::to_server(&server);
    let url = format!("redis://limited:pw@127.0.0.1:{}", proxy.port());
    with_url(server, proxy, url)
}

fn with_url(server: Server, proxy: Proxy, url: String) -> Subject {
    let (session, server) = (open(&RedisNode::open(&url).unwrap()), Box::new(server));
    let host = Arc::new(Host::Server { proxy, url, server });
    Subject { session, host }
}

pub(crate) fn open(node: &impl Node) -> Arc<dyn Session> {
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
        match &*self.host {
            Host::Memory(_) => panic!("not in memory"),
            Host::Server { server, .. } => server.probe(),
        }
    }

    /// Makes the node unreachable. It keeps its data.
    pub(crate) async fn cut_off(&self) {
        match &*self.host {
            Host::Memory(node) => node.fault(Fault::Crash),
            Host::Server { proxy, .. } => {
                proxy.refuse();
                proxy.cut();
            }
        }
        // A session notices the end of an idle connection with the next command.
        self.ping().outcome().await.unwrap_err();
    }

    /// Makes the node reachable again, and waits for the session to reconnect.
    pub(crate) async fn reconnect(&self) {
        match &*self.host {
            Host::Memory(node) => node.fault(None),
            Host::Server { proxy, .. } => proxy.accept(),
        }
        eventually("the node is back", SOON, || {
            matches!(self.session.report().health, NodeHealth::Connected)
        })
        .await;
    }

    pub(crate) fn submit<T: Send + 'static>(
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
