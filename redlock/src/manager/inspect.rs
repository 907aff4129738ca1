//! Looking without touching: who holds what, and how the nodes are.

use std::sync::Arc;

use crate::manager::Redlock;
use crate::manager::status::Status;
use crate::node::{Command, Inspect, NodeReport, Ping};
use crate::quorum::Quorum;
use crate::quorum::responses;
use crate::quorum::responses::Answers;
use crate::resource::Resource;
use crate::time::validity;

impl Redlock {
    /// Asks the nodes who holds `resource`, without touching it.
    ///
    /// By the time the answer is here it may have changed: this is for operators and dashboards,
    /// not for deciding whether to lock.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn status(&self, resource: impl Into<Resource>) -> Status {
        let resource = resource.into();
        let quorum = Quorum::of(self.members().nodes.len());
        let names = &self.members().names;
        let Ok(engine) = self.engine() else {
            return Status::new(quorum, names, &vec![None; quorum.nodes()]);
        };
        let key = resource.key(&self.config().key_prefix);
        let gather = engine.ask(|reply| {
            Command::Inspect(Inspect {
                key: Arc::clone(&key),
                reply,
            })
        });
        let timeout = engine.node_timeout(self.config().ttl);
        let is_certain = |answers: &Answers<_>| Status::new(quorum, names, answers).is_certain();
        gather.until(timeout, is_certain).await;
        // The other nodes get a moment, so that those that are well are not shown as silent.
        let answers = gather.until(validity::grace(timeout), responses::all).await;
        Status::new(quorum, names, &answers)
    }

    /// How each node is doing, in the order in which they were configured. Nodes that have not
    /// been connected to in this runtime are connected to first.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is changed.
    pub async fn nodes(&self) -> Vec<NodeReport> {
        let Ok(engine) = self.engine() else {
            return Vec::new();
        };
        let gather = engine.ask(|reply| Command::Ping(Ping { reply }));
        let _answers = gather.until(self.config().patience(), responses::all).await;
        engine.reports()
    }
}
