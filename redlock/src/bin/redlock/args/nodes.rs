//! The options that concern the nodes.

use std::time::Duration;

use crate::args::times::duration;

/// The options that concern the nodes.
#[derive(Debug, clap::Args)]
pub(crate) struct NodeArgs {
    /// URL of a node; repeat for each node
    ///
    /// All processes that share a lock need the same nodes. Keep passwords in REDLOCK_NODES: other
    /// users can see the arguments of a command.
    ///
    /// [default: the URLs in REDLOCK_NODES, separated by commas, or redis://localhost:6379/0]
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Vec<String>,

    /// Prefix of every key on the servers [default: the text in REDLOCK_KEY_PREFIX, or none]
    #[arg(long, value_name = "TEXT")]
    pub(crate) key_prefix: Option<String>,

    /// How long to wait for one node's response, such as 200ms
    ///
    /// [default: the duration in REDLOCK_NODE_TIMEOUT, or depends on the validity]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) node_timeout: Option<Duration>,
}
