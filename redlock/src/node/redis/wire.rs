//! Commands as a server reads them, and its answers as we understand them.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Cmd, Pipeline, Value};

use super::fault;
use super::script::{self, Source};
use crate::clock::Moment;
use crate::error::{NodeError, NodeErrorKind};
use crate::lease_id::LeaseId;
use crate::node::{Command, Extension, Identity, Record, Release, Removal, Reply, Vote};
use crate::validity;

/// A command in the form in which it goes to the server.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) command: Command,
    form: Form,
}

/// How a command is put to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As a command of the server's own.
    Native,
    /// As a script that the server has.
    Hash,
    /// As a script that the server had forgotten, by its text.
    Text,
    /// A native acquire was refused; now ask who has the key and for how long.
    Detail,
}

/// What an answer means for the command.
#[derive(Debug)]
pub(super) enum Settled {
    /// The answer was given to whoever asked.
    Answered,
    /// The command goes to the server once more, in another form.
    Again(Item),
    /// A release found no key of ours; the answer was given.
    NothingToRelease(Arc<[u8]>, LeaseId),
}

impl Item {
    pub(super) fn new(command: Command) -> Self {
        let form = match &command {
            // A third of the script's cost on the server, and as good where a grant is likely.
            Command::Acquire(acquire) if !acquire.contended => Form::Native,
            Command::Ping(_) => Form::Native,
            _ => Form::Hash,
        };
        Self { command, form }
    }

    /// Whether somebody still wants this to be sent.
    pub(super) fn is_wanted(&self) -> bool {
        match &self.command {
            Command::Acquire(acquire) => acquire.reply.is_wanted(),
            _ => true,
        }
    }

    /// What undoes this command, if it may have been carried out.
    pub(super) fn undo(&self) -> Option<Self> {
        let Command::Acquire(it) = &self.command else {
            return None;
        };
        let until = validity::gone_by(Moment::now(), it.ttl, 0.0);
        let (key, id, reply) = (Arc::clone(&it.key), it.id.clone(), Reply::ignored());
        Some(Self::new(Command::Release(Release {
            key,
            id,
            until,
            reply,
        })))
    }

    /// Adds the command to a pipeline, where it takes exactly one answer.
    pub(super) fn encode(&self, pipeline: &mut Pipeline) {
        match (&self.command, self.form) {
            (Command::Acquire(it), Form::Native) => {
                let _same = pipeline
                    .cmd("SET")
                    .arg(&*it.key)
                    .arg(it.id.as_str())
                    .arg("NX")
                    .arg("PX")
                    .arg(millis(it.ttl));
            }
            (Command::Acquire(it), Form::Detail) => {
                let _same = self.script(pipeline, &script::INSPECT).arg(&*it.key);
            }
            (Command::Acquire(it), _) => {
                let script = self.script(pipeline, &script::ACQUIRE);
                let _same = script.arg(&*it.key).arg(it.id.as_str()).arg(millis(it.ttl));
            }
            (Command::Extend(it), _) => {
                let script = self.script(pipeline, &script::EXTEND);
                let _same = script.arg(&*it.key).arg(it.id.as_str()).arg(millis(it.ttl));
            }
            (Command::Release(it), _) => {
                let script = self.script(pipeline, &script::RELEASE);
                let _same = script.arg(&*it.key).arg(it.id.as_str());
            }
            (Command::Inspect(it), _) => {
                let _same = self.script(pipeline, &script::INSPECT).arg(&*it.key);
            }
            (Command::Ping(_), _) => {
                let _same = pipeline.cmd("PING");
            }
        }
    }

    fn script<'p>(&self, pipeline: &'p mut Pipeline, source: &Source) -> &'p mut Pipeline {
        if self.form == Form::Text {
            pipeline.cmd("EVAL").arg(source.text).arg(1)
        } else {
            pipeline.cmd("EVALSHA").arg(&source.hash).arg(1)
        }
    }

    /// Understands the server's answer.
    ///
    /// `identity` is what the server told about itself when the connection was made.
    pub(super) fn settle(self, value: Value, identity: &Identity) -> Settled {
        if let Value::ServerError(error) = &value {
            if error.code() == "NOSCRIPT" && self.form != Form::Text {
                return self.script_forgotten();
            }
            self.command
                .fail(fault::of_answer(error.code(), error.details()));
            return Settled::Answered;
        }
        match self.command {
            Command::Acquire(it) => {
                let vote = match (self.form, &value) {
                    (_, Value::Okay) => Ok(Vote::Granted),
                    (Form::Native, Value::Nil) => {
                        return Settled::Again(Self {
                            command: Command::Acquire(it),
                            form: Form::Detail,
                        });
                    }
                    (Form::Detail, Value::Array(fields)) if fields.first() == Some(&Value::Nil) => {
                        Ok(Vote::NotALock)
                    }
                    (Form::Detail, _) => record(value).map(|record| Vote::Busy {
                        // A key that is gone meanwhile is as good as about to expire.
                        remaining: record.map_or(Some(Duration::ZERO), |record| record.remaining),
                    }),
                    (_, Value::Int(left)) => Ok(Vote::Busy {
                        remaining: remaining(*left),
                    }),
                    (_, Value::BulkString(_)) => Ok(Vote::NotALock),
                    _ => Err(unexpected(&value)),
                };
                it.reply.give(vote);
            }
            Command::Extend(it) => it.reply.give(match value {
                Value::Int(1) => Ok(Extension::Confirmed),
                Value::Int(0) => Ok(Extension::NotHeld),
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
                    return Settled::NothingToRelease(it.key, it.id);
                }
            }
            Command::Inspect(it) => it.reply.give(record(value)),
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
                it.reply.give(Err(NodeError::unsent(
                    NodeErrorKind::Closed,
                    "no longer wanted",
                )));
                Settled::Answered
            }
            // Who has it is worth knowing, not worth another round trip.
            Command::Acquire(it) if self.form == Form::Detail => {
                it.reply.give(Ok(Vote::Busy { remaining: None }));
                Settled::Answered
            }
            command => Settled::Again(Self {
                command,
                form: Form::Text,
            }),
        }
    }
}

/// The scripts as commands that make the server keep them.
pub(super) fn load_scripts(pipeline: &mut Pipeline) -> usize {
    let scripts = script::all();
    for script in scripts {
        let mut load = Cmd::new();
        load.arg("SCRIPT").arg("LOAD").arg(script.text);
        pipeline.add_command(load);
    }
    scripts.len()
}

fn record(value: Value) -> Result<Option<Record>, NodeError> {
    match value {
        Value::Nil => Ok(None),
        Value::Array(fields) => match fields.as_slice() {
            [Value::BulkString(id), Value::Int(left)] => Ok(Some(Record {
                id: std::str::from_utf8(id).ok().map(LeaseId::from),
                remaining: remaining(*left),
            })),
            [Value::Nil, Value::Int(left)] => Ok(Some(Record {
                id: None,
                remaining: remaining(*left),
            })),
            _ => Err(unexpected(&Value::Array(fields))),
        },
        _ => Err(unexpected(&value)),
    }
}

/// `PTTL` in our words: -1 is a key without expiry, -2 a key that is gone.
fn remaining(left: i64) -> Option<Duration> {
    match left {
        -1 => None,
        left => Some(Duration::from_millis(u64::try_from(left).unwrap_or(0))),
    }
}

fn millis(ttl: Duration) -> u64 {
    // What cannot be counted was refused by the configuration.
    validity::whole_millis(ttl).unwrap_or(u64::MAX)
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
