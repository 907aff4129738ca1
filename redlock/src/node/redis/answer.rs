//! A server's answers as we understand them.

use std::time::Duration;

use deadpool_redis::redis::Value;

use super::fault;
use super::wire::{Form, Item};
use crate::error::{NodeError, NodeErrorKind};
use crate::fencing::MAX_TOKEN;
use crate::lease_id::LeaseId;
use crate::node::{
    Acquire, Answer, Command, Extension, Identity, Raised, Record, Release, Removal, Reply,
    Snapshot, Stamp, Vote,
};

/// What an answer means for the command.
#[derive(Debug)]
pub(super) enum Settled {
    /// The answer was given to whoever asked.
    Answered,
    /// The command goes to the server once more, in another form.
    Again(Item),
    /// A release found no key of ours; the answer was given.
    NothingToRelease(Release),
}

impl Item {
    /// Understands the server's answers.
    ///
    /// `identity` is what the server told about itself when the connection was made.
    pub(super) fn settle(
        self,
        answers: &mut impl Iterator<Item = Value>,
        identity: &Identity,
    ) -> Settled {
        let value = answers.next().unwrap_or(Value::Nil);
        if let Value::ServerError(error) = &value {
            if error.code() == "NOSCRIPT" && self.form != Form::Text {
                return self.script_forgotten();
            }
            self.command
                .fail(fault::of_answer(error.code(), error.details()));
            return Settled::Answered;
        }
        match self.command {
            Command::Acquire(it) => return settle_acquire(self.form, it, value, answers),
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
            Command::Release(it) => return settle_release(it, &value),
            Command::Inspect(it) => it.reply.give(snapshot(&value)),
            Command::Ping(it) => it.reply.give(match value {
                Value::SimpleString(_) => Ok(identity.clone()),
                _ => Err(unexpected(&value)),
            }),
        }
        Settled::Answered
    }

    /// Understands the answer to a script that was shared by `releases`.
    pub(super) fn settle_releases(
        releases: impl ExactSizeIterator<Item = Self>,
        value: Value,
        then: &mut impl FnMut(Settled),
    ) {
        match value {
            Value::Array(values) => {
                // The server answers for each: any that is missing is answered as unexpected.
                let values = values.into_iter().chain(std::iter::repeat(Value::Nil));
                for (item, value) in releases.zip(values) {
                    then(item.settle(&mut std::iter::once(value), &Identity::default()));
                }
            }
            // One of them made it fail, perhaps for a key that is not to be touched.
            Value::ServerError(error) if error.code() != "NOSCRIPT" && releases.len() > 1 => {
                for item in releases {
                    then(Settled::Again(Self {
                        form: Form::Alone,
                        ..item
                    }));
                }
            }
            value => {
                for item in releases {
                    then(item.settle(&mut std::iter::once(value.clone()), &Identity::default()));
                }
            }
        }
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

fn settle_acquire(
    form: Form,
    it: Acquire,
    value: Value,
    more: &mut impl Iterator<Item = Value>,
) -> Settled {
    let vote = match (form, &value, it.fence) {
        (Form::Native, Value::Nil, _) => {
            return Settled::Again(Item {
                command: Command::Acquire(it),
                form: Form::Detail,
            });
        }
        (Form::Native, Value::Okay, Some(fence)) => {
            let moved = more.next().unwrap_or(Value::Nil);
            if fence.is_tried && moved == Value::Int(0) {
                return Settled::Again(Item {
                    command: Command::Acquire(it),
                    form: Form::Stamp,
                });
            }
            native_stamp(fence.proposal, &moved, more).map(Some)
        }
        (Form::Native, Value::Okay, None) => Ok(None),
        _ => {
            it.reply.give(vote(form, &value, it.fence.is_some()));
            return Settled::Answered;
        }
    };
    it.reply.give(vote.map(|stamp| Vote::Granted { stamp }));
    Settled::Answered
}

/// What a script, or a second look, has to say.
fn vote(form: Form, value: &Value, is_fenced: bool) -> Answer<Vote> {
    match (form, value, is_fenced) {
        (Form::Detail, Value::Array(fields), _) => {
            let found = snapshot(value)?;
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
        (Form::Stamp, Value::Array(fields), _) => match fields.as_slice() {
            [stamp] => Ok(Vote::Granted {
                stamp: Some(Stamp::Moved(score(stamp)?)),
            }),
            _ => Err(unexpected(value)),
        },
        // Granted, and gone before its counter was moved.
        (Form::Stamp, Value::Int(0), _) => Ok(Vote::Busy {
            remaining: Some(Duration::ZERO),
            counter: None,
        }),
        (_, Value::Okay, false) => Ok(Vote::Granted { stamp: None }),
        (_, Value::Int(_), true) => Ok(Vote::Granted {
            stamp: Some(Stamp::Moved(score(value)?)),
        }),
        (_, Value::Int(left), false) => Ok(Vote::Busy {
            remaining: remaining(*left),
            counter: None,
        }),
        (_, Value::Array(fields), true) => match fields.as_slice() {
            [Value::Int(left)] => Ok(Vote::Busy {
                remaining: remaining(*left),
                counter: None,
            }),
            _ => Err(unexpected(value)),
        },
        (_, Value::BulkString(text), _) if text == b"counter" => Err(no_counter()),
        (_, Value::BulkString(_), _) => Ok(Vote::NotALock),
        _ => Err(unexpected(value)),
    }
}

/// What the commands behind a granted `SET` did to the counter.
fn native_stamp(
    proposal: u64,
    moved: &Value,
    more: &mut impl Iterator<Item = Value>,
) -> Result<Stamp, NodeError> {
    match moved {
        Value::ServerError(error) if error.code() == "WRONGTYPE" => Err(no_counter()),
        Value::ServerError(error) => Err(fault::of_answer(error.code(), error.details())),
        Value::Int(1) => Ok(Stamp::Moved(proposal)),
        Value::Int(_) => score(&more.next().unwrap_or(Value::Nil)).map(Stamp::Beyond),
        other => Err(unexpected(other)),
    }
}

fn settle_release(mut it: Release, value: &Value) -> Settled {
    let removal = match value {
        Value::Int(done) => Ok(removal(*done)),
        // A script that answers for each key was called for the keys of one release.
        Value::Array(done) if done.len() == it.keys.as_slice().len() => {
            done.iter()
                .try_fold(Removal::Absent, |all, done| match done {
                    Value::Int(0) => Ok(all),
                    Value::Int(_) => Ok(Removal::Deleted),
                    Value::ServerError(error) => {
                        Err(fault::of_answer(error.code(), error.details()))
                    }
                    _ => Err(unexpected(value)),
                })
        }
        _ => Err(unexpected(value)),
    };
    let is_absent = removal == Ok(Removal::Absent);
    std::mem::replace(&mut it.reply, Reply::ignored()).give(removal);
    if is_absent {
        Settled::NothingToRelease(it)
    } else {
        Settled::Answered
    }
}

fn removal(done: i64) -> Removal {
    if done == 0 {
        Removal::Absent
    } else {
        Removal::Deleted
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
