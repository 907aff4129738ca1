//! The builder of a manager, with the options of all its requests.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::engine::NodeSet;
use crate::error::ConfigError;
use crate::manager::Redlock;
use crate::manager::connect::Connect;
use crate::manager::origin::Origin;
use crate::node::into_node::IntoNode;
use crate::node::{MemoryNode, Node};
use crate::time::validity;

/// The options of a manager, followed by [`build`](Self::build) or [`connect`](Self::connect).
///
/// Servers count whole milliseconds. A fraction of one is rounded up.
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
    /// The nodes, or the error of the first invalid one. Setters do not fail; `build` does.
    nodes: Result<Vec<Arc<dyn Node>>, ConfigError>,
    pub(super) config: Config,
    origin: Origin,
}

impl RedlockBuilder {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Ok(Vec::new()),
            config: Config::default(),
            origin: Origin::default(),
        }
    }

    /// Records that these variables were read, so that errors name them.
    pub(super) fn with_origin(mut self, variables: Vec<&'static str>) -> Self {
        self.origin = Origin::new(variables, &self.config);
        self
    }

    /// Adds a node: a URL, connection settings, a pool, or a [`Node`].
    ///
    /// Configure the same nodes in every manager that uses the same locks: quorums of different
    /// sets of nodes need not overlap. Use an odd number, at least three. An even number tolerates
    /// no more failures than one less.
    pub fn node(mut self, node: impl IntoNode) -> Self {
        if let Ok(nodes) = &mut self.nodes {
            match node.into_node() {
                Ok(node) => nodes.push(node),
                Err(error) => self.nodes = Err(error.at(nodes.len())),
            }
        }
        self
    }

    /// Adds nodes, as [`node`](Self::node) does.
    pub fn nodes(self, nodes: impl IntoIterator<Item = impl IntoNode>) -> Self {
        nodes.into_iter().fold(self, Self::node)
    }

    /// How long the nodes keep a lock that is not extended. At least 10 ms, at most
    /// [`max_ttl`](Self::max_ttl).
    ///
    /// Default: 30 s. A shorter ttl lets others in sooner after a crash. A longer one survives
    /// longer pauses of the holder.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.config.ttl = ttl;
        self
    }

    /// The longest ttl that a request may have, at most 50 years. It bounds how long a crashed holder
    /// can block others.
    ///
    /// Default: 60 s. A node that may have lost locks has [no vote](Self::restart_quarantine) for this
    /// time. `max_ttl` should therefore not be much longer than the longest ttl in use. If managers of
    /// the same nodes differ, the largest `max_ttl` counts for all quarantines.
    pub fn max_ttl(mut self, max_ttl: Duration) -> Self {
        self.config.max_ttl = max_ttl;
        self
    }

    /// How long a request waits for a lock that another owner holds. For an immediate result, use
    /// [`try_lock`](crate::Redlock::try_lock).
    ///
    /// Default: 10 s. A request that fails returns within a bounded time, whatever the holder does.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.config.wait = wait;
        self
    }

    /// Upper bound of the randomized polling interval while waiting (full jitter, at least 1 ms).
    ///
    /// When a quorum of nodes [hints waiters](crate::guide::waiting), polling is only a fallback. The
    /// first interval is then drawn from the upper half below five times this. It doubles with each
    /// poll, up to 5 s or to that bound, whichever is longer. With a
    /// [`retry_count`](Self::retry_count) each pause is between half and the whole of this. A request
    /// near the front also polls when the holder's lease ends, as far as the nodes reported it.
    ///
    /// Default: 200 ms. At this setting 100 polling processes cost each server about 1,000 requests
    /// per second.
    pub fn retry_delay(mut self, retry_delay: Duration) -> Self {
        self.config.retry_delay = retry_delay.min(validity::MAX_RETRY_DELAY);
        self
    }

    /// The maximum number of rounds of one request, including the first. At least 1.
    ///
    /// A round counts if a pause has run out before it. Rounds that hints, notifications or the end of
    /// a lease lead to are extra: they come sooner, and leave the pause as it is. The time of a request
    /// is therefore that of its pauses and its last round, however often the lock changes hands.
    ///
    /// The request ends at this limit or after [`wait`](Self::wait), whichever comes first. Behind
    /// a guard or a request of the same manager it does not contact the nodes. It then waits for at
    /// most as long as that many rounds would take.
    ///
    /// Default: none. `wait` limits the same thing, in time instead of rounds.
    pub fn retry_count(mut self, retry_count: u32) -> Self {
        self.config.retry_count = Some(retry_count);
        self
    }

    /// How long to wait for the response of one node. At least 1 ms. At most a quarter of the ttl is
    /// used.
    ///
    /// Default: a twentieth of the ttl or four round trips, whichever is longer, between 50 ms
    /// and 1 s. A late node costs almost nothing while a quorum of the others responds.
    pub fn node_timeout(mut self, node_timeout: Duration) -> Self {
        self.config.node_timeout = Some(node_timeout);
        self
    }

    /// The fraction of the ttl by which clocks may drift apart while it is counted down. Another
    /// 2 ms are always allowed for.
    ///
    /// At least 0. What remains of the ttl must last until the first extension, so the fraction is
    /// below 0.61. Without [`auto_extend`](Self::auto_extend), more than a quarter of the ttl must
    /// remain. A request with a short ttl is checked in the same way.
    ///
    /// Default: 0.01. A quartz clock is a thousand times better, but a virtual machine may not be.
    pub fn drift_factor(mut self, drift_factor: f64) -> Self {
        self.config.drift_factor = drift_factor;
        self
    }

    /// Whether guards extend their lease in the background, about every third of the ttl.
    ///
    /// Default: true. The lock then lasts as long as the guard, even if the work takes longer than
    /// the ttl.
    pub fn auto_extend(mut self, auto_extend: bool) -> Self {
        self.config.auto_extend = auto_extend;
        self
    }

    /// The maximum time for which a lock can be held, however often it is extended. At least 10 ms.
    ///
    /// Default: none. Set it where work that hangs must not lock others out for ever.
    pub fn max_hold(mut self, max_hold: Duration) -> Self {
        self.config.max_hold = Some(max_hold);
        self
    }

    /// Whether every guard gets a fencing token.
    ///
    /// Turn tokens off for locks that only save work. Nothing is then left behind on the servers,
    /// and each lock costs them about half as much. All managers of a resource should agree. A
    /// holder without a token is excluded like any other, but does not fence an earlier holder that
    /// is still paused.
    ///
    /// Default: true. Nothing else stops a holder that was paused for longer than its lease: see
    /// [`guarantees`](crate::guarantees#fencing-tokens).
    pub fn fencing(mut self, fencing: bool) -> Self {
        self.config.fencing = fencing;
        self
    }

    /// The number of nodes that must record a fencing token before the guard is returned.
    ///
    /// At most the number of nodes. It has no effect below a quorum, or without
    /// [`fencing`](Self::fencing).
    ///
    /// With `w` of `n` nodes, tokens stay unique and in order while at most `2 * w - n - 1` nodes
    /// lose their data between two acquisitions. Acquiring then needs `w` nodes; extending and
    /// releasing still need a quorum.
    ///
    /// Default: a quorum, so that a minority of the nodes can be down. A larger number is for nodes
    /// that lose their data when they restart.
    pub fn token_durability(mut self, nodes: usize) -> Self {
        self.config.token_durability = Some(nodes);
        self
    }

    /// The minimum time for which servers keep the token counter of a resource after its last
    /// acquisition or extension. At least twice [`max_ttl`](Self::max_ttl). A century is as long as
    /// for ever: longer times are shortened to that.
    ///
    /// Servers keep it for up to an eighth longer, and refused attempts can prolong it.
    ///
    /// After that time the order of tokens relies on clocks. No manager's clock may then differ from
    /// those of the servers by more than half of the retention. If managers are configured
    /// differently, the shortest retention counts.
    ///
    /// Default: 1 h, or twice `max_ttl` if that is longer. The counters of names that are used only
    /// once do not pile up.
    pub fn fence_retention(mut self, retention: Duration) -> Self {
        self.config.fence_retention = Some(retention.min(validity::MAX_RETENTION));
        self
    }

    /// Whether a node that may have lost locks is kept out until they have expired, for
    /// [`max_ttl`](Self::max_ttl) and an allowance for drift.
    ///
    /// A node may have lost locks if it was restarted or flushed, or if a replica took over. It has no
    /// vote on new locks meanwhile. Held locks are extended there, and their keys are put back. A
    /// server that had every write [on disk](crate::guide::operations#durable-servers) votes again at
    /// once. While too few nodes are left for a quorum, requests fail with
    /// [`LockError::Quarantined`](crate::LockError::Quarantined).
    ///
    /// To recognize such a node, managers keep a [record](crate::guide::operations#the-identity-record)
    /// on each node. The first manager on new servers takes a second to write it. The user of the
    /// servers needs some [rights](crate::guide::operations#rights) for it.
    ///
    /// Default: true. Without it, a lock whose holder is paused can be granted again after nodes
    /// were restarted. One manager without it removes this protection for all, and
    /// [`nodes`](crate::Redlock::nodes) warns of it in the others.
    pub fn restart_quarantine(mut self, restart_quarantine: bool) -> Self {
        self.config.restart_quarantine = restart_quarantine;
        self
    }

    /// Whether nodes are taken over from another deployment, or from one with another number of nodes.
    ///
    /// Their identity records are replaced. Managers without this option that configure the former
    /// nodes have no vote there from then on. Managers that have it, but configure different nodes,
    /// replace each other's records without end, and get no locks.
    ///
    /// Default: false. Quorums of different sets of nodes need not overlap, so a node with another
    /// record has no vote. Set the option for the change from one set of nodes to another only, and
    /// follow [changing the nodes](crate::guide::operations#changing-the-nodes).
    pub fn allow_resize(mut self, allow_resize: bool) -> Self {
        self.config.allow_resize = allow_resize;
        self
    }

    /// The text before the name of the resource in every key on the servers. It keeps locks apart
    /// from other data.
    ///
    /// Default: empty. On the same name, this crate and the Redlock libraries of other languages
    /// then exclude each other.
    pub fn key_prefix(mut self, key_prefix: impl Into<String>) -> Self {
        self.config.key_prefix = key_prefix.into();
        self
    }

    /// The seed of the random delays, to replay a simulation. Lease ids are never seeded.
    ///
    /// Default: random. Contenders with the same seed draw the same delays, and may collide
    /// repeatedly.
    pub fn rng_seed(mut self, rng_seed: u64) -> Self {
        self.config.rng_seed = Some(rng_seed);
        self
    }

    /// Builds the manager. It connects to the nodes when it first needs them.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a node or an option is invalid.
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
        let validated = self.config.validate(nodes.len());
        validated.map_err(|error| self.origin.explain(error, &self.config))?;
        Ok(Redlock::new(
            NodeSet {
                nodes: nodes.into(),
                names,
            },
            self.config,
        ))
    }

    /// Builds the manager and connects it. Resolves when a quorum of the nodes is usable.
    ///
    /// # Errors
    ///
    /// Those of [`Redlock::connect`](crate::Redlock::connect).
    ///
    /// # Cancel safety
    ///
    /// Cancelling closes the connections made so far.
    pub fn connect(self) -> Connect {
        Connect::new(self.build())
    }
}

impl Redlock {
    /// Returns a builder, to set the options of a manager.
    pub fn builder() -> RedlockBuilder {
        RedlockBuilder::new()
    }

    /// Returns a manager over `n` new nodes in this process: for tests, examples, and locks among
    /// the tasks of one process.
    ///
    /// Creating it spawns nothing, so the manager can be stored in a `static`. To inject faults,
    /// create the nodes yourself: see [`MemoryNode`].
    ///
    /// # Panics
    ///
    /// If `n` is 0.
    #[must_use]
    pub fn in_memory(n: usize) -> Self {
        assert!(n > 0, "a lock needs at least one node");
        let nodes = std::iter::repeat_with(MemoryNode::new).take(n);
        let manager = Self::builder().nodes(nodes).build();
        manager.unwrap_or_else(|error| unreachable!("default options are valid: {error}"))
    }
}
