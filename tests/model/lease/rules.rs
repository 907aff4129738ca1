//! Rules of records and leases: the right ones, with switches for the mutants.

/// A majority of the nodes.
pub(crate) use crate::protocol::QUORUM;

/// The rules that managers follow.
///
/// The right rules are [`RIGHT`](Self::RIGHT). A mutant differs from them in some fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Whether a node that may have lost data gets no acquire for a while.
    pub(crate) quarantine: bool,
    /// Whether a grant counts only if the record was unchanged when it was given.
    pub(crate) checks_record: bool,
    pub(crate) blank: Blank,
    pub(crate) durability: Durability,
    pub(crate) max_ttl: MaxTtl,
    pub(crate) forming: Forming,
    pub(crate) rearm: Rearming,
    /// Whether an extension counts only once the record of the node's process is known.
    pub(crate) settles_first: bool,
}

/// When a blank node is taken for new although another node's record is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blank {
    Never,
    /// If its process is older than the deployment.
    IfOlder,
    /// If another node is blank too.
    IfOthersAre,
}

/// What has to be durable for a restart to need no quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// The former process, according to the record, and the new one.
    BothProcesses,
    NewProcess,
}

/// The length of a quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaxTtl {
    /// The largest `max_ttl` of the manager and of the other records, at least one of them read after
    /// the loss. Before a manager acquires with a ttl that others do not use, all records name it.
    OfAll,
    /// The largest `max_ttl` of the manager and of the records that it has read. Before a manager
    /// acquires at a node, the node's record names its ttl.
    OfRead,
    /// The manager's own `max_ttl`.
    Own,
}

/// How a deployment is formed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forming {
    /// Whether records are forming before they are complete.
    pub(crate) in_two_steps: bool,
    /// Whether all nodes are read again between the two steps.
    pub(crate) reads_again: bool,
    /// Whether a forming record of a former process becomes complete with quarantine.
    pub(crate) checks_run: bool,
    /// Whether a manager completes a forming record without quarantine although it has not read it
    /// twice, because another node is complete.
    pub(crate) trusts_forming: bool,
    /// How many nodes must be complete, as their manager knows, before it acquires.
    pub(crate) complete: usize,
}

/// When keys are put back, and when they count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rearming {
    pub(crate) is_on: bool,
    /// Whether the response to the re-arm counts, instead of a later extension.
    pub(crate) counts_at_once: bool,
    /// Whether a quorum of others must hold the lease for longer than a round can take. If not, they
    /// must hold it at present.
    pub(crate) outlasts_rounds: bool,
    /// Whether a node in quarantine keeps its vote without its key, and gets the key back without
    /// others.
    pub(crate) in_quarantine: bool,
}

impl Rules {
    pub(crate) const RIGHT: Self = Self {
        quarantine: true,
        checks_record: true,
        blank: Blank::Never,
        durability: Durability::BothProcesses,
        max_ttl: MaxTtl::OfAll,
        forming: Forming {
            in_two_steps: true,
            reads_again: true,
            checks_run: true,
            trusts_forming: false,
            complete: QUORUM,
        },
        rearm: Rearming {
            is_on: true,
            counts_at_once: false,
            outlasts_rounds: true,
            in_quarantine: false,
        },
        settles_first: true,
    };

    pub(crate) const fn without_rearming(mut self) -> Self {
        self.rearm.is_on = false;
        self
    }

    pub(crate) const fn rearming_in_quarantine(mut self) -> Self {
        self.rearm.in_quarantine = true;
        self
    }
}
