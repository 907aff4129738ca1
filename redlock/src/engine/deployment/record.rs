//! The identity record: what the managers of a deployment know about one node.
//!
//! It is one line of text, so that `GET redlock:node` shows it to an operator:
//!
//! ```text
//! redlock 1 id=4f1c… nodes=3 state=complete run_id=93ab… durable=no max_ttl=60000
//!           quarantined_until=0 quarantine=on stamp=c07e…
//! ```
//!
//! Every write draws a new stamp. No two records are therefore the same text: not on two nodes, and
//! not on one node at two times.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::lease_id::LeaseId;

/// The record of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IdentityRecord {
    /// The id of the deployment, the same on all its nodes.
    pub(super) id: Arc<str>,
    /// The number of nodes.
    pub(super) nodes: usize,
    pub(super) state: RecordState,
    /// The server process that is known to have all its data since this was written.
    pub(super) run_id: Option<Arc<str>>,
    /// Whether a restart of that process loses nothing.
    pub(super) is_durable: bool,
    /// The longest ttl that any manager of the deployment may use.
    pub(super) max_ttl: Duration,
    /// The end of the quarantine in milliseconds of the node's clock; 0 without.
    pub(super) quarantined_until: u64,
    /// Whether a manager takes part that ignores quarantines.
    pub(super) is_ignored: bool,
}

/// How far the deployment has been formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordState {
    /// Not all nodes are known to have the same id. No lock may be granted yet.
    Forming,
    /// All nodes have had this id.
    Complete,
}

/// The text is not a record, or one of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ForeignRecord;

impl IdentityRecord {
    /// Creates the record of a node that is being formed.
    pub(super) fn forming(id: Arc<str>, nodes: usize, max_ttl: Duration) -> Self {
        Self {
            id,
            nodes,
            state: RecordState::Forming,
            run_id: None,
            is_durable: false,
            max_ttl,
            quarantined_until: 0,
            is_ignored: false,
        }
    }

    /// Draws the id of a new deployment.
    pub(super) fn draw_id() -> Arc<str> {
        LeaseId::draw().to_string()[..32].into()
    }

    /// Returns the text to write, with a new stamp.
    pub(super) fn to_text(&self) -> Arc<str> {
        let stamp = &LeaseId::draw().to_string()[..16];
        format!("{self} stamp={stamp}").into()
    }

    /// Reads a record.
    pub(super) fn parse(text: &str) -> Result<Self, ForeignRecord> {
        let fields = text.strip_prefix(PREFIX).ok_or(ForeignRecord)?;
        let field = |name: &str| {
            let mut fields = fields.split(' ');
            fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
        };
        let number = |name| field(name).and_then(|it| it.parse::<u64>().ok());
        let record = || {
            Some(Self {
                id: field("id")?.into(),
                nodes: usize::try_from(number("nodes")?).ok()?,
                state: match field("state")? {
                    "forming" => RecordState::Forming,
                    "complete" => RecordState::Complete,
                    _ => return None,
                },
                run_id: field("run_id").filter(|it| *it != NONE).map(Arc::from),
                is_durable: field("durable")? == "yes",
                max_ttl: Duration::from_millis(number("max_ttl")?),
                quarantined_until: number("quarantined_until")?,
                is_ignored: field("quarantine")? == "off",
            })
        };
        record().ok_or(ForeignRecord)
    }
}

impl fmt::Display for IdentityRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            RecordState::Forming => "forming",
            RecordState::Complete => "complete",
        };
        write!(
            f,
            "{PREFIX}id={} nodes={} state={state} run_id={} durable={} max_ttl={} \
             quarantined_until={} quarantine={}",
            self.id,
            self.nodes,
            self.run_id.as_deref().unwrap_or(NONE),
            if self.is_durable { "yes" } else { "no" },
            self.max_ttl.as_millis(),
            self.quarantined_until,
            if self.is_ignored { "off" } else { "on" },
        )
    }
}

/// The beginning of a record, with the version of its format.
const PREFIX: &str = "redlock 1 ";

/// The run id of a server that does not report one.
const NONE: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> IdentityRecord {
        IdentityRecord {
            state: RecordState::Complete,
            run_id: Some("abc".into()),
            is_durable: true,
            quarantined_until: 7,
            is_ignored: true,
            ..IdentityRecord::forming("id1".into(), 3, Duration::from_secs(60))
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let without_run_id = IdentityRecord {
            run_id: None,
            ..record()
        };
        let forming = IdentityRecord::forming("id2".into(), 5, Duration::from_millis(10));
        for record in [record(), without_run_id, forming] {
            assert_eq!(IdentityRecord::parse(&record.to_text()), Ok(record));
        }
    }

    #[test]
    fn no_two_texts_are_the_same() {
        assert_ne!(record().to_text(), record().to_text());
    }

    #[test]
    fn other_text_is_foreign() {
        let text = record().to_text();
        let other_version = text.replacen("redlock 1", "redlock 2", 1);
        let incomplete = text.replacen("max_ttl", "ttl", 1);
        for foreign in ["", "another type", &other_version, &incomplete] {
            assert_eq!(IdentityRecord::parse(foreign), Err(ForeignRecord));
        }
    }
}
