//! The options of a manager, for tools that report them.

use std::sync::Arc;
use std::time::Duration;

use crate::manager::Redlock;
use crate::node::Node;
use crate::quorum::Quorum;

impl Redlock {
    /// The nodes, in the order of configuration.
    ///
    /// A tool may send commands to one of them through a [session](Node::open) of its own. Such commands
    /// bypass the quorum and the [identity record](crate::guide::operations#the-identity-record).
    #[must_use]
    pub fn configured_nodes(&self) -> &[Arc<dyn Node>] {
        &self.node_set().nodes
    }

    /// The number of nodes that must grant a lock: a majority, or
    /// [`token_durability`](crate::RedlockBuilder::token_durability) if that is more.
    #[must_use]
    pub fn needed_nodes(&self) -> usize {
        let quorum = Quorum::of(self.node_set().nodes.len());
        quorum.at_least(self.config().token_durability()).needed()
    }

    /// The [ttl](crate::RedlockBuilder::ttl) of requests that set no other.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.config().ttl
    }

    /// The longest [ttl](crate::RedlockBuilder::max_ttl) that a request may have.
    #[must_use]
    pub fn max_ttl(&self) -> Duration {
        self.config().max_ttl
    }

    /// How long one node may take for a lock with the default ttl: the configured
    /// [node timeout](crate::RedlockBuilder::node_timeout), or one that is adapted to the slowest node.
    #[must_use]
    pub fn node_timeout(&self) -> Duration {
        let ttl = self.config().ttl;
        self.engine().map_or_else(
            |_| self.config().node_timeout(ttl, || None),
            |engine| engine.node_timeout(ttl),
        )
    }

    /// The [prefix](crate::RedlockBuilder::key_prefix) of every key.
    #[must_use]
    pub fn key_prefix(&self) -> &str {
        &self.config().key_prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_manager_knows_its_options() {
        let second = Duration::from_secs(1);
        let builder = Redlock::builder().nodes(crate::MemoryNode::cluster::<5>());
        let builder = builder
            .ttl(2 * second)
            .node_timeout(second)
            .key_prefix("a:");
        let redlock = builder.clone().build().unwrap();
        assert_eq!(redlock.configured_nodes().len(), 5);
        assert_eq!((redlock.needed_nodes(), redlock.ttl()), (3, 2 * second));
        assert_eq!(redlock.max_ttl(), 60 * second);
        assert_eq!(redlock.node_timeout(), second / 2, "a quarter of the ttl");
        assert_eq!(redlock.key_prefix(), "a:");
        let durable = builder.token_durability(4).build().unwrap();
        assert_eq!(durable.needed_nodes(), 4);
    }
}
