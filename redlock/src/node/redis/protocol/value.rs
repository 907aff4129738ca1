//! What a server's values say.

use std::time::Duration;

use deadpool_redis::redis::Value;

use crate::error::{NodeError, NodeErrorKind};
use crate::lease_id::LeaseId;
use crate::node::{Record, Snapshot};
use crate::token::FencingToken;

/// What is under a key, and where its counter is.
pub(crate) fn snapshot(value: &Value) -> Result<Snapshot, NodeError> {
    let Value::Array(fields) = value else {
        return Err(unexpected(value));
    };
    let [id, Value::Int(left), counter] = fields.as_slice() else {
        return Err(unexpected(value));
    };
    let id = match id {
        Value::BulkString(id) => std::str::from_utf8(id).ok().map(LeaseId::from),
        _ => None,
    };
    let record = (*left != -2).then(|| Record::new(id, remaining(*left)));
    Ok(Snapshot::new(record, score(counter).ok()))
}

/// `PTTL` in our words: -1 is a key without expiry, -2 a key that is gone.
pub(crate) fn remaining(left: i64) -> Option<Duration> {
    match left {
        -1 => None,
        left => Some(Duration::from_millis(u64::try_from(left).unwrap_or(0))),
    }
}

/// A counter: a whole number that is exact as a floating point number.
pub(crate) fn score(value: &Value) -> Result<u64, NodeError> {
    let number = match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        Value::BulkString(text) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok()),
        // As the server's newer protocol has it.
        Value::Double(number) => number.to_string().parse().ok(),
        _ => None,
    };
    number
        .filter(|number| *number <= FencingToken::MAX.get())
        .ok_or_else(no_counter)
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
pub(crate) fn micros(value: &Value) -> Option<u64> {
    let Value::Array(fields) = value else {
        return None;
    };
    let number = |index: usize| text(fields.get(index)?)?.parse::<u64>().ok();
    number(0)?.checked_mul(1_000_000)?.checked_add(number(1)?)
}

pub(crate) fn no_counter() -> NodeError {
    NodeError::new(NodeErrorKind::Counter, "")
}

pub(crate) fn unexpected(value: &Value) -> NodeError {
    let kind = match value {
        Value::Nil => "nil",
        Value::Int(_) => "an integer",
        Value::BulkString(_) | Value::SimpleString(_) | Value::Okay => "a string",
        Value::Array(_) => "an array",
        _ => "another type",
    };
    NodeError::new(
        NodeErrorKind::Protocol,
        format!("the server answered with {kind}"),
    )
}
