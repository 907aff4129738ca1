//! Calls of scripts on the keys of a lease.

use std::time::Duration;

use crate::node::Keys;
use crate::node::redis::protocol::call::Call;
use crate::node::redis::protocol::other_key::OtherKey;
use crate::node::redis::protocol::script::LuaScript;
use crate::time::validity;

/// Starts a call of a script on keys, followed by the keys `others` beside them. The caller adds the
/// arguments.
pub(super) fn call_on(
    call: &mut Call<'_>,
    script: &LuaScript,
    by_text: bool,
    keys: &Keys,
    others: &[OtherKey],
) {
    let groups = 1 + others.len();
    script.start(call, by_text, groups * keys.as_slice().len());
    for key in keys {
        call.arg(&**key);
    }
    for other in others {
        for key in keys {
            call.arg(other.beside(key));
        }
    }
}

/// Starts a call of a script on keys, followed by their counters if `are_counted`.
pub(super) fn call_on_counters(
    call: &mut Call<'_>,
    script: &LuaScript,
    by_text: bool,
    keys: &Keys,
    are_counted: bool,
) {
    let others: &[_] = if are_counted {
        &[OtherKey::Counter]
    } else {
        &[]
    };
    call_on(call, script, by_text, keys, others);
}

pub(super) fn millis(duration: Duration) -> u64 {
    // The configuration has refused longer durations.
    validity::whole_millis(duration).unwrap_or(u64::MAX)
}
