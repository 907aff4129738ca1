//! The responses to an acquire, in each of its encodings.

use std::time::Duration;

use deadpool_redis::redis::Value;

use crate::error::NodeError;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::request::{Encoding, Request, Settled};
use crate::node::redis::protocol::value::{
    corrupt_counter, counter_value, remaining_ttl, snapshot, unexpected,
};
use crate::node::{Acquire, Command, NodeResult, Stamp, Vote};

/// Settles an acquire that was sent with `encoding`, from its first response `value` and `more`.
pub(crate) fn settle_acquire(
    encoding: Encoding,
    it: Acquire,
    value: Value,
    more: &mut impl Iterator<Item = Value>,
) -> Settled {
    let stamp = match (encoding, &value, it.fence) {
        (Encoding::Native, Value::Nil, _) => {
            // A contender that goes on waiting joins the waiting list. One that does not only needs
            // to know the holder's time.
            let encoding = match it.terms.contender() {
                Some(_) => Encoding::Evalsha,
                None => Encoding::Inspect,
            };
            return Settled::Resend(Request {
                command: Command::Acquire(it),
                encoding,
            });
        }
        (Encoding::Native, Value::Okay, Some(fence)) => {
            let moved = more.next().unwrap_or(Value::Nil);
            let mut counter = Value::Nil;
            if moved == Value::Int(0) {
                if !fence.is_likely_accepted {
                    counter = more.next().unwrap_or(Value::Nil);
                }
                // The counter was not read, or does not exist.
                if counter == Value::Nil {
                    return Settled::Resend(Request {
                        command: Command::Acquire(it),
                        encoding: Encoding::Stamp,
                    });
                }
            }
            native_stamp(fence.proposal, &moved, &counter).map(Some)
        }
        (Encoding::Native, Value::Okay, None) => Ok(None),
        _ => {
            let vote = script_vote(encoding, &value, it.fence.is_some());
            let settled = match &vote {
                Ok(Vote::Busy { rank: None, .. }) if is_unlisted(&value) => {
                    Settled::Unlisted(it.terms.keys.clone())
                }
                Ok(Vote::Busy { .. }) => Settled::Busy(it.terms.keys.clone()),
                _ => Settled::Done,
            };
            it.responder.send(vote);
            return settled;
        }
    };
    it.responder
        .send(stamp.map(|stamp| Vote::Granted { stamp }));
    Settled::Done
}

/// Reads the response of a script: acquire, inspect or stamp.
fn script_vote(encoding: Encoding, value: &Value, is_fenced: bool) -> NodeResult<Vote> {
    match (encoding, value, is_fenced) {
        (Encoding::Inspect, Value::Array(fields), _) => {
            let found = snapshot(value)?;
            if fields.first() == Some(&Value::Nil) && found.record.is_some() {
                return Ok(Vote::NotALock);
            }
            // The key has expired since it was refused: it may be acquired now.
            let remaining = found.record.map_or(Some(Duration::ZERO), |it| it.remaining);
            Ok(Vote::Busy {
                remaining,
                counter: found.counter,
                rank: None,
            })
        }
        // Granted, but expired before its counter was moved.
        (Encoding::Stamp, Value::Int(0), _) => Ok(Vote::Busy {
            remaining: Some(Duration::ZERO),
            counter: None,
            rank: None,
        }),
        (_, Value::Okay, false) => Ok(Vote::Granted { stamp: None }),
        (_, Value::Int(_), true) => Ok(Vote::Granted {
            stamp: Some(Stamp::Moved(counter_value(value)?)),
        }),
        (_, Value::BulkString(text), _) => match &**text {
            b"counter" => Err(corrupt_counter()),
            b"type" => Ok(Vote::NotALock),
            text => refusal(text).ok_or_else(|| unexpected(value)),
        },
        _ => Err(unexpected(value)),
    }
}

/// Whether the server refused to list the waiter.
fn is_unlisted(value: &Value) -> bool {
    matches!(value, Value::BulkString(text) if text.ends_with(b" -1"))
}

/// Reads `left rank`: the milliseconds that a key has left, and the number of waiters ahead.
fn refusal(text: &[u8]) -> Option<Vote> {
    let (left, rank) = std::str::from_utf8(text).ok()?.split_once(' ')?;
    Some(Vote::Busy {
        remaining: remaining_ttl(left.parse().ok()?),
        counter: None,
        rank: rank.parse().ok(),
    })
}

/// Reads the responses to the commands that follow a granted `SET`: the counter's movement, and its
/// value if it did not move.
fn native_stamp(proposal: u64, moved: &Value, counter: &Value) -> Result<Stamp, NodeError> {
    match moved {
        Value::ServerError(error) if error.code() == "WRONGTYPE" => Err(corrupt_counter()),
        Value::ServerError(error) => Err(error::of_response(error.code(), error.details())),
        Value::Int(1) => Ok(Stamp::Moved(proposal)),
        Value::Int(_) => counter_value(counter).map(Stamp::Beyond),
        other => Err(unexpected(other)),
    }
}
