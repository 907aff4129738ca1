//! The encoding of requests as commands of the server.

use deadpool_redis::redis::{Cmd, Pipeline};

use crate::node::redis::protocol::call::{
    ARG_BYTES, OTHER_KEY_EXTRA_BYTES, call_on, call_on_counters, call_on_keys, counter_key,
    list_key, millis,
};
use crate::node::redis::protocol::counter_ttl::CounterTtls;
use crate::node::redis::protocol::dialect::Dialect;
use crate::node::redis::protocol::encode_waiting::{encode_compare_delete, encode_look, leave};
use crate::node::redis::protocol::identity;
use crate::node::redis::protocol::request::{Encoding, Request, expiry_delay};
use crate::node::redis::protocol::script;
use crate::node::redis::protocol::script::MEMBER;
use crate::node::redis::protocol::waiting::WaitingForm;
use crate::node::{Acquire, Adopt, Command, Extend, Rearm, Release};

impl Request {
    /// Adds the command to a pipeline. Returns the number of responses to expect.
    pub(crate) fn encode(
        &self,
        pipeline: &mut Pipeline,
        counter_ttls: &mut CounterTtls,
        dialect: Dialect,
    ) -> usize {
        let responses = self.encode_command(pipeline, counter_ttls, dialect);
        let check = self.command.record_check();
        responses + check.map_or(0, |check| identity::encode_check(check, pipeline))
    }

    fn encode_command(
        &self,
        pipeline: &mut Pipeline,
        counter_ttls: &mut CounterTtls,
        dialect: Dialect,
    ) -> usize {
        let mut waiting = dialect.waiting;
        if self.encoding == Encoding::WithoutLists {
            waiting.deny_lists();
        }
        let by_text = dialect.scripts.by_text(self.encoding == Encoding::Eval);
        let call = match &self.command {
            Command::Acquire(it) => match (self.encoding, it.keys.as_one()) {
                (Encoding::Native, Some(key)) => {
                    return encode_native_acquire(key, it, pipeline, counter_ttls);
                }
                (Encoding::Inspect, Some(key)) => inspect(key, waiting, by_text),
                (encoding, _) => acquire(it, encoding, waiting, by_text),
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
            Command::Adopt(it) => adopt(it, by_text),
            Command::Release(it) => match (self.encoding, it.keys.as_one()) {
                (Encoding::CompareDelete(delete), Some(key)) => {
                    return encode_compare_delete(delete, key, it, waiting, pipeline);
                }
                _ => release(it, waiting, by_text),
            },
            Command::Leave(it) => leave(it, waiting, by_text),
            Command::Look(it) => return encode_look(it, pipeline),
            Command::Inspect(it) => inspect(&it.key, waiting, by_text),
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

fn adopt(it: &Adopt, by_text: bool) -> Cmd {
    let mut call = match it.fence {
        Some(_) => call_on_counters(&script::ADOPT, by_text, &it.keys, 5),
        None => call_on_keys(&script::ADOPT, by_text, &it.keys, 3),
    };
    call.arg(it.from.as_bytes())
        .arg(it.id.as_bytes())
        .arg(millis(it.decided_within));
    if let Some(fence) = &it.fence {
        call.arg(fence.proposal).arg(millis(fence.retention));
    }
    call
}

/// Returns one call for several simple releases.
pub(crate) fn shared_release<'a>(
    releases: impl Iterator<Item = &'a Release> + Clone,
    waiting: WaitingForm,
    by_text: bool,
) -> Cmd {
    let pairs = releases.filter_map(|it| Some((it.keys.as_one()?, it.id.as_bytes())));
    let count = pairs.clone().count();
    let sizes = pairs.clone().map(|(key, id)| 2 * key.len() + id.len());
    let bytes = sizes.sum::<usize>() + count * OTHER_KEY_EXTRA_BYTES;
    let mut call = script::RELEASE.call(by_text, 2 * count, 3 + count, bytes + ARG_BYTES);
    for (key, _) in pairs.clone() {
        call.arg(&**key);
    }
    for (key, _) in pairs.clone() {
        call.arg(list_key(waiting.lists_are_denied)(key));
    }
    call.arg(waiting.hinting.as_bytes()).arg(b"").arg(b"");
    for (_, id) in pairs {
        call.arg(id);
    }
    call
}

/// Encodes an acquire of one key as native commands: the key, its counter, the counter's expiry.
///
/// They need not be atomic. The response to `ZADD` shows whether this command moved the counter,
/// and only then is the proposal used as a token. An acquire that is refused may therefore move the
/// counter too.
///
/// Without an expiry, no counter is created: the server may have lost it since its expiry was set.
/// The counter then did not move, and the script that follows creates it with one.
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
    let ttl = counter_ttls.ttl_to_set(key, fence.retention);
    let may_create = ttl.is_some();
    pipeline.add_command(raise_counter(&counter_key, fence.proposal, may_create));
    let mut responses = 2;
    if !fence.is_likely_accepted {
        let mut read = Cmd::with_capacity(3, counter_key.len() + 7);
        read.arg("ZSCORE").arg(&counter_key).arg(MEMBER);
        pipeline.add_command(read);
        responses += 1;
    }
    if let Some(ttl) = ttl {
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

fn raise_counter(counter_key: &[u8], proposal: u64, may_create: bool) -> Cmd {
    // XX: do not create it. GT: move up only. CH: respond with 1 if this command moved it.
    let mut call = Cmd::with_capacity(7, counter_key.len() + 27);
    call.arg("ZADD").arg(counter_key);
    if !may_create {
        call.arg("XX");
    }
    call.arg("GT").arg("CH").arg(proposal).arg(MEMBER);
    call
}

/// Returns the script call of an acquire.
fn acquire(it: &Acquire, encoding: Encoding, waiting: WaitingForm, by_text: bool) -> Cmd {
    if let (Some(fence), Encoding::Stamp) = (&it.fence, encoding) {
        let mut call = call_on_counters(&script::STAMP, by_text, &it.keys, 3);
        call.arg(it.id.as_bytes())
            .arg(fence.proposal)
            .arg(millis(fence.retention));
        return call;
    }
    let list_key = list_key(waiting.lists_are_denied);
    let mut call = match it.fence {
        Some(_) => {
            let others = &[counter_key, list_key];
            call_on(&script::ACQUIRE_FENCED, by_text, &it.keys, others, 7)
        }
        None => call_on(&script::ACQUIRE, by_text, &it.keys, &[list_key], 5),
    };
    let (name, waited) = waiting.listed(it.waiter.as_ref());
    call.arg(it.id.as_bytes())
        .arg(millis(it.ttl))
        .arg(waited)
        .arg(name)
        .arg(waiting.hinting_of_acquire());
    if let Some(fence) = &it.fence {
        call.arg(fence.proposal).arg(millis(fence.retention));
    }
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
fn release(it: &Release, waiting: WaitingForm, by_text: bool) -> Cmd {
    if let Some(former) = &it.return_to {
        let mut call = call_on_keys(&script::RETURN, by_text, &it.keys, 2);
        call.arg(it.id.as_bytes()).arg(former.as_bytes());
        return call;
    }
    if let Some(delay) = expiry_delay(it) {
        let mut call = call_on_keys(&script::EXPIRE_AT, by_text, &it.keys, 2);
        call.arg(it.id.as_bytes()).arg(millis(delay));
        return call;
    }
    let (name, waited) = waiting.listed(it.requeue.as_ref());
    let lists = &[list_key(waiting.lists_are_denied)];
    let mut call = call_on(&script::RELEASE, by_text, &it.keys, lists, 4);
    call.arg(waiting.hinting.as_bytes())
        .arg(name)
        .arg(waited)
        .arg(it.id.as_bytes());
    call
}

fn inspect(key: &[u8], waiting: WaitingForm, by_text: bool) -> Cmd {
    let counter_key = counter_key(key);
    let list_key = list_key(waiting.lists_are_denied)(key);
    let bytes = key.len() + counter_key.len() + list_key.len();
    let mut call = script::INSPECT.call(by_text, 3, 0, bytes);
    call.arg(key).arg(&counter_key).arg(&list_key);
    call
}
