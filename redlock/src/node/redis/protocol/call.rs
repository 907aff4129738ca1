//! Calls of scripts on the keys of a lease, and the names of the keys beside them.

use std::time::Duration;

use deadpool_redis::redis::Cmd;

use crate::node::Keys;
use crate::node::redis::protocol::script::LuaScript;
use crate::time::validity;

/// Starts a call of a script on keys. The caller adds `args` arguments.
pub(super) fn call_on_keys(script: &LuaScript, by_text: bool, keys: &Keys, args: usize) -> Cmd {
    call_on(script, by_text, keys, &[], args)
}

/// Starts a call of a script on keys, followed by their counters. The caller adds `args` arguments.
pub(super) fn call_on_counters(script: &LuaScript, by_text: bool, keys: &Keys, args: usize) -> Cmd {
    call_on(script, by_text, keys, &[counter_key], args)
}

/// Starts a call of a script on keys, followed by the keys that each of `others` derives from them.
/// The caller adds `args` arguments.
pub(super) fn call_on(
    script: &LuaScript,
    by_text: bool,
    keys: &Keys,
    others: &[Derive],
    args: usize,
) -> Cmd {
    let (count, groups) = (keys.as_slice().len(), 1 + others.len());
    let lengths: usize = keys.iter().map(|key| key.len()).sum();
    let bytes = groups * (lengths + count * OTHER_KEY_EXTRA_BYTES) + args * ARG_BYTES;
    let mut call = script.call(by_text, groups * count, args, bytes);
    for key in keys {
        call.arg(&**key);
    }
    for derive in others {
        for key in keys {
            call.arg(derive(key));
        }
    }
    call
}

/// Derives the name of another key of a lock.
pub(super) type Derive = fn(&[u8]) -> Vec<u8>;

/// Returns how the waiting lists are named. A user who may not access them names the keys again, and
/// the scripts leave them alone.
pub(super) fn list_key(lists_are_denied: bool) -> Derive {
    if lists_are_denied {
        return |key| key.to_vec();
    }
    waiting_key
}

/// Returns the key of a lock's counter.
pub(super) fn counter_key(key: &[u8]) -> Vec<u8> {
    beside(key, b":fence")
}

/// Returns the key of a lock's waiting list.
pub(super) fn waiting_key(key: &[u8]) -> Vec<u8> {
    beside(key, b":wait")
}

/// Returns the name of a key beside that of a lock.
///
/// In a cluster, they must share a slot. The other key therefore has the hash tag of the lock's key,
/// or else that whole key as its tag.
fn beside(key: &[u8], ending: &[u8]) -> Vec<u8> {
    let tag = key
        .iter()
        .position(|byte| *byte == b'{')
        .map(|open| &key[open + 1..]);
    let has_tag = tag
        .and_then(|rest| rest.iter().position(|byte| *byte == b'}'))
        .unwrap_or(0)
        > 0;
    if has_tag {
        [key, ending, b"!"].concat()
    } else {
        [b"{", key, b"}", ending].concat()
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    // The configuration has refused longer durations.
    validity::whole_millis(duration).unwrap_or(u64::MAX)
}

/// The bytes that the key of a counter or a waiting list has in addition to the lock's key, at most.
pub(super) const OTHER_KEY_EXTRA_BYTES: usize = 8;

/// Room for one argument: a lease id, or a number.
pub(super) const ARG_BYTES: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_list_shares_the_slot_of_its_key() {
        assert_eq!(waiting_key(b"a"), b"{a}:wait");
        assert_eq!(waiting_key(b"a{user}b"), b"a{user}b:wait!");
    }

    #[test]
    fn a_counter_shares_the_slot_of_its_key() {
        assert_eq!(counter_key(b"a"), b"{a}:fence");
        assert_eq!(counter_key(b"a{user}b"), b"a{user}b:fence!");
        assert_eq!(counter_key(b"a{}b"), b"{a{}b}:fence");
        assert_eq!(counter_key(b"a{b"), b"{a{b}:fence");
    }
}
