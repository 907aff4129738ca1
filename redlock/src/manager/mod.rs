//! The front door.

mod adopt;
pub(crate) mod builder;
pub(crate) mod env;
pub(crate) mod global;
mod inspect;
pub(crate) mod request;
pub(crate) mod status;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{self, Handle};

use crate::acquire;
use crate::config::{Config, LockOptions};
use crate::engine::{Common, Engine, Members};
use crate::error::{ConfigError, InvalidRequest, LockError};
use crate::guard::LockGuard;
use crate::manager::builder::{Connect, RedlockBuilder};
use crate::manager::request::LockRequest;
use crate::node::into_node::IntoNode;
use crate::node::{Command, MemoryNode, Ping};
use crate::quorum::responses;
use crate::resource::{Resource, Resources};

/// A lock manager: the nodes, the options, and the way to every lock.
///
/// Cloning is cheap and gives another handle to the same manager. It works from every thread and
/// runtime; each runtime that uses it gets connections of its own, which end with the runtime or
/// with the last handle and guard.
///
/// # Examples
///
/// ```no_run
/// use redlock::Redlock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), redlock::Error> {
/// let nodes = ["redis://a:6379", "redis://b:6379", "redis://c:6379"];
/// let redlock = Redlock::connect(nodes).await?;
/// let guard = redlock.lock("invoice:42").await?;
/// // …
/// drop(guard);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Redlock(Arc<Inner>);

/// What all handles share.
struct Inner {
    common: Arc<Common>,
    members: Members,
    /// One engine for every runtime that has used the manager and is alive.
    engines: Mutex<Vec<(runtime::Id, Arc<Engine>)>>,
}

impl Redlock {
    /// Connects to `nodes` with the default options: `Ok` as soon as a quorum of them is usable.
    /// [`builder`](Self::builder) has the options.
    ///
    /// # Errors
    ///
    /// - [`ConnectError::Config`](crate::ConnectError::Config): an address makes no sense, there
    ///   is none, or one stands there twice.
    /// - [`ConnectError::NoQuorum`](crate::ConnectError::NoQuorum): too few nodes are usable.
    /// - [`ConnectError::SameServer`](crate::ConnectError::SameServer): two addresses lead to one
    ///   server.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the connections made so far are closed.
    pub fn connect(nodes: impl IntoIterator<Item = impl IntoNode>) -> Connect {
        Self::builder().nodes(nodes).connect()
    }

    /// Starts a manager with options.
    pub fn builder() -> RedlockBuilder {
        RedlockBuilder::new()
    }

    /// Starts a manager with nodes and options from the environment:
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `REDLOCK_NODES` | the nodes' URLs, separated by commas; required |
    /// | `REDLOCK_TTL`, `REDLOCK_WAIT`, `REDLOCK_MAX_TTL` | durations such as `30s` or `1m 30s` |
    /// | `REDLOCK_RETRY_DELAY`, `REDLOCK_NODE_TIMEOUT` | durations |
    /// | `REDLOCK_RETRY_COUNT` | a number of rounds |
    /// | `REDLOCK_KEY_PREFIX` | text |
    ///
    /// # Errors
    ///
    /// [`ConfigError::Environment`], which names the variable. A value that may hold a password
    /// is not repeated.
    pub fn from_env() -> Result<RedlockBuilder, ConfigError> {
        env::builder(std::env::var::<&str>)
    }

    /// A manager over `n` fresh nodes in this process: for tests, examples, and locks among the
    /// tasks of one process. Nothing is spawned, so it can stand in a `static`.
    ///
    /// To disturb the nodes, make them first: [`MemoryNode`].
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[must_use]
    pub fn in_memory(n: usize) -> Self {
        assert!(n > 0, "a lock needs at least one node");
        let nodes = std::iter::repeat_with(MemoryNode::new).take(n);
        let manager = Self::builder().nodes(nodes).build();
        manager.unwrap_or_else(|error| unreachable!("the default options are valid: {error}"))
    }

    pub(crate) fn new(members: Members, config: Config) -> Self {
        Self(Arc::new(Inner {
            common: Common::new(config),
            members,
            engines: Mutex::default(),
        }))
    }

    /// Asks for a lock on `resource`, and waits for it while another owner has it.
    ///
    /// The guard that comes of it extends itself in the background and releases on drop.
    pub fn lock(&self, resource: impl Into<Resource>) -> LockRequest {
        LockRequest::new(self.clone(), Ok(resource.into().into()))
    }

    /// Asks for a lock on `resource`, once: `lock(resource).no_wait()`.
    ///
    /// While another owner has it this is [`LockError::Busy`]; so it is, without asking the nodes,
    /// while a guard or a request of this manager is before it.
    pub fn try_lock(&self, resource: impl Into<Resource>) -> LockRequest {
        self.lock(resource).no_wait()
    }

    /// Asks for a lock on several resources as one: all of them, or none.
    ///
    /// One guard, one lease and one [token](LockGuard::token) stand for all. Every node is asked
    /// for all resources in one command, and has none of them for whoever does not get them all:
    /// nobody holds one while waiting for another, so that requests for overlapping sets cannot
    /// lock each other out, in whatever order they name them. Whoever loses one, loses all.
    ///
    /// The resources can come in any order, and more than once;
    /// [`resources`](LockGuard::resources) has them in byte order. Up to
    /// [`Resource::MAX_TOGETHER`] are locked at once. Byte strings of different lengths are
    /// different types, so that a list of them needs slices: `[&b"a"[..], &b"bc"[..]]`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let (from, to) = (7, 4);
    /// let accounts = [from, to].map(|id| format!("account:{id}"));
    /// let guard = redlock.lock_all(accounts).await?;
    /// assert_eq!(guard.resources(), ["account:4", "account:7"]);
    /// assert!(redlock.try_lock("account:7").await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock_all(
        &self,
        resources: impl IntoIterator<Item = impl Into<Resource>>,
    ) -> LockRequest {
        LockRequest::new(self.clone(), Resources::all(resources))
    }

    /// Releases everything that is still held, ends all guards as lost, and waits until the nodes
    /// have carried out all releases, those of guards dropped earlier included. Bounded: a node
    /// that does not answer is waited for at most three node timeouts, or a second. Requests that
    /// wait, and those that come later, end with [`LockError::Closed`].
    ///
    /// Call it at the end of `main`, so that others need not wait for the ttl.
    ///
    /// # Cancel safety
    ///
    /// Once polled, everything is released in the background.
    pub async fn shutdown(&self) {
        self.0.common.closing.close();
        let engines: Vec<_> = {
            let engines = self
                .0
                .engines
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            engines
                .iter()
                .map(|(_, engine)| Arc::clone(engine))
                .collect()
        };
        for engine in &engines {
            engine.renewals().lose_all();
        }
        // Sessions keep the order: what answers now has carried out every release before.
        let gathers: Vec<_> = engines
            .iter()
            .map(|engine| engine.ask(|reply| Command::Ping(Ping { reply })))
            .collect();
        for gather in gathers {
            let _answers = gather.until(self.config().patience(), responses::all).await;
        }
    }

    /// The nodes, in the order in which they were configured.
    pub(crate) fn members(&self) -> &Members {
        &self.0.members
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.common.config
    }

    /// Carries out a request.
    pub(crate) async fn acquire(
        &self,
        resources: &Resources,
        options: &LockOptions,
    ) -> Result<LockGuard, LockError> {
        resources.validate()?;
        self.config().check_ttl(options.ttl)?;
        self.config().check_ttl(options.first_ttl())?;
        self.config().check_hold(options)?;
        let engine = self.open_engine()?;
        let guard = acquire::acquire(&engine, resources, options).await?;
        // Won while the manager was being shut down: too late to be among those it released.
        if self.is_closed() {
            guard.give_up();
            Err(LockError::Closed)
        } else {
            Ok(guard)
        }
    }

    /// The engine of the current runtime.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>, InvalidRequest> {
        let runtime = Handle::try_current().map_err(|_| InvalidRequest::NoRuntime)?;
        let id = runtime.id();
        let mut engines = self
            .0
            .engines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, engine)) = engines.iter().find(|(of, _)| *of == id) {
            return Ok(Arc::clone(engine));
        }
        engines.retain(|(_, engine)| engine.is_alive());
        let engine = Engine::start(&self.0.members, &self.0.common, &runtime);
        engines.push((id, Arc::clone(&engine)));
        Ok(engine)
    }

    pub(crate) fn open_engine(&self) -> Result<Arc<Engine>, LockError> {
        if self.is_closed() {
            return Err(LockError::Closed);
        }
        Ok(self.engine()?)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.common.closing.is_closed()
    }
}

impl fmt::Debug for Redlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redlock")
            .field("nodes", &self.0.members.names)
            .field("config", &self.0.common.config)
            .finish_non_exhaustive()
    }
}
