//! A server's answers as we understand them.

use std::time::Duration;

use deadpool_redis::redis::Value;

use super::fault;
use super::wire::{Form, Item};
use crate::error::{NodeError, NodeErrorKind};
use crate::fencing::MAX_TOKEN;
use crate::lease_id::LeaseId;
use crate::node::{
    Acquire, Answer, Command, Extension, Identity, Keys, Raised, Record, Removal, Snapshot, Stamp,
    Vote,
};

/// What an answer means for the command.
#[derive(Debug)]
pub(super) enum Settled {
    /// The answer was given to whoever asked.
    Answered,
    /// The command goes to the server once more, in another form.
    Again(Item),
    /// A release found no key of ours; the answer was given.
    NothingToRelease(Keys, LeaseId),
}

impl Item {
    /// Understands the server's answers, as many as [`answers`](Self::answers) says.
    ///
    /// `identity` is what the server told about itself when the connection was made.
    pub(super) fn settle(
        self,
        values: &mut impl Iterator<Item = Value>,
        identity: &Identity,
    ) -> Settled {
        let rest = self.answers() - 1;
        let value = values.next().unwrap_or(Value::Nil);
        let rest: Vec<Value> = values.take(rest).collect();
        if let Value::ServerError(error) = &value {
            if error.code() == "NOSCRIPT" && self.form != Form::Text {
                return self.script_forgotten();
            }
            self.command
                .fail(fault::of_answer(error.code(), error.details()));
            return Settled::Answered;
        }
        match self.command {
            Command::Acquire(it) if self.form == Form::Native && value == Value::Nil => {
                return Settled::Again(Self {
                    command: Command::Acquire(it),
                    form: Form::Detail,
                });
            }
            Command::Acquire(it) => {
                let vote = vote(self.form, &it, value, &rest);
                it.reply.give(vote);
            }
            Command::Extend(it) => it.reply.give(match value {
                Value::Int(1) => Ok(Extension::Confirmed),
                Value::Int(0) => Ok(Extension::NotHeld),
                _ => Err(unexpected(&value)),
            }),
            Command::Raise(it) => it.reply.give(match &value {
                Value::Int(1) => Ok(Raised::Moved),
                Value::Int(0) => Ok(Raised::NotHeld),
                Value::Array(fields) => fields.first().map_or_else(
                    || Err(unexpected(&value)),
                    |field| score(field).map(Raised::Beyond),
                ),
                Value::BulkString(_) => Err(no_counter()),
                _ => Err(unexpected(&value)),
            }),
            Command::Release(it) => {
                let removal = match value {
                    Value::Int(1) => Ok(Removal::Deleted),
                    Value::Int(0) => Ok(Removal::Absent),
                    _ => Err(unexpected(&value)),
                };
                let absent = removal == Ok(Removal::Absent);
                it.reply.give(removal);
                if absent {
                    return Settled::NothingToRelease(it.keys, it.id);
                }
            }
            Command::Inspect(it) => it.reply.give(snapshot(&value)),
            Command::Ping(it) => it.reply.give(match value {
                Value::SimpleString(_) => Ok(identity.clone()),
                _ => Err(unexpected(&value)),
            }),
        }
        Settled::Answered
    }

    /// The server has lost its scripts: it restarted, or they were flushed.
    fn script_forgotten(self) -> Settled {
        match self.command {
            // Once the round is given up its release may already be on its way, and an acquire
            // sent now would come after it.
            Command::Acquire(it) if !it.reply.is_wanted() => {
                let error = NodeError::unsent(NodeErrorKind::Closed, "no longer wanted");
                it.reply.give(Err(error));
                Settled::Answered
            }
            // Who has it is worth knowing, not worth another round trip.
            Command::Acquire(it) if self.form == Form::Detail => {
                it.reply.give(Ok(Vote::Busy {
                    remaining: None,
                    counter: None,
                }));
                Settled::Answered
            }
            command => Settled::Again(Self {
                command,
                form: Form::Text,
            }),
        }
    }
}

fn vote(form: Form, it: &Acquire, value: Value, rest: &[Value]) -> Answer<Vote> {
    match (form, &value, it.fence) {
        (Form::Detail, Value::Array(fields), _) => {
            let found = snapshot(&value)?;
            if fields.first() == Some(&Value::Nil) && found.record.is_some() {
                return Ok(Vote::NotALock);
            }
            // A key that is gone meanwhile is as good as about to expire.
            let remaining = found.record.map_or(Some(Duration::ZERO), |it| it.remaining);
            Ok(Vote::Busy {
                remaining,
                counter: found.counter,
            })
        }
        (_, Value::Okay, None) => Ok(Vote::Granted { stamp: None }),
        (Form::Native, Value::Okay, Some(fence)) => {
            let stamp = native_stamp(fence.proposal, rest)?;
            Ok(Vote::Granted { stamp: Some(stamp) })
        }
        (_, Value::Int(_), Some(_)) => Ok(Vote::Granted {
            stamp: Some(Stamp::Moved(score(&value)?)),
        }),
        (_, Value::Int(left), None) => Ok(Vote::Busy {
            remaining: remaining(*left),
            counter: None,
        }),
        (_, Value::Array(fields), Some(_)) => match fields.as_slice() {
            [Value::Int(left), counter] => Ok(Vote::Busy {
                remaining: remaining(*left),
                counter: score(counter).ok(),
            }),
            _ => Err(unexpected(&value)),
        },
        (_, Value::BulkString(text), _) if text == b"counter" => Err(no_counter()),
        (_, Value::BulkString(_), _) => Ok(Vote::NotALock),
        _ => Err(unexpected(&value)),
    }
}

/// What the commands behind a granted `SET` did to the counter.
fn native_stamp(proposal: u64, rest: &[Value]) -> Result<Stamp, NodeError> {
    match rest {
        [Value::ServerError(error), ..] if error.code() == "WRONGTYPE" => Err(no_counter()),
        [Value::ServerError(error), ..] => Err(fault::of_answer(error.code(), error.details())),
        [Value::Int(1), ..] => Ok(Stamp::Moved(proposal)),
        [Value::Int(_), counter, ..] => score(counter).map(Stamp::Beyond),
        [other, ..] => Err(unexpected(other)),
        [] => Err(unexpected(&Value::Nil)),
    }
}

fn snapshot(value: &Value) -> Result<Snapshot, NodeError> {
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
    let record = (*left != -2).then(|| Record {
        id,
        remaining: remaining(*left),
    });
    Ok(Snapshot {
        record,
        counter: score(counter).ok(),
    })
}

/// `PTTL` in our words: -1 is a key without expiry, -2 a key that is gone.
fn remaining(left: i64) -> Option<Duration> {
    match left {
        -1 => None,
        left => Some(Duration::from_millis(u64::try_from(left).unwrap_or(0))),
    }
}

/// A counter: a whole number that is exact as a floating point number.
fn score(value: &Value) -> Result<u64, NodeError> {
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
        .filter(|number| *number <= MAX_TOKEN)
        .ok_or_else(no_counter)
}

fn no_counter() -> NodeError {
    NodeError::new(NodeErrorKind::Counter, "")
}

fn unexpected(value: &Value) -> NodeError {
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
