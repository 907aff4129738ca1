//! The encoding of requests as commands of the server.

use crate::node::redis::protocol::call::Call;
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::protocol::counter_ttl::CounterTtls;
use crate::node::redis::protocol::dialect::Dialect;
use crate::node::redis::protocol::encode_shared::{release_words, shared_extension};
use crate::node::redis::protocol::encode_waiting::{encode_compare_delete, encode_look, leave};
use crate::node::redis::protocol::identity;
use crate::node::redis::protocol::other_key::OtherKey;
use crate::node::redis::protocol::request::{Encoding, Request, expiry_delay};
use crate::node::redis::protocol::script;
use crate::node::redis::protocol::script::MEMBER;
use crate::node::redis::protocol::script_call::{call_on, call_on_counters, millis};
use crate::node::redis::protocol::waiting::WaitingForm;
use crate::node::{Acquire, Adopt, Command, Extend, Raise, Rearm, Release};

impl Request {
    /// Adds the command to `calls`. Returns the number of responses to expect.
    pub(crate) fn encode(
        &self,
        calls: &mut Calls,
        counter_ttls: &mut CounterTtls,
        dialect: Dialect,
    ) -> usize {
        let responses = self.encode_command(calls, counter_ttls, dialect);
        let check = self.command.record_check();
        responses + check.map_or(0, |check| identity::encode_check(check, calls))
    }

    fn encode_command(
        &self,
        calls: &mut Calls,
        counter_ttls: &mut CounterTtls,
        dialect: Dialect,
    ) -> usize {
        let mut waiting = dialect.waiting;
        if self.encoding == Encoding::WithoutLists {
            waiting.deny_lists();
        }
        let by_text = dialect.scripts.by_text(self.encoding == Encoding::Eval);
        match &self.command {
            Command::Acquire(it) => match (self.encoding, it.keys.as_one()) {
                (Encoding::Native, Some(key)) => {
                    return encode_native_acquire(key, it, calls, counter_ttls);
                }
                (Encoding::Inspect, Some(key)) => {
                    calls.add(|call| inspect(call, key, waiting, by_text));
                }
                (encoding, _) => calls.add(|call| acquire(call, it, encoding, waiting, by_text)),
            },
            Command::Extend(it) => {
                let label = dialect.label_of(it);
                calls.add(|call| extend(call, it, label, by_text));
            }
            Command::Raise(it) => calls.add(|call| raise(call, it, by_text)),
            Command::Rearm(it) => calls.add(|call| rearm(call, it, by_text)),
            Command::Adopt(it) => calls.add(|call| adopt(call, it, by_text)),
            Command::Release(it) => match (self.encoding, it.keys.as_one()) {
                (Encoding::CompareDelete(delete), Some(key)) => {
                    return encode_compare_delete(delete, key, it, waiting, calls);
                }
                _ => calls.add(|call| release(call, it, waiting, by_text)),
            },
            Command::Leave(it) => calls.add(|call| leave(call, it, waiting, by_text)),
            Command::Look(it) => return encode_look(it, calls),
            Command::Inspect(it) => calls.add(|call| {
                inspect(call, &it.key, waiting, by_text);
                call.arg("label");
            }),
            Command::Identify(it) => return identity::encode(it, by_text, calls),
            Command::Ping(_) => calls.add(|call| {
                call.arg("PING");
            }),
        }
        1
    }
}

fn raise(call: &mut Call<'_>, it: &Raise, by_text: bool) {
    call_on_counters(call, &script::RAISE, by_text, &it.keys, true);
    call.arg(it.id.as_bytes())
        .arg(it.token)
        .arg(millis(it.retention));
}

fn rearm(call: &mut Call<'_>, it: &Rearm, by_text: bool) {
    call_on_counters(call, &script::REARM, by_text, &it.keys, it.fence.is_some());
    call.arg(it.id.as_bytes()).arg(millis(it.ttl));
    if let Some((token, retention)) = it.fence {
        call.arg(token).arg(millis(retention));
    }
}

fn adopt(call: &mut Call<'_>, it: &Adopt, by_text: bool) {
    call_on_counters(call, &script::ADOPT, by_text, &it.keys, it.fence.is_some());
    call.arg(it.from.as_bytes())
        .arg(it.id.as_bytes())
        .arg(millis(it.decided_within));
    if let Some(fence) = &it.fence {
        call.arg(fence.proposal).arg(millis(fence.retention));
    }
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
    calls: &mut Calls,
    counter_ttls: &mut CounterTtls,
) -> usize {
    let Some(fence) = &it.fence else {
        calls.add_shared(&it.encoded, |calls| {
            calls.add(|call| set_if_absent(call, key, it));
        });
        return 1;
    };
    let counter = OtherKey::Counter.beside(key);
    let ttl = counter_ttls.ttl_to_set(it.keys.first_hash(), fence.retention);
    let set_and_move = |calls: &mut Calls| {
        calls.add(|call| set_if_absent(call, key, it));
        calls.add(|call| {
            // XX: do not create it. GT: move up only. CH: respond with 1 if this command moved it.
            call.arg("ZADD").arg(counter);
            if ttl.is_none() {
                call.arg("XX");
            }
            call.arg("GT").arg("CH").arg(fence.proposal).arg(MEMBER);
        });
    };
    let mut responses = 2;
    match ttl {
        // The usual form, at every node.
        None => calls.add_shared(&it.encoded, set_and_move),
        Some(_) => set_and_move(calls),
    }
    if !fence.is_likely_accepted {
        calls.add(|call| {
            call.arg("ZSCORE").arg(counter).arg(MEMBER);
        });
        responses += 1;
    }
    if let Some(ttl) = ttl {
        calls.add(|call| {
            call.arg("PEXPIRE").arg(counter).arg(millis(ttl));
        });
        responses += 1;
    }
    responses
}

fn set_if_absent(call: &mut Call<'_>, key: &[u8], it: &Acquire) {
    call.arg("SET")
        .arg(key)
        .arg(it.id.as_bytes())
        .arg("NX")
        .arg("PX")
        .arg(millis(it.ttl));
}

/// Writes the script call of an acquire.
fn acquire(
    call: &mut Call<'_>,
    it: &Acquire,
    encoding: Encoding,
    waiting: WaitingForm,
    by_text: bool,
) {
    if let (Some(fence), Encoding::Stamp) = (&it.fence, encoding) {
        call_on_counters(call, &script::STAMP, by_text, &it.keys, true);
        call.arg(it.id.as_bytes())
            .arg(fence.proposal)
            .arg(millis(fence.retention));
        return;
    }
    let list = OtherKey::list(waiting.lists_are_denied);
    match it.fence {
        Some(_) => {
            let others = &[OtherKey::Counter, list];
            call_on(call, &script::ACQUIRE_FENCED, by_text, &it.keys, others);
        }
        None => call_on(call, &script::ACQUIRE, by_text, &it.keys, &[list]),
    }
    let (name, waited) = waiting.listed(it.terms.contender());
    call.arg(it.id.as_bytes())
        .arg(millis(it.ttl))
        .arg(waited)
        .arg(name)
        .arg(waiting.hinting_of_acquire());
    if let Some(fence) = &it.fence {
        call.arg(fence.proposal).arg(millis(fence.retention));
    }
}

fn extend(call: &mut Call<'_>, it: &Extend, label: Option<&str>, by_text: bool) {
    if it.keys.as_one().is_some() {
        // The script of those that share a call: sent by its text, it is there for all of them.
        return shared_extension(call, std::iter::once(it), label, by_text);
    }
    let is_fenced = it.fence_retention.is_some();
    call_on_counters(call, &script::EXTEND, by_text, &it.keys, is_fenced);
    call.arg(it.id.as_bytes()).arg(millis(it.ttl));
    match it.fence_retention {
        Some(retention) => {
            call.arg(millis(retention));
        }
        None if label.is_some() => {
            call.arg("");
        }
        None => {}
    }
    if let Some(label) = label {
        call.arg(label);
    }
}

/// Writes the script call of a release.
fn release(call: &mut Call<'_>, it: &Release, waiting: WaitingForm, by_text: bool) {
    if let Some(former) = &it.return_to {
        call_on(call, &script::RETURN, by_text, &it.keys, &[]);
        call.arg(it.id.as_bytes()).arg(former.as_bytes());
        return;
    }
    if let Some(delay) = expiry_delay(it) {
        call_on(call, &script::EXPIRE_AT, by_text, &it.keys, &[]);
        call.arg(it.id.as_bytes()).arg(millis(delay));
        return;
    }
    let (name, waited) = waiting.listed(it.requeue.as_deref());
    let hinting = waiting.hinting.as_bytes();
    if let (Some(key), false) = (it.keys.as_one(), waiting.lists_are_denied) {
        let words = release_words(call, key, it);
        script::RELEASE.start(call, by_text, 2);
        call.packed_words(words.keys(), 2);
        call.arg(hinting).arg(name).arg(waited);
        call.packed_words(words.arguments(), 1);
        return;
    }
    let list = OtherKey::list(waiting.lists_are_denied);
    call_on(call, &script::RELEASE, by_text, &it.keys, &[list]);
    call.arg(hinting)
        .arg(name)
        .arg(waited)
        .arg(it.id.as_bytes());
}

fn inspect(call: &mut Call<'_>, key: &[u8], waiting: WaitingForm, by_text: bool) {
    let list = OtherKey::list(waiting.lists_are_denied);
    script::INSPECT.start(call, by_text, 3);
    call.arg(key)
        .arg(OtherKey::Counter.beside(key))
        .arg(list.beside(key));
}

#[cfg(test)]
mod tests;
