//! The identity of a node, and the record in which managers keep what they know about it.

use std::sync::Arc;
use std::time::Duration;

use crate::error::NodeError;
use crate::node::responder::Responder;
use crate::node::watch::Watch;
use crate::time::clock::Moment;

/// Reads the identity of a node and its record, and may change the record.
///
/// The record is text that managers write and nodes do not interpret. A node that loses its data
/// loses the record too: that is what the record is for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Identify {
    /// The key of the record.
    pub key: Arc<[u8]>,
    /// The change to make. `None` only reads.
    pub change: Option<RecordChange>,
    /// The watch to notify when the record changes or disappears, from the reading on.
    pub watch: Option<Watch>,
    /// Receives the identity, with the record after the change.
    pub responder: Responder<Identified>,
    /// Whether the server refused to track the record.
    pub(crate) is_tracked: bool,
}

/// A change of a record, made only if nothing has changed since the record was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordChange {
    /// The record that must be there; `None`: there must be none.
    pub expected: Option<Arc<str>>,
    /// The run id that the node must have, as it reported it before.
    pub run_id: Option<Arc<str>>,
    /// The new record. It never expires.
    pub record: Arc<str>,
}

/// The identity of a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identified {
    /// An id that no other process has, if the node reports one.
    pub run_id: Option<Arc<str>>,
    /// How long the process has been running, if the node reports it.
    pub uptime: Option<Duration>,
    /// The node's clock in microseconds.
    pub time: u64,
    /// Whether a restart of the node loses nothing that it has confirmed.
    pub is_durable: bool,
    /// When the node last lost its data, if it knows. Only a node in this process can. Such a node
    /// needs no record of the managers: what it reports as its record changes with each loss.
    pub last_loss: Option<LastLoss>,
    /// The record; an error if the user may not access it.
    pub record: Result<Option<Arc<str>>, NodeError>,
    /// Whether the [watch](Identify::watch) is notified, without exception, before the response to
    /// any later command that was carried out after the record changed.
    pub is_tracked: bool,
}

/// When a node last lost its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "a node has lost data at some time, or never"
)]
pub enum LastLoss {
    /// It has never lost any.
    Never,
    /// At this moment.
    At(Moment),
}

/// The record that an acquire relies on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordCheck {
    /// The key of the record.
    pub key: Arc<[u8]>,
    /// The record as it was read; `None`: there was none.
    pub expected: Option<Arc<str>>,
}

impl Identify {
    /// Reads the identity, and the record at `key`.
    #[must_use]
    pub fn new(key: Arc<[u8]>, responder: Responder<Identified>) -> Self {
        Self {
            key,
            change: None,
            watch: None,
            responder,
            is_tracked: false,
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
    /// Replaces `expected` by `record`, if the node still has the run id.
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
    /// Creates the identity of a node about which nothing is known but its clock and its record.
    #[must_use]
    pub fn new(time: u64, record: Result<Option<Arc<str>>, NodeError>) -> Self {
        Self {
            run_id: None,
            uptime: None,
            time,
            is_durable: false,
            last_loss: None,
            record,
            is_tracked: false,
        }
    }
}

impl RecordCheck {
    /// Requires the record at `key` to be `expected`.
    #[must_use]
    pub fn new(key: Arc<[u8]>, expected: Option<Arc<str>>) -> Self {
        Self { key, expected }
    }
}
