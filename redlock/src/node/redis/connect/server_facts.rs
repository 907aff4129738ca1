//! The facts about a server that a handshake finds, for the report of its node.

use std::sync::Arc;
use std::time::Duration;

use crate::node::redis::protocol::server_info;
use crate::node::redis::protocol::server_info::ServerInfo;
use crate::node::redis::protocol::server_kind::ServerKind;
use crate::node::{ClockOffset, NodeReport, NodeRole, NodeWarning, Persistence};
use crate::time::clock::Moment;

/// What a handshake found out about a server, also if the server was refused.
#[derive(Debug)]
pub(crate) struct ServerFacts {
    /// Name and version of the server.
    server: Option<Arc<str>>,
    role: Option<NodeRole>,
    persistence: Option<Persistence>,
    eviction: Option<Arc<str>>,
    replicas: Option<u32>,
    run_id: Option<Arc<str>>,
    clock_offset: Option<ClockOffset>,
    /// How long the server had been running at this moment.
    uptime: Option<(Duration, Moment)>,
    /// The rules that would allow what the handshake was refused.
    pub(crate) missing_rights: Vec<Arc<str>>,
    pub(crate) warnings: Vec<NodeWarning>,
}

impl ServerFacts {
    pub(crate) fn new(
        info: Option<&ServerInfo>,
        kind: Option<ServerKind>,
        clock_offset: Option<ClockOffset>,
        missing_rights: Vec<Arc<str>>,
    ) -> Self {
        let uptime = info.and_then(ServerInfo::uptime);
        Self {
            server: info.and_then(ServerInfo::server),
            role: kind.map(ServerKind::role),
            persistence: info.and_then(|info| info.persistence(None)),
            eviction: info.and_then(ServerInfo::eviction),
            replicas: info.and_then(ServerInfo::replicas),
            run_id: info.and_then(|info| info.identity().run_id),
            clock_offset,
            missing_rights,
            uptime: uptime.map(|uptime| (uptime, Moment::now())),
            warnings: server_info::warnings(info),
        }
    }

    /// Describes the server in the report of its node.
    pub(crate) fn describe(&self, report: &mut NodeReport) {
        report.server.clone_from(&self.server);
        report.role = self.role;
        report.persistence = self.persistence;
        report.eviction.clone_from(&self.eviction);
        report.replicas = self.replicas;
        report.run_id.clone_from(&self.run_id);
        report.clock_offset = self.clock_offset;
        report.uptime = self
            .uptime
            .map(|(uptime, read)| uptime.saturating_add(Moment::now().saturating_since(read)));
        report.warnings.clone_from(&self.warnings);
    }
}
