//! The facts that a handshake has found out so far.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deadpool_redis::redis::Value;

use crate::error::NodeError;
use crate::node::redis::connect::client::Client;
use crate::node::redis::connect::ready_connection::{FailedHandshake, ReadyConnection};
use crate::node::redis::connect::rights::Rights;
use crate::node::redis::connect::server_facts::ServerFacts;
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::redis::protocol::dialect::Dialect;
use crate::node::redis::protocol::script::LuaScript;
use crate::node::redis::protocol::server_info::ServerInfo;
use crate::node::redis::protocol::server_kind::ServerKind;
use crate::node::redis::protocol::waiting::WaitingForm;
use crate::node::redis::wire::Wire;
use crate::node::{ClockOffset, Identity};

/// Facts from the responses so far. A field is empty until a response fills it.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) info: Option<ServerInfo>,
    pub(super) client: Option<Client>,
    /// The kind, if the server says anything about it.
    pub(super) kind: Option<ServerKind>,
    pub(super) time: Option<u64>,
    pub(super) clock_offset: Option<ClockOffset>,
    /// The time from sending the handshake to its responses.
    pub(super) round_trip: Duration,
    /// What the clock of this process showed when the responses were there.
    pub(super) received: Option<SystemTime>,
    pub(super) delete: Option<CompareDelete>,
    pub(super) rights: Rights,
    /// Whether the server has loaded a script.
    pub(super) loads_scripts: bool,
    /// The scripts that it lacks, if it loads any.
    pub(super) missing_scripts: Vec<&'static LuaScript>,
    /// The response to the `KILL` of the previous connection.
    pub(super) killed: Option<Value>,
    pub(super) supports_push: bool,
    /// The rules that would allow what the server refused.
    pub(super) missing_rights: Vec<Arc<str>>,
    /// The reason why the server cannot be used yet.
    pub(super) refusal: Option<NodeError>,
}

impl Draft {
    pub(super) fn identity(&self) -> Identity {
        let info = self.info.as_ref();
        info.map(ServerInfo::identity).unwrap_or_default()
    }

    /// Keeps what shows that the server is no master, and refuses it.
    pub(super) fn learn_kind(&mut self, kind: Option<ServerKind>) {
        let Some(kind) = kind else { return };
        self.refuse(kind.refusal());
        if self.kind.is_none_or(|known| known == ServerKind::Master) {
            self.kind = Some(kind);
        }
    }

    /// Keeps the first reason why the server cannot be used.
    pub(super) fn refuse(&mut self, reason: Option<NodeError>) {
        self.refusal = self.refusal.take().or(reason);
    }

    /// Returns the reason why the server cannot be used, if there is one.
    pub(super) fn refusal(&self) -> Option<NodeError> {
        let is_replica = self.rights.show_a_replica();
        let replica = || is_replica.then(|| ServerKind::Replica.refusal()).flatten();
        let refusal = self.refusal.clone().or_else(replica);
        refusal.or_else(|| self.rights.refusal())
    }

    pub(super) fn into_ready(
        self,
        wire: Wire,
        previous: Option<&Client>,
    ) -> Result<ReadyConnection, FailedHandshake> {
        let replica = self.rights.show_a_replica().then_some(ServerKind::Replica);
        let kind = replica.or(self.kind);
        let rights = self.missing_rights.clone();
        let facts = ServerFacts::new(self.info.as_ref(), kind, self.clock_offset, rights);
        let facts = Arc::new(facts);
        if let Some(cause) = self.refusal() {
            let facts = Some(facts);
            return Err(FailedHandshake { cause, facts });
        }
        let identity = self.identity();
        Ok(ReadyConnection {
            wire,
            supports_push: self.supports_push,
            client: self.client,
            previous_is_settled: previous
                .zip(self.killed.as_ref())
                .is_some_and(|(previous, it)| previous.is_settled_by(it, &identity)),
            identity,
            dialect: Dialect {
                delete: self.delete,
                scripts: self.rights.script_calls(),
                waiting: WaitingForm::default(),
                is_clustered: false,
                labels_are_denied: false,
            },
            time: self.time,
            facts,
        })
    }
}
