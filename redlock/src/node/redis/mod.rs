//! A node that is a Redis or Valkey master.
//!
//! Apart from `into_node`, no other module of the library names the client library.

mod connect;
mod protocol;
mod session;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deadpool_redis::Pool;
use deadpool_redis::redis::ConnectionInfo;

use self::connect::address::{self, Address};
use self::connect::connector::Connector;
use self::protocol::invalidation::Invalidations;
use self::session::RedisSession;
use self::session::server::Server;
use crate::error::ConfigError;
use crate::node::{Node, Session, SessionOptions};

/// A Redis or Valkey master.
///
/// Each runtime has one multiplexed connection, which carries all commands in order. A checkout
/// from a pool for each command would cost a round trip and lose the order that releases rely on.
///
/// Over a plain socket, the task that sends the commands also writes and reads the bytes, so a round trip
/// wakes one task once. Under TLS, or with a pool of the application, a [`deadpool_redis::Pool`] makes the
/// connection, which has a task of its own.
///
/// A server with RESP3 (Redis 6, Valkey) that permits client tracking notifies waiters when a lock
/// may be free. With other servers, waiters poll.
///
/// # Examples
///
/// ```no_run
/// use redlock::node::RedisNode;
/// use redlock::Redlock;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let node = RedisNode::open("redis://127.0.0.1:6379")?;
/// let redlock = Redlock::builder().node(node).build()?;
/// # Ok(())
/// # }
/// ```
pub struct RedisNode(Arc<Server>);

impl RedisNode {
    /// Creates a node at `url`. It connects when a session is opened.
    ///
    /// | URL | leads to |
    /// |---|---|
    /// | `redis://[[user]:password@]host[:port][/db]` | a server, at port 6379 unless one is given |
    /// | `rediss://…` | a server behind TLS |
    /// | `redis+unix:///path` | a Unix socket |
    ///
    /// `valkey` can stand for `redis`, and `unix` for `redis+unix`. Percent-encode `%`, `/`, `?`, `#`
    /// and `@` in user names and passwords. Options follow a `?`, and are separated by `&`:
    ///
    /// | option | value |
    /// |---|---|
    /// | `db` | the database, where the path has none |
    /// | `username`, `password` (`user`, `pass`) | the credentials, where none precede the host |
    /// | `protocol` | `2` for RESP2 only, or `3` |
    ///
    /// Nothing in a URL is ignored. An unknown option is an error, and so is a fragment.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Address`] if the URL is not valid, or needs a feature that is off. It names the
    /// mistake and shows the URL without credentials.
    pub fn open(url: &str) -> Result<Self, ConfigError> {
        let Address { info, is_resp2 } = address::parse(url)?;
        if is_resp2 {
            let connector = Connector::resp2(&info)?;
            return Ok(Self::new(
                address::name(&info),
                connector,
                Invalidations::default(),
            ));
        }
        Self::from_info(info)
    }

    /// Creates a node with these connection settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Address`] if they are not valid, or need a feature that is off.
    pub fn from_info(info: ConnectionInfo) -> Result<Self, ConfigError> {
        address::check(&info)?;
        let invalidations = Invalidations::default();
        let connector = Connector::new(&info, &invalidations)?;
        Ok(Self::new(address::name(&info), connector, invalidations))
    }

    /// Creates a node whose connections are made by `pool`.
    ///
    /// The push messages of such connections go to the application, so waiters poll. `name` appears
    /// in reports and errors, because a pool does not show its address.
    #[must_use]
    pub fn from_pool(pool: Pool, name: impl Into<Arc<str>>) -> Self {
        Self::new(name, Connector::from_pool(pool), Invalidations::default())
    }

    /// Creates a node whose connections are made by `pool`, named by the order of creation.
    pub(crate) fn from_unnamed_pool(pool: Pool) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("pool-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self::new(name, Connector::from_pool(pool), Invalidations::default())
    }

    fn new(name: impl Into<Arc<str>>, connector: Connector, invalidations: Invalidations) -> Self {
        Self(Arc::new(Server::new(name.into(), connector, invalidations)))
    }
}

impl Node for RedisNode {
    fn name(&self) -> Arc<str> {
        Arc::clone(self.0.name())
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        RedisSession::start(&self.0, options)
    }
}

impl fmt::Debug for RedisNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool's own output would show the connection settings, with a password.
        f.debug_struct("RedisNode")
            .field("name", self.0.name())
            .finish_non_exhaustive()
    }
}
