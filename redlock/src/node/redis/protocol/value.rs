//! Readers for the values in a server's responses.

use std::time::Duration;

use deadpool_redis::redis::Value;

use crate::error::{NodeError, NodeErrorKind};
use crate::label;
use crate::lease_id::LeaseId;
use crate::node::redis::protocol::error;
use crate::node::{NodeResult, Record, Sight, Snapshot};
use crate::token::FencingToken;

/// Reads the response of `lua/inspect.lua`: a key, its counter, and the label of
/// its holder.
pub(crate) fn snapshot(value: &Value) -> Result<Snapshot, NodeError> {
    let Value::Array(fields) = value else {
        return Err(unexpected(value));
    };
    let [id, Value::Int(left), counter, waiters, label] = fields.as_slice() else {
        return Err(unexpected(value));
    };
    let label = match label {
        Value::BulkString(label) => label::read(label),
        _ => None,
    };
    let waiters = match waiters {
        Value::Int(waiters) => u32::try_from(*waiters).ok(),
        _ => None,
    };
    let id = match id {
        Value::BulkString(id) => Some(LeaseId::from(id)),
        _ => None,
    };
    let record = (*left != -2).then(|| Record::new(id, remaining_ttl(*left)).label(label));
    Ok(Snapshot::new(record, counter_value(counter).ok()).waiters(waiters))
}

/// Reads the response to `PTTL`. `None` is a key without expiry (-1). Zero is a key that is gone
/// (-2).
pub(crate) fn remaining_ttl(left: i64) -> Option<Duration> {
    match left {
        -1 => None,
        left => Some(Duration::from_millis(u64::try_from(left).unwrap_or(0))),
    }
}

/// Reads the time that each key has left.
pub(crate) fn sight(values: impl Iterator<Item = Value>) -> NodeResult<Sight> {
    let mut sight = Sight::Free;
    for value in values {
        sight = match (sight, value) {
            (sight, Value::Int(-2)) => sight,
            (Sight::Held { remaining: None }, Value::Int(_)) => sight,
            (Sight::Free, Value::Int(left)) => Sight::Held {
                remaining: remaining_ttl(left),
            },
            (Sight::Held { remaining }, Value::Int(left)) => {
                let longest = remaining.zip(remaining_ttl(left));
                Sight::Held {
                    remaining: longest.map(|(one, other)| one.max(other)),
                }
            }
            (_, Value::ServerError(error)) => {
                return Err(error::of_response(error.code(), error.details()));
            }
            (_, value) => return Err(unexpected(&value)),
        };
    }
    Ok(sight)
}

/// Reads a counter: a whole number that a floating point number represents exactly.
pub(crate) fn counter_value(value: &Value) -> Result<u64, NodeError> {
    let number = match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok()),
        // In RESP3.
        Value::Double(number) => number.to_string().parse().ok(),
        _ => None,
    };
    number
        .filter(|number| *number <= FencingToken::MAX.get())
        .ok_or_else(corrupt_counter)
}

/// Reads a response that is text of any kind.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// Reads the response to `TIME`, seconds and microseconds, as microseconds.
pub(crate) fn time_micros(value: &Value) -> Option<u64> {
    let Value::Array(fields) = value else {
        return None;
    };
    let number = |index: usize| text(fields.get(index)?)?.parse::<u64>().ok();
    number(0)?.checked_mul(1_000_000)?.checked_add(number(1)?)
}

/// The error of a counter that is corrupt or exhausted.
pub(crate) fn corrupt_counter() -> NodeError {
    NodeError::new(NodeErrorKind::Counter, "")
}

/// The error of a response whose type does not fit its command.
pub(crate) fn unexpected(value: &Value) -> NodeError {
    let found = match value {
        Value::Nil => "nil",
        Value::Int(_) => "an integer",
        Value::BulkString(_) | Value::SimpleString(_) | Value::Okay => "a string",
        Value::Array(_) => "an array",
        _ => "another type",
    };
    NodeError::new(
        NodeErrorKind::Protocol,
        format!("the server responded with {found}"),
    )
}
