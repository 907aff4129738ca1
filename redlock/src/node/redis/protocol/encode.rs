//! The encoding of requests as commands of the server.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Cmd, Pipeline};

use crate::node::redis::protocol::counter_ttl::CounterTtls;
use crate::node::redis::protocol::dialect::ScriptCalls;
use crate::node::redis::protocol::identity;
use crate::node::redis::protocol::request::{Encoding, Request, expiry_delay};
use crate::node::redis::protocol::script;
use crate::node::redis::protocol::script::{LuaScript, MEMBER};
use crate::node::{Acquire, Command, Extend, Keys, Rearm, Release};
use crate::time::validity;

impl Request {
    /// Adds the command to a pipeline. Returns the number of responses to expect.
    pub(crate) fn encode(
        &self,
        pipeline: &mut Pipeline,
        counter_ttls: &mut CounterTtls,
        scripts: ScriptCalls,
    ) -> usize {
        let responses = self.encode_command(pipeline, counter_ttls, scripts);
        let check = self.command.record_check();
        responses + check.map_or(0, |check| identity::encode_check(check, pipeline))
    }

    fn encode_command(
        &self,
        pipeline: &mut Pipeline,
        counter_ttls: &mut CounterTtls,
        scripts: ScriptCalls,
    ) -> usize {
        let by_text = scripts.by_text(self.encoding == Encoding::Eval);
        let call = match &self.command {
            Command::Acquire(it) => match (self.encoding, it.keys.as_one()) {
                (Encoding::Native, Some(key)) => {
                    return encode_native_acquire(key, it, pipeline, counter_ttls);
                }
                (Encoding::Inspect, Some(key)) => inspect(key, by_text),
                (encoding, _) => acquire(it, encoding, by_text),
            },
            Command::Extend(it) => extend(it, by_text),
            Command::Raise(it) => {
                let mut call = call_on_counters(&script::RAISE, by_text, &it.keys, 3);
                call.arg(it.id.as_bytes())
                    .arg(it.token)
                    .arg(millis(it.retention));
                call
            }
            Command::Rearm(it) => rearm(it, by_text),
            Command::Release(it) => match (self.encoding, it.keys.as_one()) {
                (Encoding::CompareDelete(delete), Some(key)) => delete.call(key, it.id.as_bytes()),
                _ => release(it, by_text),
            },
            Command::Inspect(it) => inspect(&it.key, by_text),
            Command::Identify(it) => return identity::encode(it, by_text, pipeline),
            Command::Ping(_) => {
                let mut call = Cmd::with_capacity(1, 4);
                call.arg("PING");
                call
            }
        };
        pipeline.add_command(call);
        1
    }
}

fn rearm(it: &Rearm, by_text: bool) -> Cmd {
    let mut call = match it.fence {
        Some(_) => call_on_counters(&script::REARM, by_text, &it.keys, 4),
        None => call_on_keys(&script::REARM, by_text, &it.keys, 2),
    };
    call.arg(it.id.as_bytes()).arg(millis(it.ttl));
    if let Some((token, retention)) = it.fence {
        call.arg(token).arg(millis(retention));
    }
    call
}

/// Returns one call for several simple releases.
pub(crate) fn shared_release<'a>(
    releases: impl Iterator<Item = &'a Release> + Clone,
    by_text: bool,
) -> Cmd {
    let pairs = releases.filter_map(|it| Some((it.keys.as_one()?, it.id.as_bytes())));
    let count = pairs.clone().count();
    let bytes = pairs.clone().map(|(key, id)| key.len() + id.len()).sum();
    let mut call = script::RELEASE.call(by_text, count, count, bytes);
    for (key, _) in pairs.clone() {
        call.arg(&**key);
    }
    for (_, id) in pairs {
        call.arg(id);
    }
    call
}

/// Requests invalidations for the keys. Returns the number of responses to expect.
///
/// The commands stand immediately before an acquire, so that no change between the two is missed.
/// They stand behind extensions, which are changes themselves. They are separate from the scripts,
/// because a script would track the counters too, which move with every grant.
pub(crate) fn track<'a>(
    keys: impl Iterator<Item = &'a Arc<[u8]>> + Clone,
    pipeline: &mut Pipeline,
) -> usize {
    let mut caching = Cmd::with_capacity(3, 16);
    caching.arg("CLIENT").arg("CACHING").arg("YES");
    pipeline.add_command(caching);
    pipeline.add_command(exists(keys));
    2
}

/// Returns the call that reads the keys, by counting how many exist.
fn exists<'a>(keys: impl Iterator<Item = &'a Arc<[u8]>> + Clone) -> Cmd {
    let bytes: usize = keys.clone().map(|key| key.len()).sum();
    let mut call = Cmd::with_capacity(1 + keys.clone().count(), 6 + bytes);
    call.arg("EXISTS");
    for key in keys {
        call.arg(&**key);
    }
    call
}

/// Encodes an acquire of one key as native commands: the key, its counter, the counter's expiry.
///
/// They need not be atomic. The response to `ZADD` shows whether this command moved the counter,
/// and only then is the proposal used as a token. An acquire that is refused may therefore move the
/// counter too.
fn encode_native_acquire(
    key: &[u8],
    it: &Acquire,
    pipeline: &mut Pipeline,
    counter_ttls: &mut CounterTtls,
) -> usize {
    pipeline.add_command(set_if_absent(key, it));
    let Some(fence) = &it.fence else {
        return 1;
    };
    let counter_key = counter_key(key);
    pipeline.add_command(raise_counter(&counter_key, fence.proposal));
    let mut responses = 2;
    if !fence.is_likely_accepted {
        let mut read = Cmd::with_capacity(3, counter_key.len() + 7);
        read.arg("ZSCORE").arg(&counter_key).arg(MEMBER);
        pipeline.add_command(read);
        responses += 1;
    }
    if let Some(ttl) = counter_ttls.ttl_to_set(key, fence.retention) {
        let mut expire = Cmd::with_capacity(3, counter_key.len() + 27);
        expire.arg("PEXPIRE").arg(&counter_key).arg(millis(ttl));
        pipeline.add_command(expire);
        responses += 1;
    }
    responses
}

fn set_if_absent(key: &[u8], it: &Acquire) -> Cmd {
    let id = it.id.as_bytes();
    let mut call = Cmd::with_capacity(6, key.len() + id.len() + 27);
    call.arg("SET")
        .arg(key)
        .arg(id)
        .arg("NX")
        .arg("PX")
        .arg(millis(it.ttl));
    call
}

fn raise_counter(counter_key: &[u8], proposal: u64) -> Cmd {
    // GT: move up only. CH: respond with 1 if this command moved it.
    let mut call = Cmd::with_capacity(6, counter_key.len() + 25);
    call.arg("ZADD")
        .arg(counter_key)
        .arg("GT")
        .arg("CH")
        .arg(proposal)
        .arg(MEMBER);
    call
}

/// Returns the script call of an acquire.
fn acquire(it: &Acquire, encoding: Encoding, by_text: bool) -> Cmd {
    let Some(fence) = &it.fence else {
        let mut call = call_on_keys(&script::ACQUIRE, by_text, &it.keys, 2);
        call.arg(it.id.as_bytes()).arg(millis(it.ttl));
        return call;
    };
    let mut call = if encoding == Encoding::Stamp {
        let mut call = call_on_counters(&script::STAMP, by_text, &it.keys, 3);
        call.arg(it.id.as_bytes());
        call
    } else {
        let mut call = call_on_counters(&script::ACQUIRE_FENCED, by_text, &it.keys, 4);
        call.arg(it.id.as_bytes()).arg(millis(it.ttl));
        call
    };
    call.arg(fence.proposal).arg(millis(fence.retention));
    call
}

fn extend(it: &Extend, by_text: bool) -> Cmd {
    let mut call = match it.fence_retention {
        Some(_) => call_on_counters(&script::EXTEND, by_text, &it.keys, 3),
        None => call_on_keys(&script::EXTEND, by_text, &it.keys, 2),
    };
    call.arg(it.id.as_bytes()).arg(millis(it.ttl));
    if let Some(retention) = it.fence_retention {
        call.arg(millis(retention));
    }
    call
}

/// Returns the script call of a release.
fn release(it: &Release, by_text: bool) -> Cmd {
    if let Some(delay) = expiry_delay(it) {
        let mut call = call_on_keys(&script::EXPIRE_AT, by_text, &it.keys, 2);
        call.arg(it.id.as_bytes()).arg(millis(delay));
        return call;
    }
    let mut call = call_on_keys(&script::RELEASE, by_text, &it.keys, 1);
    call.arg(it.id.as_bytes());
    call
}

fn inspect(key: &[u8], by_text: bool) -> Cmd {
    let counter_key = counter_key(key);
    let mut call = script::INSPECT.call(by_text, 2, 0, key.len() + counter_key.len());
    call.arg(key).arg(&counter_key);
    call
}

/// Starts a call of a script on keys. The caller adds `args` arguments.
fn call_on_keys(script: &LuaScript, by_text: bool, keys: &Keys, args: usize) -> Cmd {
    let bytes: usize = keys.iter().map(|key| key.len()).sum();
    let count = keys.as_slice().len();
    let mut call = script.call(by_text, count, args, bytes + args * ARG_BYTES);
    for key in keys {
        call.arg(&**key);
    }
    call
}

/// Starts a call of a script on keys, followed by their counters. The caller adds `args` arguments.
fn call_on_counters(script: &LuaScript, by_text: bool, keys: &Keys, args: usize) -> Cmd {
    let bytes: usize = keys
        .iter()
        .map(|key| 2 * key.len() + COUNTER_KEY_EXTRA_BYTES)
        .sum();
    let count = 2 * keys.as_slice().len();
    let mut call = script.call(by_text, count, args, bytes + args * ARG_BYTES);
    for key in keys {
        call.arg(&**key);
    }
    for key in keys {
        call.arg(counter_key(key));
    }
    call
}

/// Returns the key of a lock's counter.
///
/// In a cluster, the lock and its counter must share a slot. The counter's key therefore has the
/// hash tag of the lock's key, or else that whole key as its tag.
fn counter_key(key: &[u8]) -> Vec<u8> {
    let tag = key
        .iter()
        .position(|byte| *byte == b'{')
        .map(|open| &key[open + 1..]);
    let has_tag = tag
        .and_then(|rest| rest.iter().position(|byte| *byte == b'}'))
        .unwrap_or(0)
        > 0;
    if has_tag {
        [key, b":fence!"].concat()
    } else {
        [b"{", key, b"}:fence"].concat()
    }
}

fn millis(duration: Duration) -> u64 {
    // The configuration has refused longer durations.
    validity::whole_millis(duration).unwrap_or(u64::MAX)
}

/// The bytes that a counter's key has in addition to the lock's key.
const COUNTER_KEY_EXTRA_BYTES: usize = 8;

/// Room for one argument: a lease id, or a number.
const ARG_BYTES: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_shares_the_slot_of_its_key() {
        assert_eq!(counter_key(b"a"), b"{a}:fence");
        assert_eq!(counter_key(b"a{user}b"), b"a{user}b:fence!");
        assert_eq!(counter_key(b"a{}b"), b"{a{}b}:fence");
        assert_eq!(counter_key(b"a{b"), b"{a{b}:fence");
    }
}
