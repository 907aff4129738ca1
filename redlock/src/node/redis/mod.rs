//! A Redis or Valkey master. Nothing outside this folder names the client library.

mod connect;
mod protocol;
mod session;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deadpool_redis::Pool;
use deadpool_redis::redis::ConnectionInfo;

use self::connect::address;
use self::connect::connector::Connector;
use self::protocol::invalidation::Invalidations;
use self::session::RedisSession;
use self::session::server::Server;
use crate::error::ConfigError;
use crate::node::{Node, Session, SessionOptions};

/// A Redis or Valkey master.
///
/// One multiplexed connection is kept for every runtime and carries all commands, in order: a
/// checkout from a pool for every command would cost a round trip each and lose the order on which
/// releases rely. Where a socket is all it takes to get to the server, the connection is made and
/// worked by the task that sends the commands, so that a round trip wakes one task and not two.
/// Under TLS, or with a pool of the application, a [`deadpool_redis::Pool`] makes it, and it has a
/// task of its own.
///
/// Where the server speaks the newer protocol (RESP3: Redis 6, Valkey) and lets its user have its
/// keys tracked, it tells those who wait when a lock may be free. Elsewhere they ask.
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
    /// A node at `url`: `redis://[user:password@]host[:port][/db]`, `rediss://…` for TLS, or
    /// `redis+unix:///path`. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Address`] if the URL cannot be understood.
    pub fn open(url: &str) -> Result<Self, ConfigError> {
        let info = address::parse(url)?;
        if address::wants_resp2(url) {
            let connector = Connector::resp2(&info)?;
            return Ok(Self::new(
                address::name(&info),
                connector,
                Invalidations::default(),
            ));
        }
        Self::from_info(info)
    }

    /// A node with these connection settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Address`] if they make no sense or need a feature that is off.
    pub fn from_info(info: ConnectionInfo) -> Result<Self, ConfigError> {
        let invalidations = Invalidations::default();
        let connector = Connector::new(&info, &invalidations)?;
        Ok(Self::new(address::name(&info), connector, invalidations))
    }

    /// A node whose connections are made by `pool`. What such connections are told goes to the
    /// application, so those who wait here have to ask. `name` stands for it in reports and errors; a
    /// pool does not tell its address.
    #[must_use]
    pub fn from_pool(pool: Pool, name: impl Into<Arc<str>>) -> Self {
        Self::new(name, Connector::foreign(pool), Invalidations::default())
    }

    /// A node whose connections are made by a pool of which only the order is known.
    pub(crate) fn from_unnamed_pool(pool: Pool) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("pool-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self::new(name, Connector::foreign(pool), Invalidations::default())
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
        // The pool's own output would show the connection settings.
        f.debug_struct("RedisNode")
            .field("name", self.0.name())
            .finish_non_exhaustive()
    }
}
