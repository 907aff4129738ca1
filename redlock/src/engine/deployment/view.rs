//! The latest sight of one node.

use std::sync::Arc;

use crate::engine::deployment::record::{IdentityRecord, RecordState};
use crate::error::NodeError;
use crate::node::Identified;
use crate::time::clock::Moment;

/// The latest sight of a node.
#[derive(Debug, Default)]
pub(super) enum View {
    /// The node has not been identified since its last change.
    #[default]
    Pending,
    /// The node cannot be identified. Repeated later, or when it has a new connection.
    Failed(NodeError, Moment),
    Seen(Sighting),
}

/// The identity of a node, as it was read.
#[derive(Debug)]
pub(super) struct Sighting {
    /// The number of this reading, in the order of sending.
    pub(super) number: u64,
    /// When the response was read.
    pub(super) at: Moment,
    /// The version of the node's record. It is out of date once the node has another.
    pub(super) version: u64,
    /// The number of the connection.
    pub(super) connection: u64,
    pub(super) identified: Identified,
    pub(super) content: Content,
}

/// What was read as the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// There is none: the node is new, or has lost its data.
    Absent,
    /// The user may not read it.
    Denied,
    /// The key holds something else.
    Foreign,
    Record(IdentityRecord),
}

impl View {
    pub(super) fn seen(&self) -> Option<&Sighting> {
        match self {
            Self::Seen(sighting) => Some(sighting),
            _ => None,
        }
    }

    /// The record, if there is one.
    pub(super) fn record(&self) -> Option<&IdentityRecord> {
        match &self.seen()?.content {
            Content::Record(record) => Some(record),
            _ => None,
        }
    }

    /// Whether the node takes no part in the forming: its record cannot be read, or it needs none.
    pub(super) fn is_neutral(&self) -> bool {
        self.seen().is_some_and(|sighting| {
            sighting.content == Content::Denied || sighting.identified.last_loss.is_some()
        })
    }

    /// The record of a deployment that was formed.
    pub(super) fn complete(&self) -> Option<&IdentityRecord> {
        self.record()
            .filter(|record| record.state == RecordState::Complete)
    }

    /// The record of a deployment that is being formed.
    pub(super) fn forming(&self) -> Option<&IdentityRecord> {
        self.record()
            .filter(|record| record.state == RecordState::Forming)
    }
}

impl Sighting {
    /// Whether what was read shows a restart, and the end of a quarantine.
    pub(super) fn is_verifiable(&self) -> bool {
        self.identified.run_id.is_some() && self.identified.time > 0
    }

    /// The text that was read as the record.
    pub(super) fn text(&self) -> Option<&Arc<str>> {
        self.identified.record.as_ref().ok()?.as_ref()
    }

    /// Whether this and `other` are one server under two names.
    ///
    /// Every record is written once, so the same text was read from the same server. A copy of the
    /// data on another server is recognized by its run id.
    pub(super) fn is_same_server(&self, other: &Self) -> bool {
        match (&self.identified.run_id, &other.identified.run_id) {
            (Some(run_id), Some(other)) => run_id == other,
            _ => self.text().is_some() && self.text() == other.text(),
        }
    }
}

impl Content {
    pub(super) fn of(identified: &Identified) -> Self {
        match &identified.record {
            Ok(None) => Self::Absent,
            Ok(Some(text)) => IdentityRecord::parse(text).map_or(Self::Foreign, Self::Record),
            Err(_) => Self::Denied,
        }
    }
}
