//! The contract of a node, and its two implementations.
//!
//! A node has one vote in the quorum of a manager. [`RedisNode`] is a Redis or Valkey master.
//! [`MemoryNode`] lives in this process. Both pass the same conformance suite.
//!
//! A custom node implements [`Node`] and [`Session`]. So does a wrapper that observes or disturbs
//! another node in a test.

mod acquire;
mod adopt;
pub(crate) mod command;
mod encoded;
mod extend;
mod facts;
mod health;
pub(crate) mod identity;
pub(crate) mod into_node;
pub(crate) mod keys;
mod memory;
mod rearm;
mod redis;
mod release;
mod responder;
mod response;
mod session;
pub(crate) mod session_group;
mod waiter;
pub(crate) mod watch;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::acquire::{Acquire, AcquireTerms, Fence};
pub use self::adopt::Adopt;
pub use self::command::{Command, Inspect, Ping, Raise};
pub use self::extend::{Extend, ExtendTerms};
pub(crate) use self::facts::CLOCK_LIMIT;
pub use self::facts::{ClockOffset, Fsync, NodeDeployment, NodeRole, Persistence};
pub use self::health::{NodeHealth, NodeReport, NodeWarning};
pub use self::identity::{Identified, Identify, LastLoss, RecordChange, RecordCheck};
pub(crate) use self::keys::{HashedKey, HashedMap};
pub use self::keys::{Keys, NoKeys};
pub use self::memory::{Fault, MemoryNode};
pub use self::rearm::Rearm;
pub use self::redis::RedisNode;
pub use self::release::{Release, ReleaseTerms};
pub use self::responder::{NodeResult, Responder, ResponseSink};
pub use self::response::{
    Adopted, Extension, Identity, Raised, Rearmed, Record, Removal, Snapshot, Stamp, Vote,
};
pub use self::session::{SessionEvents, SessionObserver, SessionOptions};
pub use self::waiter::{Leave, Look, Sight, Waiter};
pub use self::watch::{Watch, Watcher};
pub use crate::time::clock::Moment;

/// One vote among the nodes of a manager.
///
/// # Contract
///
/// A node stores keys:
///
/// - *Acquire* sets a key that does not exist to a lease id. The key expires after the ttl.
/// - *Extend* postpones the expiry of a key that holds the given id, and never brings it forward.
/// - *Rearm* sets keys that do not exist, as an acquire does, and extends those that hold the given
///   id. It leaves every key alone if one of them holds another value.
/// - *Adopt* changes the value of a key from the given id to another, and leaves its expiry. The
///   former id is remembered for a while: its extensions find the key
///   [contested](Extension::Contested), for as long as the key holds that other id.
/// - *Release* deletes a key that holds the given id, or [returns](Release::return_to) it after a
///   failed adoption.
///
/// A key that holds another value is never changed. An expired key does not exist. Each key is
/// checked and changed in one atomic step. With [several keys](Keys), acquire, extend, rearm and
/// adopt apply to all of them or to none, and release deletes those that hold the given id.
///
/// A node stores a counter for each key, from which fencing tokens are made: see [`Fence`] and
/// [`Raise`]. A counter outlives its key and never decreases. The counter of a single key may move
/// in a step of its own, after the key was set. A refused acquire may move it too, and prolong its
/// retention.
///
/// A node may keep a *waiting list* for each key. It is a hint, and no exclusion rests on it:
///
/// - An acquire with a [waiter](Acquire::waiter) that is refused joins the list of the key that is in
///   the way. The list is ordered by the time at which its waiters began to wait.
/// - When a key is released, the first waiter leaves the list and is [hinted](Watch::hint). For about
///   10 ms, the node refuses all others. A waiter that is gone is skipped.
/// - [`Leave`] removes a waiter. If it was the hinted one, the next waiter is hinted.
///
/// A node may keep a [label](ExtendTerms::label) beside each key. It is a text for people, and decides nothing.
///
/// A node keeps one [record](Identify) for the managers, as text that it does not interpret, and
/// loses it when it loses keys. A node that reports its [losses](Identified::last_loss) needs no
/// record. A node that does neither never gets a vote.
///
/// Commands reach a node through a [`Session`], which keeps their order.
pub trait Node: fmt::Debug + Send + Sync + 'static {
    /// Returns the node's name in reports and errors: its address, without credentials.
    fn name(&self) -> Arc<str>;

    /// Opens a session. Returns at once; the session connects in the background.
    fn open(&self, options: SessionOptions) -> Arc<dyn Session>;
}

/// An ordered connection to one node.
///
/// # Contract
///
/// - Commands for the same key take effect in the order in which they were submitted. A release is
///   queued behind the acquire, rearm or adopt that it undoes, so it never overtakes that command.
///   Commands for different keys have no order: a release may move ahead of them.
/// - A server may reject a command, for lack of a script or a permission. A session may then send
///   it again in another form, behind later commands. It does not send an acquire, rearm or adopt
///   again that was released meanwhile: see [`Responder::is_wanted`].
/// - A command gets at most one response, and the response is true. An `Err` for which
///   [`NodeError::is_sent`](crate::NodeError::is_sent) is false promises that the command took no
///   effect and never will. A node that hangs may never respond, so the caller sets a time limit.
/// - A release is kept until it was carried out or its [`gone_by`](Release::gone_by) has passed, also
///   across lost connections. It takes effect after every acquire, rearm and adopt that was submitted
///   before it.
/// - While there is no connection, every command fails at once. A release that is kept also gets
///   this error.
/// - A session responds to [`Identify`]. It keeps the promise of
///   [`is_tracked`](Identified::is_tracked), or responds with `false` there.
/// - Each time commands can be carried out again after they could not, the session reports it to
///   its [events](SessionOptions::events), if it has any. So it does when the node may have lost
///   data or may be another process. Without that, a loss can go unnoticed, and a lease regains the
///   node only at its next extension.
/// - A session with [events](SessionOptions::events) does not send an acquire over a later
///   connection than the one that it had when the acquire was submitted. It reports the new
///   connection first, and then fails the acquire as
///   [`Reconnected`](crate::NodeErrorKind::Reconnected). The manager identifies the node again, and
///   submits the acquire anew. The session may fail an earlier [`Identify`] in the same way.
/// - No lock is held while a [`Responder`] sends: the receiver may submit the next command.
pub trait Session: fmt::Debug + Send + Sync + 'static {
    /// Queues a command. Never blocks. May be called on any thread, inside or outside a runtime.
    fn submit(&self, command: Command);

    /// Returns the health of the node.
    fn report(&self) -> NodeReport;

    /// Returns the node's time of day in microseconds, if it is known.
    ///
    /// It keeps a local clock that is wrong by years from exhausting the fencing tokens.
    fn time_of_day(&self) -> Option<u64> {
        None
    }

    /// Whether the node notifies watches of changes: those of [looks](Look::watch) and of
    /// [holders](Extend::watch). If it does not, a holder notices at its next extension that a key is
    /// gone.
    fn notifies(&self) -> bool {
        false
    }

    /// Whether hints reach the [waiters](Acquire::waiter) of this session. If they do not, waiters
    /// poll.
    fn hints(&self) -> bool {
        false
    }

    /// Returns the smoothed time from sending a command to its response, after the first response.
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
