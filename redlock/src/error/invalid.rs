//! Requests that cannot be carried out.

use std::time::Duration;

/// A request that cannot be carried out whatever the nodes say. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A resource needs a name.
    #[error("a resource needs a name")]
    EmptyResource,
    /// The name is longer than [`Resource::MAX_LEN`](crate::Resource::MAX_LEN).
    #[error("a resource of {len} bytes is longer than {max}")]
    ResourceTooLong {
        /// The length of the name.
        len: usize,
        /// The longest that can be locked.
        max: usize,
    },
    /// The name ends in `:fence` or `:fence!`, which is where fencing counters are kept.
    #[error("a resource must not end in :fence or :fence!")]
    ReservedResource,
    /// A request names no resource at all.
    #[error("no resources")]
    NoResources,
    /// A request names more resources than [`Resource::MAX_TOGETHER`](crate::Resource::MAX_TOGETHER).
    #[error("{count} resources are more than the {max} that can be locked together")]
    TooManyResources {
        /// How many differ.
        count: usize,
        /// How many can be locked together.
        max: usize,
    },
    /// The lease id is empty.
    #[error("a lease id must not be empty")]
    EmptyLeaseId,
    /// The ttl is too short for any round trip.
    #[error("a ttl of {ttl:?} is below {min:?}")]
    TtlTooShort {
        /// What was asked for.
        ttl: Duration,
        /// The shortest that is possible.
        min: Duration,
    },
    /// The ttl is longer than the manager's `max_ttl`.
    #[error("a ttl of {ttl:?} is above the manager's max_ttl of {max:?}")]
    TtlTooLong {
        /// What was asked for.
        ttl: Duration,
        /// The manager's `max_ttl`.
        max: Duration,
    },
    /// Nothing would be left of the ttl after the allowance for drift.
    #[error("the allowance for drift leaves nothing of a ttl of {ttl:?}")]
    NoValidity {
        /// What was asked for.
        ttl: Duration,
    },
    /// `hold_at_least` is longer than the manager's `max_ttl`, and no key is kept for longer.
    #[error("a hold_at_least of {hold_at_least:?} is above the manager's max_ttl of {max_ttl:?}")]
    HoldTooLong {
        /// What was asked for.
        hold_at_least: Duration,
        /// The manager's `max_ttl`.
        max_ttl: Duration,
    },
    /// `hold_at_least` is longer than `max_hold`.
    #[error("a hold_at_least of {hold_at_least:?} is above the max_hold of {max_hold:?}")]
    HoldAboveMaxHold {
        /// What was asked for.
        hold_at_least: Duration,
        /// The request's `max_hold`, or the manager's.
        max_hold: Duration,
    },
    /// The request was polled outside a Tokio runtime with its timers enabled.
    #[error("locks are acquired inside a tokio runtime")]
    NoRuntime,
}
