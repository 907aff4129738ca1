//! Why a manager could not be made.

use std::sync::Arc;
use std::time::Duration;

use crate::error::invalid::InvalidRequest;
use crate::error::node::{Causes, NodeFailure};

/// Options that contradict each other or make no sense.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A lock needs nodes.
    #[error("no nodes are configured")]
    NoNodes,
    /// One node was configured twice. It would have two votes.
    #[error("{node} is configured twice")]
    DuplicateNode {
        /// Its name.
        node: Arc<str>,
    },
    /// A node's address cannot be understood. The address itself is not repeated: it may hold a
    /// password.
    #[error("nodes[{index}] has no valid address: {reason}")]
    Address {
        /// The position of the node, from 0.
        index: usize,
        /// What is wrong with it.
        reason: Arc<str>,
    },
    /// The default ttl cannot be used.
    #[error(transparent)]
    Ttl(InvalidRequest),
    /// `max_ttl` is beyond what a server can count.
    #[error("a max_ttl of {max_ttl:?} is beyond what servers can count")]
    MaxTtl {
        /// What was asked for.
        max_ttl: Duration,
    },
    /// The drift factor must be at least 0 and below 1.
    #[error("a drift factor of {factor} is not in 0..1")]
    DriftFactor {
        /// What was asked for.
        factor: f64,
    },
    /// `retry_count` counts rounds, and there must be one.
    #[error("retry_count must be at least 1")]
    RetryCount,
    /// The node timeout must not be zero.
    #[error("node_timeout must not be zero")]
    NodeTimeout,
    /// `token_durability` asks for more nodes than there are.
    #[error("a token_durability of {durability} needs as many nodes, and there are {nodes}")]
    TokenDurability {
        /// What was asked for.
        durability: usize,
        /// The number of configured nodes.
        nodes: usize,
    },
    /// Counters would be gone before the leases are.
    #[error("a fence_retention of {retention:?} is below twice the max_ttl of {max_ttl:?}")]
    FenceRetention {
        /// What was asked for.
        retention: Duration,
        /// The manager's `max_ttl`.
        max_ttl: Duration,
    },
    /// An environment variable is missing or cannot be understood.
    #[error("{variable}: {reason}")]
    Environment {
        /// The name of the variable.
        variable: &'static str,
        /// What is wrong with it.
        reason: Arc<str>,
    },
}

/// Why [`Redlock::connect`](crate::Redlock::connect) did not end with a usable manager.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The options make no sense, and nothing was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Fewer nodes than a quorum are usable.
    #[error(
        "no quorum: {usable} of {nodes} nodes are usable, {needed} needed{}",
        Causes(failures)
    )]
    NoQuorum {
        /// The number of usable nodes.
        usable: u16,
        /// The number a quorum needs.
        needed: u16,
        /// The number of configured nodes.
        nodes: u16,
        /// Every failed node, with its cause.
        failures: Arc<[NodeFailure]>,
    },
    /// Two addresses lead to the same server, which would have two votes.
    #[error("{first} and {second} are the same server")]
    SameServer {
        /// One address.
        first: Arc<str>,
        /// The other.
        second: Arc<str>,
    },
    /// `connect` was polled outside a Tokio runtime.
    #[error("connections are made inside a tokio runtime")]
    NoRuntime,
}

/// A manager was already installed for the process; it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a manager is already installed for this process")]
pub struct AlreadyInstalled;
