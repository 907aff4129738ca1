//! Making a manager.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::engine::NodeSet;
use crate::error::ConfigError;
use crate::manager::Redlock;
use crate::manager::connect::Connect;
use crate::node::into_node::IntoNode;
use crate::node::{MemoryNode, Node};

/// Options of a manager, then [`build`](Self::build) or [`connect`](Self::connect).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use redlock::Redlock;
///
/// # fn main() -> Result<(), redlock::ConfigError> {
/// let redlock = Redlock::builder()
///     .nodes(["redis://a:6379", "redis://b:6379", "redis://c:6379"])
///     .ttl(Duration::from_secs(10))
///     .key_prefix("billing:")
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until build() or connect()"]
#[derive(Clone, Debug)]
pub struct RedlockBuilder {
    /// The nodes, or the first that could not be made: setters do not fail.
    nodes: Result<Vec<Arc<dyn Node>>, ConfigError>,
    config: Config,
}

impl RedlockBuilder {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Ok(Vec::new()),
            config: Config::default(),
        }
    }

    /// Adds a node: a URL, connection settings, a pool, or a [`Node`].
    ///
    /// Every manager of the same locks needs the same nodes: quorums of different sets of nodes
    /// need not meet. Use an odd number of at least three; an even number tolerates no more
    /// failures than one less.
    pub fn node(mut self, node: impl IntoNode) -> Self {
        if let Ok(nodes) = &mut self.nodes {
            match node.into_node() {
                Ok(node) => nodes.push(node),
                Err(ConfigError::Address { reason, .. }) => {
                    self.nodes = Err(ConfigError::Address {
                        index: nodes.len(),
                        reason,
                    });
                }
                Err(error) => self.nodes = Err(error),
            }
        }
        self
    }

    /// Adds nodes.
    pub fn nodes(self, nodes: impl IntoIterator<Item = impl IntoNode>) -> Self {
        nodes.into_iter().fold(self, Self::node)
    }

    /// How long nodes keep a lock when nothing extends it.
    ///
    /// Default: 30 s. Shorter lets others in sooner after a crash; longer outlives longer pauses.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.config.ttl = ttl;
        self
    }

    /// The longest ttl that is accepted, which bounds how long a crash can block others.
    ///
    /// Default: 60 s.
    pub fn max_ttl(mut self, max_ttl: Duration) -> Self {
        self.config.max_ttl = max_ttl;
        self
    }

    /// How long a request goes on trying.
    ///
    /// Default: 10 s. Whoever wants an answer at once asks with
    /// [`try_lock`](crate::Redlock::try_lock).
    pub fn wait(mut self, wait: Duration) -> Self {
        self.config.wait = wait;
        self
    }

    /// The longest pause after which a request that waits asks again untold; each is drawn at random
    /// from nothing to this, at least a millisecond.
    ///
    /// Where a quorum of nodes tells when a lock may be free, that is what is waited for, and this
    /// is only what is left if messages are lost: pauses are then up to five times as long. With a
    /// [`retry_count`](Self::retry_count) they never are. A request asks at the end of the holder's
    /// lease in any case.
    ///
    /// Default: 200 ms, after which nobody minds a lock that was free for so long; a hundred
    /// processes that wait untold ask a server a thousand times a second.
    pub fn retry_delay(mut self, retry_delay: Duration) -> Self {
        self.config.retry_delay = retry_delay;
        self
    }

    /// The largest number of rounds of one request, the first included. `wait` ends it too: the
    /// first limit reached counts. Behind a guard or a request of the same manager, which it need
    /// not ask the nodes about, a request waits for as long as so many rounds would take.
    ///
    /// Default: none, because `wait` says in time what this says in rounds.
    pub fn retry_count(mut self, retry_count: u32) -> Self {
        self.config.retry_count = Some(retry_count);
        self
    }

    /// How long to wait for one node's answer; at most a quarter of the ttl is used.
    ///
    /// Default: a twentieth of the ttl or four round trips, whichever is longer, between 50 ms
    /// and 1 s. A node that is late costs nothing while a quorum of others answers.
    pub fn node_timeout(mut self, node_timeout: Duration) -> Self {
        self.config.node_timeout = Some(node_timeout);
        self
    }

    /// The part of the ttl by which clocks may run apart while it is counted down; another 2 ms
    /// are always allowed.
    ///
    /// Default: 0.01. Quartz is a thousand times better; a virtual machine may not be.
    pub fn drift_factor(mut self, drift_factor: f64) -> Self {
        self.config.drift_factor = drift_factor;
        self
    }

    /// Whether guards extend themselves in the background.
    ///
    /// Default: true.
    pub fn auto_extend(mut self, auto_extend: bool) -> Self {
        self.config.auto_extend = auto_extend;
        self
    }

    /// The longest time any lock can be held, whatever extends it.
    ///
    /// Default: none. Set it where work that hangs must not lock others out for ever.
    pub fn max_hold(mut self, max_hold: Duration) -> Self {
        self.config.max_hold = Some(max_hold);
        self
    }

    /// Whether every guard gets a fencing token.
    ///
    /// Default: true, because nothing else stops a holder that was paused for longer than its
    /// lease: see [`guarantees`](crate::guarantees#fencing-tokens). Off for locks that only save work: then nothing stays
    /// behind on the servers, and they have half as much to do. All managers of a resource should
    /// agree: a holder without a token is excluded like any other, but does not fence an earlier
    /// holder that is still paused.
    pub fn fencing(mut self, fencing: bool) -> Self {
        self.config.fencing = fencing;
        self
    }

    /// On how many nodes a fencing token must be recorded before the guard is handed out. With
    /// `w` of `n` nodes, tokens stay unique and in order while at most `2 * w - n - 1` nodes lose
    /// their data between two acquisitions.
    ///
    /// Default: a quorum, so that a minority can be down. More is for nodes that lose their data
    /// when they restart; so many nodes must then be up.
    pub fn token_durability(mut self, nodes: usize) -> Self {
        self.config.token_durability = Some(nodes);
        self
    }

    /// How long the servers keep the counter behind the fencing tokens of a resource after it was
    /// last acquired or extended. Beyond that the order of tokens rests on the clocks of managers
    /// being within half of this of the servers'. At least twice `max_ttl`; where managers
    /// differ, the last one to acquire decides.
    ///
    /// Default: 1 h, or twice `max_ttl` if that is more, so that names which are used once do not
    /// pile up.
    pub fn fence_retention(mut self, retention: Duration) -> Self {
        self.config.fence_retention = Some(retention);
        self
    }

    /// What stands before every resource in the keys on the servers.
    ///
    /// Default: nothing, so that this crate and the Redlock libraries of other languages exclude
    /// each other on the same name. A prefix keeps locks apart from data.
    pub fn key_prefix(mut self, key_prefix: impl Into<String>) -> Self {
        self.config.key_prefix = key_prefix.into();
        self
    }

    /// Seeds the random delays, so that a simulation can be replayed. Lease ids are never seeded.
    ///
    /// Default: random.
    pub fn rng_seed(mut self, rng_seed: u64) -> Self {
        self.config.rng_seed = Some(rng_seed);
        self
    }

    /// Makes the manager. Nodes are connected to when they are first needed.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]: what is wrong with a node or an option.
    pub fn build(self) -> Result<Redlock, ConfigError> {
        let nodes = self.nodes?;
        if nodes.is_empty() {
            return Err(ConfigError::NoNodes);
        }
        let names: Arc<[Arc<str>]> = nodes.iter().map(|node| node.name()).collect();
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                return Err(ConfigError::DuplicateNode {
                    node: Arc::clone(name),
                });
            }
        }
        self.config.validate(nodes.len())?;
        Ok(Redlock::new(
            NodeSet {
                nodes: nodes.into(),
                names,
            },
            self.config,
        ))
    }

    /// Makes the manager and connects: `Ok` as soon as a quorum of the nodes is usable.
    ///
    /// # Errors
    ///
    /// As [`Redlock::connect`](crate::Redlock::connect).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the connections made so far are closed.
    pub fn connect(self) -> Connect {
        Connect::new(self.build())
    }
}

impl Redlock {
    /// Starts a manager with options.
    pub fn builder() -> RedlockBuilder {
        RedlockBuilder::new()
    }

    /// Connects to `nodes` with the default options: `Ok` as soon as a quorum of them is usable.
    /// [`builder`](Self::builder) has the options.
    ///
    /// # Errors
    ///
    /// - [`ConnectError::Config`](crate::ConnectError::Config): an address makes no sense, there
    ///   is none, or one stands there twice.
    /// - [`ConnectError::NoQuorum`](crate::ConnectError::NoQuorum): too few nodes are usable.
    /// - [`ConnectError::SameServer`](crate::ConnectError::SameServer): two addresses lead to one
    ///   server.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the connections made so far are closed.
    pub fn connect(nodes: impl IntoIterator<Item = impl IntoNode>) -> Connect {
        Self::builder().nodes(nodes).connect()
    }

    /// A manager over `n` fresh nodes in this process: for tests, examples, and locks among the
    /// tasks of one process. Nothing is spawned, so it can stand in a `static`.
    ///
    /// To disturb the nodes, make them first: [`MemoryNode`].
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[must_use]
    pub fn in_memory(n: usize) -> Self {
        assert!(n > 0, "a lock needs at least one node");
        let nodes = std::iter::repeat_with(MemoryNode::new).take(n);
        let manager = Self::builder().nodes(nodes).build();
        manager.unwrap_or_else(|error| unreachable!("the default options are valid: {error}"))
    }
}
