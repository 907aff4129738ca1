//! A Redis or Valkey master. Nothing outside this folder names the client library.

mod address;
mod answer;
mod batch;
mod counters;
mod debts;
mod delete;
mod driver;
mod fault;
mod flight;
mod item;
mod link;
mod script;
mod session;
mod value;
mod votes;
mod wire;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use deadpool_redis::redis::{AsyncConnectionConfig, ConnectionInfo};
use deadpool_redis::{Manager, Pool};
use tokio::runtime::Handle;

use self::session::RedisSession;
use super::{Node, Session};
use crate::error::ConfigError;

/// A Redis or Valkey master.
///
/// Connections are made by a [`deadpool_redis::Pool`]; one multiplexed connection is kept for
/// every runtime and carries all commands, in order. A checkout for every command would cost a
/// round trip each and lose the order on which releases rely.
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
pub struct RedisNode(Arc<Inner>);

/// What all sessions of one node share.
struct Inner {
    name: Arc<str>,
    pool: Pool,
    /// Whether the pool was made by the application, with timeouts of its own.
    is_foreign: bool,
    /// The open sessions, so that what one leaves undone another can do.
    sessions: Mutex<Vec<Weak<RedisSession>>>,
}

impl RedisNode {
    /// A node at `url`: `redis://[user:password@]host[:port][/db]`, `rediss://…` for TLS, or
    /// `redis+unix:///path`. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Address`] if the URL cannot be understood.
    pub fn open(url: &str) -> Result<Self, ConfigError> {
        Self::from_info(address::parse(url)?)
    }

    /// A node with these connection settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Address`] if they make no sense or need a feature that is off.
    pub fn from_info(info: ConnectionInfo) -> Result<Self, ConfigError> {
        let name = address::name(&info);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(link::CONNECT_TIMEOUT))
            // Time is kept here; the client library's own limit would hide which command it was.
            .set_response_timeout(None);
        let manager = Manager::new_with_config(address::tune(info), config)
            .map_err(|error| address::refused(&error))?;
        // Connections are taken out of the pool for good, so one place is enough.
        let pool = Pool::builder(manager)
            .max_size(1)
            .build()
            .map_err(|error| ConfigError::Address {
                index: 0,
                reason: error.to_string().into(),
            })?;
        Ok(Self::with_pool(pool, name.into(), false))
    }

    /// A node whose connections are made by `pool`. `name` stands for it in reports and errors; a
    /// pool does not tell its address.
    #[must_use]
    pub fn from_pool(pool: Pool, name: impl Into<Arc<str>>) -> Self {
        Self::with_pool(pool, name.into(), true)
    }

    /// A node whose connections are made by a pool of which only the order is known.
    pub(crate) fn from_unnamed_pool(pool: Pool) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("pool-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self::with_pool(pool, name.into(), true)
    }

    fn with_pool(pool: Pool, name: Arc<str>, is_foreign: bool) -> Self {
        Self(Arc::new(Inner {
            name,
            pool,
            is_foreign,
            sessions: Mutex::default(),
        }))
    }
}

impl Node for RedisNode {
    fn name(&self) -> Arc<str> {
        Arc::clone(&self.0.name)
    }

    fn open(&self, runtime: &Handle, patience: Duration) -> Arc<dyn Session> {
        let session = RedisSession::start(&self.0, runtime, patience);
        let mut sessions = self
            .0
            .sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|other| other.strong_count() > 0);
        sessions.push(Arc::downgrade(&session));
        session
    }
}

impl Inner {
    /// A session whose runtime is alive, other than the one that is ending.
    fn live_session(&self) -> Option<Arc<RedisSession>> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions
            .iter()
            .filter_map(Weak::upgrade)
            .find(|session| session.is_live())
    }
}

impl fmt::Debug for RedisNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pool's own output would show the connection settings.
        f.debug_struct("RedisNode")
            .field("name", &self.0.name)
            .finish_non_exhaustive()
    }
}
