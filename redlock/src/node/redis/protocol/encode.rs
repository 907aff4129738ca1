//! Commands as a server reads them.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Cmd, Pipeline};

use crate::node::redis::protocol::counter_ttl::CounterTtls;
use crate::node::redis::protocol::request::{Encoding, Request, keep};
use crate::node::redis::protocol::script;
use crate::node::redis::protocol::script::{LuaScript, MEMBER};
use crate::node::{Acquire, Command, Fence, Keys, Release};
use crate::time::validity;

impl Request {
    /// Adds the command to a pipeline. Returns the number of answers the server will give to it.
    pub(crate) fn encode(&self, pipeline: &mut Pipeline, counters: &mut CounterTtls) -> usize {
        let by_text = self.encoding == Encoding::Eval;
        let call = match &self.command {
            Command::Acquire(it) => match (self.encoding, it.keys.as_one(), &it.fence) {
                (Encoding::Inspect, Some(key), _) => inspect(key, false),
                (Encoding::Native, Some(key), fence) => {
                    return native(key, it, fence.as_ref(), pipeline, counters);
                }
                (Encoding::Stamp, _, Some(fence)) => {
                    let mut call = on_counters(&script::STAMP, by_text, &it.keys, 3);
                    call.arg(it.id.as_bytes())
                        .arg(fence.proposal)
                        .arg(millis(fence.retention));
                    call
                }
                (_, _, Some(fence)) => {
                    let mut call = on_counters(&script::ACQUIRE_FENCED, by_text, &it.keys, 4);
                    call.arg(it.id.as_bytes())
                        .arg(millis(it.ttl))
                        .arg(fence.proposal)
                        .arg(millis(fence.retention));
                    call
                }
                (_, _, None) => {
                    let mut call = on_keys(&script::ACQUIRE, by_text, &it.keys, 2);
                    call.arg(it.id.as_bytes()).arg(millis(it.ttl));
                    call
                }
            },
            Command::Extend(it) => {
                let mut call = match it.fence_retention {
                    Some(_) => on_counters(&script::EXTEND, by_text, &it.keys, 3),
                    None => on_keys(&script::EXTEND, by_text, &it.keys, 2),
                };
                call.arg(it.id.as_bytes()).arg(millis(it.ttl));
                if let Some(retention) = it.fence_retention {
                    call.arg(millis(retention));
                }
                call
            }
            Command::Raise(it) => {
                let mut call = on_counters(&script::RAISE, by_text, &it.keys, 3);
                call.arg(it.id.as_bytes())
                    .arg(it.token)
                    .arg(millis(it.retention));
                call
            }
            Command::Release(it) => match (self.encoding, it.keys.as_one(), keep(it)) {
                (Encoding::CompareDelete(delete), Some(key), _) => {
                    delete.call(key, it.id.as_bytes())
                }
                (_, _, Some(keep)) => {
                    let mut call = on_keys(&script::EXPIRE_AT, by_text, &it.keys, 2);
                    call.arg(it.id.as_bytes()).arg(millis(keep));
                    call
                }
                (_, _, None) => {
                    let mut call = on_keys(&script::RELEASE, by_text, &it.keys, 1);
                    call.arg(it.id.as_bytes());
                    call
                }
            },
            Command::Inspect(it) => inspect(&it.key, by_text),
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

/// Releases that share a script.
pub(crate) fn releases<'a>(releases: impl Iterator<Item = &'a Release> + Clone) -> Cmd {
    let pairs = releases.filter_map(|it| Some((it.keys.as_one()?, it.id.as_bytes())));
    let count = pairs.clone().count();
    let bytes = pairs.clone().map(|(key, id)| key.len() + id.len()).sum();
    let mut call = script::RELEASE.call(false, count, count, bytes);
    for (key, _) in pairs.clone() {
        call.arg(&**key);
    }
    for (_, id) in pairs {
        call.arg(id);
    }
    call
}

/// Takes the key, and moves its counter, by commands of the server's own.
///
/// The counter tells whether it was this `ZADD` that moved it, and only what was moved counts:
/// so it does not matter that the commands are not one, and that an acquire which is refused
/// moves the counter as well.
fn native(
    key: &[u8],
    it: &Acquire,
    fence: Option<&Fence>,
    pipeline: &mut Pipeline,
    counters: &mut CounterTtls,
) -> usize {
    let id = it.id.as_bytes();
    let mut set = Cmd::with_capacity(6, key.len() + id.len() + 27);
    set.arg("SET")
        .arg(key)
        .arg(id)
        .arg("NX")
        .arg("PX")
        .arg(millis(it.ttl));
    pipeline.add_command(set);
    let Some(fence) = fence else {
        return 1;
    };
    let counter = counter(key);
    // GT: up, or not at all. CH: tells whether it was this command that moved it.
    let mut count = Cmd::with_capacity(6, counter.len() + 25);
    count
        .arg("ZADD")
        .arg(&counter)
        .arg("GT")
        .arg("CH")
        .arg(fence.proposal)
        .arg(MEMBER);
    pipeline.add_command(count);
    let mut responses = 2;
    if !fence.is_tried {
        let mut read = Cmd::with_capacity(3, counter.len() + 7);
        read.arg("ZSCORE").arg(&counter).arg(MEMBER);
        pipeline.add_command(read);
        responses += 1;
    }
    if let Some(retention) = counters.retention(key, fence.retention) {
        let mut keep = Cmd::with_capacity(3, counter.len() + 27);
        keep.arg("PEXPIRE").arg(&counter).arg(millis(retention));
        pipeline.add_command(keep);
        responses += 1;
    }
    responses
}

fn inspect(key: &[u8], by_text: bool) -> Cmd {
    let counter = counter(key);
    let mut call = script::INSPECT.call(by_text, 2, 0, key.len() + counter.len());
    call.arg(key).arg(&counter);
    call
}

/// Has the server remember that the keys were asked for, and tell when they change. Returns the
/// number of answers the server will give.
///
/// Just before they are asked for, so that no change goes unnoticed. By a command of its own: a
/// script would have the server remember their counters too, which move with every grant.
pub(crate) fn remember(keys: &[Arc<[u8]>], pipeline: &mut Pipeline) -> usize {
    let mut caching = Cmd::with_capacity(3, 16);
    caching.arg("CLIENT").arg("CACHING").arg("YES");
    pipeline.add_command(caching);
    pipeline.add_command(exist(keys));
    2
}

/// Asks how many of the keys there are.
fn exist(keys: &[Arc<[u8]>]) -> Cmd {
    let bytes: usize = keys.iter().map(|key| key.len()).sum();
    let mut call = Cmd::with_capacity(1 + keys.len(), 6 + bytes);
    call.arg("EXISTS");
    for key in keys {
        call.arg(&**key);
    }
    call
}

/// Calls a script on keys, with so many arguments to follow.
fn on_keys(source: &LuaScript, by_text: bool, keys: &Keys, args: usize) -> Cmd {
    let bytes: usize = keys.iter().map(|key| key.len()).sum();
    let count = keys.as_slice().len();
    let mut call = source.call(by_text, count, args, bytes + args * ARG);
    for key in keys {
        call.arg(&**key);
    }
    call
}

/// Calls a script on keys and, behind them, their counters, with so many arguments to follow.
fn on_counters(source: &LuaScript, by_text: bool, keys: &Keys, args: usize) -> Cmd {
    let bytes: usize = keys.iter().map(|key| 2 * key.len() + SUFFIX).sum();
    let count = 2 * keys.as_slice().len();
    let mut call = source.call(by_text, count, args, bytes + args * ARG);
    for key in keys {
        call.arg(&**key);
    }
    for key in keys {
        call.arg(counter(key));
    }
    call
}

/// The key of a lock's counter. In a cluster the two must share a slot: by the lock key as hash
/// tag, or by the tag that it has.
fn counter(key: &[u8]) -> Vec<u8> {
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
    // What cannot be counted was refused by the configuration.
    validity::whole_millis(duration).unwrap_or(u64::MAX)
}

/// Room for what a counter's name has beyond that of its key.
const SUFFIX: usize = 8;

/// Room for one argument: a lease id, or a number.
const ARG: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_shares_the_slot_of_its_key() {
        assert_eq!(counter(b"a"), b"{a}:fence");
        assert_eq!(counter(b"a{user}b"), b"a{user}b:fence!");
        assert_eq!(counter(b"a{}b"), b"{a{}b}:fence");
        assert_eq!(counter(b"a{b"), b"{a{b}:fence");
    }
}
