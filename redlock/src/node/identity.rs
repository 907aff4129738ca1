//! The identity of a node, and the record that managers keep on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::error::NodeError;
use crate::node::facts::Persistence;
use crate::node::responder::Responder;
use crate::node::watch::{Watch, Watcher};
use crate::time::clock::Moment;

/// Reads the identity of a node and its record, and may change the record.
///
/// The record is text that managers write and nodes do not interpret. A node that loses its keys
/// loses the record with them. A manager recognizes the loss by that.
///
/// # Custom nodes
///
/// A node has no vote before it has responded to this command. There are two ways to do so:
///
/// - **Keep the record**, as a server does. The node reports [`run_id`](Identified::run_id),
///   [`time`](Identified::time) and the record, makes [changes](RecordChange) atomically, and loses
///   the record exactly when it loses keys. Without a run id, it is in quarantine for
///   [`max_ttl`](crate::RedlockBuilder::max_ttl) after each new connection.
/// - **Report losses.** The node sets [`last_loss`](Identified::last_loss), stores no record and
///   ignores changes. It has a vote at once, or a `max_ttl` after its last loss. A node that never
///   loses data responds as in the example.
///
/// If it can lose data at all, it either keeps the promise of [`is_tracked`](Identified::is_tracked),
/// or checks [`Acquire::record`](crate::node::Acquire::record).
///
/// # Examples
///
/// ```
/// use redlock::node::{Identified, Identify, LastLoss};
///
/// fn identify(command: Identify) {
///     let mut identified = Identified::new(0, Ok(None));
///     identified.last_loss = Some(LastLoss::Never);
///     command.responder.send(Ok(identified));
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Identify {
    /// The key of the record.
    pub key: Arc<[u8]>,
    /// The change to make. `None` only reads.
    pub change: Option<RecordChange>,
    /// The watch to notify when the record changes or disappears after it was read.
    ///
    /// A node that cannot notify ignores it, and does not set
    /// [`is_tracked`](Identified::is_tracked).
    pub watch: Option<Watch>,
    /// Receives the identity, with the record after the change.
    ///
    /// A change that was not made is no error: the response has the record that was found.
    pub responder: Responder<Identified>,
    /// Whether the server tracks the record for the watch, and its pushes arrive.
    pub(crate) is_tracked: bool,
    /// Set by a push that the reading itself has caused.
    pub(crate) push_probe: Option<Arc<PushProbe>>,
}

/// A change of a record: a compare-and-set.
///
/// The node makes it only if both the record and the run id are those that the manager has read. It
/// compares and writes in one atomic step, which a restart cannot interrupt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordChange {
    /// The record that must be there. `None` if there must be none.
    pub expected: Option<Arc<str>>,
    /// The run id that the node must have. `None` if it reported none.
    pub run_id: Option<Arc<str>>,
    /// The new record. It never expires.
    pub record: Arc<str>,
}

/// The identity of a node, in response to [`Identify`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identified {
    /// The id of the server process, if the node reports one. No other process has had it. A restart
    /// and a failover change it.
    pub run_id: Option<Arc<str>>,
    /// How long the process has been running, if the node reports it.
    pub uptime: Option<Duration>,
    /// The node's clock in microseconds, read in one step with the record. All managers count the
    /// end of a quarantine by it. Not used with [`last_loss`](Self::last_loss).
    /// 0 if it is unknown: quarantines are then counted by the managers' clocks.
    pub time: u64,
    /// Whether a restart of the process loses nothing that it has confirmed. Such a restart leads to
    /// no quarantine.
    pub is_durable: bool,
    /// What the node writes to disk, if it reports that. For reports only.
    pub persistence: Option<Persistence>,
    /// When the node last lost data. `None` if the node cannot know, as a server cannot: it is then
    /// judged by its record.
    ///
    /// A node that sets it is not given a record. What it reports as its record may be any text that
    /// changes with each loss, and stands for it in [`Acquire::record`](crate::node::Acquire::record).
    pub last_loss: Option<LastLoss>,
    /// The record, or `None` if there is none. An error if the user may not access it.
    pub record: Result<Option<Arc<str>>, NodeError>,
    /// Whether the node notifies the [watch](Identify::watch) of every change of the record.
    ///
    /// This is a promise. Take any command that the node carries out after the record was changed,
    /// deleted or lost. The watch is notified before the response to that command is sent, without
    /// exception. A grant that arrives while the watch is silent then proves that the record was
    /// still there. `false` if the node cannot promise it: each acquire then carries the record to
    /// check, in [`Acquire::record`](crate::node::Acquire::record).
    pub is_tracked: bool,
}

/// When a node last lost data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "a node has lost data at some time, or never"
)]
pub enum LastLoss {
    /// The node has never lost data.
    Never,
    /// The node lost data at this moment, at the latest.
    At(Moment),
}

/// The record that an acquire relies on. The node checks it with the acquire, or behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordCheck {
    /// The key of the record.
    pub key: Arc<[u8]>,
    /// The record as it was read. `None` if there was none.
    pub expected: Option<Arc<str>>,
}

/// Whether a push has arrived. A proxy may let commands through, but no pushes.
#[derive(Debug, Default)]
pub(crate) struct PushProbe(AtomicBool);

impl PushProbe {
    pub(crate) fn has_arrived(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Watcher for PushProbe {
    fn key_changed(&self, _node: usize) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Identify {
    /// Creates a command that reads the identity, and the record at `key`.
    #[must_use]
    pub fn new(key: Arc<[u8]>, responder: Responder<Identified>) -> Self {
        Self {
            key,
            change: None,
            watch: None,
            responder,
            is_tracked: false,
            push_probe: None,
        }
    }

    /// Sets the change to make.
    #[must_use]
    pub fn change(mut self, change: impl Into<Option<RecordChange>>) -> Self {
        self.change = change.into();
        self
    }

    /// Sets the watch to notify when the record changes or disappears.
    #[must_use]
    pub fn watch(mut self, watch: impl Into<Option<Watch>>) -> Self {
        self.watch = watch.into();
        self
    }
}

impl RecordChange {
    /// Creates the change from `expected` to `record`, in the process with this run id.
    #[must_use]
    pub fn new(expected: Option<Arc<str>>, run_id: Option<Arc<str>>, record: Arc<str>) -> Self {
        Self {
            expected,
            run_id,
            record,
        }
    }
}

impl Identified {
    /// Creates an identity with only a clock, in microseconds, and a record. A node that reports no
    /// more is in quarantine after each new connection: see [`Identify`].
    #[must_use]
    pub fn new(time: u64, record: Result<Option<Arc<str>>, NodeError>) -> Self {
        Self {
            run_id: None,
            uptime: None,
            time,
            is_durable: false,
            persistence: None,
            last_loss: None,
            record,
            is_tracked: false,
        }
    }
}

impl RecordCheck {
    /// Creates a check that the record at `key` is `expected`.
    #[must_use]
    pub fn new(key: Arc<[u8]>, expected: Option<Arc<str>>) -> Self {
        Self { key, expected }
    }
}
