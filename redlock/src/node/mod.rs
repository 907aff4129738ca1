//! One vote: the contract that everything above builds on, and its two implementations.
//!
//! [`RedisNode`] is a Redis or Valkey master, [`MemoryNode`] lives in this process. Both pass the
//! same conformance suite. A node of your own, or a wrapper that watches or disturbs another
//! node in a test, implements [`Node`] and [`Session`].

mod command;
mod health;
pub(crate) mod into_node;
mod keys;
mod memory;
mod redis;
mod responder;
mod response;
mod session;
pub(crate) mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::command::{Acquire, Command, Extend, Fence, Inspect, Ping, Raise, Release};
pub use self::health::{NodeHealth, NodeReport, NodeWarning};
pub use self::keys::{Keys, NoKeys};
pub use self::memory::{Fault, MemoryNode};
pub use self::redis::RedisNode;
pub use self::responder::{NodeResult, Responder, ResponseSink};
pub use self::response::{Extension, Identity, Raised, Record, Removal, Snapshot, Stamp, Vote};
pub use self::session::SessionOptions;
pub use self::watch::{Watch, Watcher};
pub use crate::time::clock::Moment;

/// One vote among the nodes of a manager.
///
/// # Contract
///
/// A node keeps keys. To *acquire* sets a key that is not there to a lease id, to expire after
/// the ttl; to *extend* moves the expiry of a key that holds the given id further away, never
/// nearer; to *release* deletes the key if it holds the given id. A key that holds anything else
/// is never touched, and an expired key is not there. Each is atomic, also for [several
/// keys](Keys): all of them, or none.
///
/// For every key a node keeps a counter, from which fencing tokens are made: see [`Fence`] and
/// [`Raise`]. It outlives the key, and only ever grows.
///
/// Commands travel through a [`Session`], which keeps their order.
pub trait Node: fmt::Debug + Send + Sync + 'static {
    /// The node's name in reports and errors: its address, without credentials.
    fn name(&self) -> Arc<str>;

    /// Opens a session. Returns at once; connecting goes on in the background.
    fn open(&self, options: SessionOptions) -> Arc<dyn Session>;
}

/// An ordered way to one node.
///
/// # Contract
///
/// - Commands take effect in the order in which they were submitted. A release is queued behind
///   the acquire it undoes, so it can never be overtaken by it.
/// - A command is answered at most once, and an answer is the truth: `Err` with
///   [`NodeError::is_sent`](crate::NodeError::is_sent) false promises that it took no effect and
///   never will. A node that hangs may never answer; whoever asked keeps the time.
/// - A release is kept until it was carried out or its [`until`](Release::until) has passed,
///   across lost connections too, and it takes effect after every acquire that was submitted
///   before it. While there is no connection every command is answered with an error at once, a
///   release that is kept among them.
/// - No lock is held while a [`Responder`] is given: it may submit the next command.
pub trait Session: fmt::Debug + Send + Sync + 'static {
    /// Queues a command. Never blocks, and works on any thread, in or out of a runtime.
    fn submit(&self, command: Command);

    /// How the node is doing.
    fn report(&self) -> NodeReport;

    /// The node's time of day in microseconds, as far as it is known: what keeps a clock of ours
    /// that is wrong by years from using up the fencing tokens.
    fn time_of_day(&self) -> Option<u64> {
        None
    }

    /// Whether the node tells those who [watch](Acquire::watch). Where it does not, whoever waits
    /// asks more often.
    fn notifies(&self) -> bool {
        false
    }

    /// The smoothed time from sending a command to its answer, once there was one.
    fn round_trip(&self) -> Option<Duration> {
        None
    }
}

impl<N: Node + ?Sized> Node for Arc<N> {
    fn name(&self) -> Arc<str> {
        (**self).name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        (**self).open(options)
    }
}
