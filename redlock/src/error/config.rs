//! Errors of building and connecting a manager.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::error::invalid::InvalidRequest;
use crate::error::node::{Causes, NodeFailure};

/// An invalid option, or options that contradict each other. Nothing was connected.
///
/// It is a mistake in the configuration: correct the option that the message names.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No nodes are configured. Add at least one; three tolerate the failure of one.
    #[error("no nodes are configured: a lock needs at least one")]
    NoNodes,
    /// One node is configured twice. It would have two votes: configure independent servers.
    #[error("{node} is configured twice: configure independent servers")]
    DuplicateNode {
        /// Its name.
        node: Arc<str>,
    },
    /// The address of a node is invalid.
    #[error("nodes[{index}] has an invalid address, `{address}`: {reason}")]
    Address {
        /// The position of the node, from 0.
        index: usize,
        /// The address. Credentials, options and parts that are not valid are replaced by `***`.
        address: Arc<str>,
        /// What is wrong with the address.
        reason: Arc<str>,
    },
    /// The default ttl is invalid.
    #[error(transparent)]
    Ttl(InvalidRequest),
    /// `max_ttl` is longer than any lease should be.
    #[error("max_ttl is {max_ttl:?}, but must be at most {max:?} (50 years)")]
    MaxTtl {
        /// The configured `max_ttl`.
        max_ttl: Duration,
        /// The maximum.
        max: Duration,
    },
    /// The drift factor is not at least 0 and below 1.
    #[error("drift_factor is {factor}, but must be at least 0 and below 1")]
    DriftFactor {
        /// The configured drift factor.
        factor: f64,
    },
    /// `retry_count` is 0. It counts the first round too.
    #[error("retry_count is 0, but must be at least 1")]
    RetryCount,
    /// The node timeout is shorter than any response takes.
    #[error("node_timeout is {node_timeout:?}, but must be at least {min:?}")]
    NodeTimeout {
        /// The configured `node_timeout`.
        node_timeout: Duration,
        /// The minimum.
        min: Duration,
    },
    /// `token_durability` is larger than the number of nodes.
    #[error("token_durability is {durability}, but only {nodes} nodes are configured")]
    TokenDurability {
        /// The configured `token_durability`.
        durability: usize,
        /// The number of configured nodes.
        nodes: usize,
    },
    /// `fence_retention` is below twice the `max_ttl`. Counters could expire before leases do.
    #[error(
        "fence_retention is {retention:?}, but must be at least twice the max_ttl of {max_ttl:?}"
    )]
    FenceRetention {
        /// The configured `fence_retention`.
        retention: Duration,
        /// The manager's `max_ttl`.
        max_ttl: Duration,
    },
    /// A [file of nodes](crate::RedlockBuilder::nodes_file) cannot be read, or its content is invalid.
    #[error("{}: {reason}", path.display())]
    NodesFile {
        /// The path of the file.
        path: Arc<Path>,
        /// What is wrong with it.
        reason: Arc<str>,
    },
    /// The `label` is too long.
    #[error("label has {len} bytes, but must have at most {max}")]
    Label {
        /// Its length in bytes.
        len: usize,
        /// The maximum.
        max: usize,
    },
    /// An environment variable is missing, invalid or unknown.
    #[error("{variable}: {reason}")]
    Environment {
        /// The name of the variable.
        variable: Arc<str>,
        /// What is wrong with it.
        reason: Arc<str>,
    },
}

impl ConfigError {
    /// Sets the position of a node whose address is invalid.
    pub(crate) fn at(mut self, position: usize) -> Self {
        if let Self::Address { index, .. } = &mut self {
            *index = position;
        }
        self
    }
}

/// An error of [`Redlock::connect`](crate::Redlock::connect).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The options are invalid. Nothing was sent.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Fewer nodes than a quorum are usable. Check the nodes in `failures`, or try again later.
    #[error(
        "no quorum: {usable} of {nodes} nodes are usable, {needed} needed{}",
        Causes(failures)
    )]
    NoQuorum {
        /// The number of usable nodes.
        usable: u16,
        /// The number of nodes that a quorum needs.
        needed: u16,
        /// The number of configured nodes.
        nodes: u16,
        /// Each failed node, with its cause.
        failures: Arc<[NodeFailure]>,
    },
    /// Two addresses lead to the same server, which would have two votes. Configure independent
    /// servers.
    #[error("{first} and {second} are the same server: configure independent servers")]
    SameServer {
        /// One address.
        first: Arc<str>,
        /// The other address.
        second: Arc<str>,
    },
    /// `connect` was polled outside a Tokio runtime, or in one without timers.
    #[error("no Tokio runtime: await the connection inside one, with timers enabled")]
    NoRuntime,
}

/// A manager was already installed for the process, and stays installed.
///
/// Call [`install_global`](crate::Redlock::install_global) once, in `main`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a manager is already installed for this process: call install_global once")]
pub struct AlreadyInstalled;
