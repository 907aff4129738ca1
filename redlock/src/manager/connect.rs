//! The first connection of a manager: a quorum of nodes, and no server twice.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::error::{ConfigError, ConnectError, NodeFailure};
use crate::manager::Redlock;
use crate::node::into_node::IntoNode;
use crate::node::{Command, Identity, Ping};
use crate::quorum;
use crate::quorum::responses;
use crate::quorum::responses::NodeResults;
use crate::time::clock::Moment;

/// A future that connects a manager, returned by [`Redlock::connect`](crate::Redlock::connect).
#[must_use = "nothing is connected unless this is awaited"]
pub struct Connect {
    work: Pin<Box<dyn Future<Output = Result<Redlock, ConnectError>> + Send>>,
}

impl Redlock {
    /// Connects to `nodes` with the default options. Resolves when a quorum of them is usable.
    ///
    /// [`builder`](Self::builder) sets other options.
    ///
    /// On new servers this takes a second: see
    /// [`restart_quarantine`](crate::RedlockBuilder::restart_quarantine). Nodes in quarantine are not waited
    /// for, and are no error here.
    ///
    /// # Errors
    ///
    /// - [`ConnectError::Config`](crate::ConnectError::Config): an address is invalid or given
    ///   twice, or there are no nodes.
    /// - [`ConnectError::NoQuorum`](crate::ConnectError::NoQuorum): too few nodes respond, or too many
    ///   are refused, for instance because they belong to another deployment.
    /// - [`ConnectError::SameServer`](crate::ConnectError::SameServer): two addresses lead to the
    ///   same server. Configure independent servers.
    /// - [`ConnectError::NoRuntime`](crate::ConnectError::NoRuntime): polled outside a Tokio
    ///   runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancelling closes the connections made so far.
    pub fn connect(nodes: impl IntoIterator<Item = impl IntoNode>) -> Connect {
        Self::builder().nodes(nodes).connect()
    }
}

impl Connect {
    /// Connects a built manager. A configuration error is returned by the first poll.
    pub(crate) fn new(redlock: Result<Redlock, ConfigError>) -> Self {
        Self {
            work: Box::pin(async move { connect(redlock?).await }),
        }
    }
}

impl Future for Connect {
    type Output = Result<Redlock, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.work.as_mut().poll(cx)
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").finish_non_exhaustive()
    }
}

async fn connect(redlock: Redlock) -> Result<Redlock, ConnectError> {
    if Handle::try_current().is_err() {
        return Err(ConnectError::NoRuntime);
    }
    let engine = redlock.engine().map_err(|_| ConnectError::NoRuntime)?;
    let quorum = engine.quorum();
    let responses = engine.broadcast(|responder| Command::Ping(Ping::new(responder)));
    let usable =
        |results: &NodeResults<Identity>| results.iter().flatten().filter(|it| it.is_ok()).count();

    let is_quorum = |results: &NodeResults<Identity>| usable(results) >= quorum.needed();
    let decided = |results: &NodeResults<Identity>| is_quorum(results) || responses::all(results);
    let end = Moment::now().saturating_add(CONNECT_TIMEOUT);
    let results = responses.until(engine.deadlines(), end, decided).await;
    if !is_quorum(&results) {
        return Err(ConnectError::NoQuorum {
            usable: quorum::nodes(usable(&results)),
            needed: quorum::nodes(quorum.needed()),
            nodes: quorum::nodes(quorum.nodes()),
            failures: responses::failures(&results, engine.names()),
        });
    }
    let deployment = engine.deployment();
    deployment.usable(quorum.needed(), CONNECT_TIMEOUT).await;
    // Wait a little for the other nodes. Two addresses of one server are only detected here.
    deployment.settled(GRACE).await;
    if let Some((first, second)) = deployment.same_server() {
        return Err(ConnectError::SameServer {
            first: Arc::clone(&engine.names()[first]),
            second: Arc::clone(&engine.names()[second]),
        });
    }
    let refusals = deployment.refusals();
    if refusals.len() > quorum.nodes() - quorum.needed() {
        let failures = refusals.into_iter().map(|(node, error)| {
            let name = Arc::clone(&engine.names()[node]);
            NodeFailure::new(name, error)
        });
        let failures: Arc<[NodeFailure]> = failures.collect();
        return Err(ConnectError::NoQuorum {
            usable: quorum::nodes(quorum.nodes() - failures.len()),
            needed: quorum::nodes(quorum.needed()),
            nodes: quorum::nodes(quorum.nodes()),
            failures,
        });
    }
    Ok(redlock)
}

/// The limit for nodes that neither respond nor refuse: a little more than one connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How much longer to wait for responses once a quorum is usable.
const GRACE: Duration = Duration::from_millis(100);
