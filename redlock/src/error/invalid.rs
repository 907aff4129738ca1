//! Invalid requests.

use std::time::Duration;

/// An invalid request, which fails whatever the state of the nodes. Nothing was sent.
///
/// It is a mistake in the calling code: correct the value that the message names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The name of the resource is empty.
    #[error("the resource name is empty: it needs at least 1 byte")]
    EmptyResource,
    /// The name is longer than [`Resource::MAX_LEN`](crate::Resource::MAX_LEN).
    #[error("the resource name has {len} bytes, but may have at most {max}")]
    ResourceTooLong {
        /// The length of the name, in bytes.
        len: usize,
        /// The maximum length, in bytes.
        max: usize,
    },
    /// The name ends in `:fence`, `:fence!` or `redlock:node`. Keys with these endings hold token
    /// counters and identity records.
    #[error(
        "the resource name ends in `:fence`, `:fence!` or `redlock:node`, which are reserved: choose \
         another"
    )]
    ReservedResource,
    /// The request names no resource.
    #[error("no resources: name at least one")]
    NoResources,
    /// The request names more resources than
    /// [`Resource::MAX_TOGETHER`](crate::Resource::MAX_TOGETHER).
    #[error("{count} resources are requested, but at most {max} can be locked together")]
    TooManyResources {
        /// The number of different resources.
        count: usize,
        /// The maximum number.
        max: usize,
    },
    /// The lease id is empty.
    #[error("the lease id is empty: pass the id of an acquired lease")]
    EmptyLeaseId,
    /// The ttl, or the `max_hold` that limits it, is shorter than a round trip may take.
    #[error("ttl or max_hold is {ttl:?}, but must be at least {min:?}")]
    TtlTooShort {
        /// The requested ttl, or the `max_hold` if that is shorter.
        ttl: Duration,
        /// The minimum.
        min: Duration,
    },
    /// The ttl is longer than the manager's `max_ttl`.
    #[error("ttl is {ttl:?}, but the manager's max_ttl is {max:?}")]
    TtlTooLong {
        /// The requested ttl.
        ttl: Duration,
        /// The manager's `max_ttl`.
        max: Duration,
    },
    /// The allowance for clock drift leaves too little of the ttl, or of the `max_hold` that limits
    /// it.
    #[error(
        "ttl or max_hold is {ttl:?}, of which the allowance for clock drift leaves too little: \
         set a longer one, or a smaller drift_factor"
    )]
    NoValidity {
        /// The requested ttl, or the `max_hold` if that is shorter.
        ttl: Duration,
    },
    /// The lease would end before its first extension is confirmed, because the allowance for clock
    /// drift takes too much of the ttl.
    #[error(
        "ttl is {ttl:?}, of which the allowance for clock drift leaves {validity:?}, but the first \
         extension is due after {interval:?}: set a smaller drift_factor, a longer ttl, or \
         auto_extend(false)"
    )]
    ExtendedTooLate {
        /// The requested ttl.
        ttl: Duration,
        /// The part of the ttl that is left.
        validity: Duration,
        /// The time until the first extension.
        interval: Duration,
    },
    /// `hold_at_least` is longer than the manager's `max_ttl`. No key is kept for longer.
    #[error("hold_at_least is {hold_at_least:?}, but the manager's max_ttl is {max_ttl:?}")]
    HoldTooLong {
        /// The requested `hold_at_least`.
        hold_at_least: Duration,
        /// The manager's `max_ttl`.
        max_ttl: Duration,
    },
    /// `hold_at_least` is longer than `max_hold`.
    #[error("hold_at_least is {hold_at_least:?}, but max_hold is {max_hold:?}")]
    HoldAboveMaxHold {
        /// The requested `hold_at_least`.
        hold_at_least: Duration,
        /// The `max_hold` of the request, or of the manager.
        max_hold: Duration,
    },
    /// The request was polled outside a Tokio runtime, or in one without timers.
    ///
    /// Await it inside one, with timers enabled (`enable_time` or `enable_all`).
    #[error("no Tokio runtime: await the request inside one, with timers enabled")]
    NoRuntime,
}
