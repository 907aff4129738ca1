//! The responses to a request, read and sent to its caller.

use std::sync::Arc;

use deadpool_redis::redis::{ServerError, Value};

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::protocol::decode_acquire::settle_acquire;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::request::{Encoding, Request, Settled, Waiters};
use crate::node::redis::protocol::value::{
    corrupt_counter, counter_value, remaining_ttl, sight, snapshot, unexpected,
};
use crate::node::{
    Adopted, Command, Extension, Identity, NodeResult, Raised, Rearmed, Release, Removal,
    Responder, Stamp, Vote,
};

impl Request {
    /// Reads the responses to the request, and sends the result to its caller.
    ///
    /// `identity` is the server's identity from the handshake.
    #[inline]
    pub(crate) fn settle(
        self,
        responses: &mut impl Iterator<Item = Value>,
        identity: &Identity,
    ) -> Settled {
        if let Command::Identify(_) = &self.command {
            return self.settle_identify(responses);
        }
        match self.command.record_check() {
            None => self.settle_command(responses, identity),
            Some(check) => {
                let check = Arc::clone(check);
                self.settle_checked(&check, responses, identity)
            }
        }
    }

    /// Settles a request whose first response decides whether it failed.
    #[inline]
    pub(super) fn settle_command(
        self,
        responses: &mut impl Iterator<Item = Value>,
        identity: &Identity,
    ) -> Settled {
        let value = responses.next().unwrap_or(Value::Nil);
        if let Value::ServerError(error) = &value {
            return self.settle_error(error);
        }
        match self.command {
            Command::Acquire(it) => return settle_acquire(self.encoding, it, value, responses),
            Command::Extend(it) => {
                it.responder.send(extension(&value));
                if value == Value::Int(2) {
                    return Settled::LabelsDenied;
                }
            }
            Command::Raise(it) => it.responder.send(raised(&value)),
            Command::Rearm(it) => it.responder.send(rearmed(&value)),
            Command::Adopt(it) => it.responder.send(adopted(&value)),
            Command::Release(it) => {
                let has_waiters = responses.next() == Some(Value::Int(1));
                return settle_release(it, &value, has_waiters);
            }
            Command::Leave(it) if value == Value::Int(1) => return Settled::Hinted(it.keys),
            Command::Leave(_) => {}
            Command::Look(it) => {
                let keys = it.keys.as_slice().len();
                let rest = responses.take(keys.saturating_sub(1));
                it.responder.send(sight(std::iter::once(value).chain(rest)));
            }
            Command::Inspect(it) => it.responder.send(snapshot(&value)),
            // Settled before: it has several responses.
            Command::Identify(it) => it.responder.send(Err(unexpected(&value))),
            Command::Ping(it) => it.responder.send(match value {
                Value::SimpleString(_) => Ok(identity.clone()),
                _ => Err(unexpected(&value)),
            }),
        }
        Settled::Done
    }

    /// Settles a simple release from the value for it. `has_waiters`: whether a second response shows
    /// waiters.
    pub(super) fn settle_release(self, value: &Value, has_waiters: bool) -> Settled {
        match (value, self.command) {
            (Value::ServerError(error), command) => Self { command, ..self }.settle_error(error),
            (_, Command::Release(it)) => settle_release(it, value, has_waiters),
            // A batch has simple releases only in their places.
            (_, command) => Settled::failed(command, unexpected(value)),
        }
    }

    pub(super) fn settle_error(self, server_error: &ServerError) -> Settled {
        if error::is_displaced(server_error.code(), server_error.details()) {
            let error = error::of_response(server_error.code(), server_error.details());
            return Settled::Displaced(self.command, error);
        }
        if server_error.code() == "NOSCRIPT" {
            if self.encoding != Encoding::Eval {
                return self.settle_missing_script();
            }
            // Scripts cannot be sent by their text. The next handshake loads them.
            let error = error::of_response("NOSCRIPT", server_error.details());
            return Settled::Displaced(self.command, error);
        }
        if matches!(self.encoding, Encoding::CompareDelete(_)) {
            return self.settle_refused_delete(server_error);
        }
        if server_error.code() == "NOPERM" && self.names_lists() && self.is_wanted() {
            return Settled::Resend(Self {
                command: self.command,
                encoding: Encoding::WithoutLists,
            });
        }
        let error = error::of_response(server_error.code(), server_error.details());
        Settled::failed(self.command, error)
    }

    /// Settles a request whose script the server no longer has, after a restart or a flush.
    fn settle_missing_script(self) -> Settled {
        if !self.is_wanted() {
            // The release of a lease that has ended may already be in flight. A command that sets keys
            // now would follow it.
            let error = NodeError::unsent(NodeErrorKind::Closed, "no longer wanted");
            self.fail(&error);
            return Settled::Done;
        }
        match self.command {
            // Knowing the holder is not worth another round trip.
            Command::Acquire(it) if self.encoding == Encoding::Inspect => {
                it.responder.send(Ok(Vote::Busy {
                    remaining: None,
                    counter: None,
                    rank: None,
                }));
                Settled::Busy(it.terms.keys.clone())
            }
            command => Settled::Resend(Self {
                command,
                encoding: Encoding::Eval,
            }),
        }
    }

    /// Settles a release for which the server's native command failed.
    fn settle_refused_delete(self, server_error: &ServerError) -> Settled {
        match (server_error.code(), self.command) {
            // A key of another type is not ours.
            ("WRONGTYPE", Command::Release(it)) => settle_release(it, &Value::Int(0), false),
            ("NOPERM", command) => Settled::Unsupported(Self::alone(command)),
            (code, command) if error::is_unknown_command(code, server_error.details()) => {
                Settled::Unsupported(Self::alone(command))
            }
            // Probably a key of another type, but the text is not part of any contract. A script
            // finds out.
            ("ERR", command) => Settled::Resend(Self::alone(command)),
            (code, command) => {
                let error = error::of_response(code, server_error.details());
                Settled::failed(command, error)
            }
        }
    }

    fn alone(command: Command) -> Self {
        let encoding = Encoding::EvalshaAlone;
        Self { command, encoding }
    }
}

fn extension(value: &Value) -> NodeResult<Extension> {
    match value {
        // 2: without the label.
        Value::Int(1 | 2) => Ok(Extension::Confirmed),
        Value::Int(0) => Ok(Extension::NotHeld),
        Value::Int(-1) => Ok(Extension::Contested),
        _ => Err(unexpected(value)),
    }
}

fn raised(value: &Value) -> NodeResult<Raised> {
    match value {
        Value::Int(1) => Ok(Raised::Moved),
        Value::Int(0) => Ok(Raised::NotHeld),
        Value::Array(fields) => match fields.first() {
            Some(counter) => counter_value(counter).map(Raised::Beyond),
            None => Err(unexpected(value)),
        },
        Value::BulkString(_) => Err(corrupt_counter()),
        _ => Err(unexpected(value)),
    }
}

fn rearmed(value: &Value) -> NodeResult<Rearmed> {
    match value {
        Value::Okay => Ok(Rearmed::Armed),
        Value::Int(left) => Ok(Rearmed::Busy {
            remaining: remaining_ttl(*left),
        }),
        Value::BulkString(_) => Ok(Rearmed::NotALock),
        _ => Err(unexpected(value)),
    }
}

fn adopted(value: &Value) -> NodeResult<Adopted> {
    match value {
        Value::Okay => Ok(Adopted::Changed { stamp: None }),
        Value::Int(0) => Ok(Adopted::NotHeld),
        Value::Int(-1) => Ok(Adopted::Contested),
        Value::Int(_) => {
            let stamp = counter_value(value)?;
            let stamp = Some(Stamp::Moved(stamp));
            Ok(Adopted::Changed { stamp })
        }
        Value::BulkString(_) => Err(corrupt_counter()),
        _ => Err(unexpected(value)),
    }
}

/// `has_waiters`: whether the response to a command behind the release shows waiters.
fn settle_release(mut it: Release, value: &Value, has_waiters: bool) -> Settled {
    let waiters = match value {
        Value::Int(..0) => Waiters::Hinted,
        Value::Array(values) if values.iter().any(|it| matches!(it, Value::Int(..0))) => {
            Waiters::Hinted
        }
        _ if has_waiters => Waiters::ToHint,
        _ => Waiters::None,
    };
    let removal =
        match value {
            Value::Int(deleted) => Ok(removal(*deleted)),
            // One value for each key of the release.
            Value::Array(values) if values.len() == it.keys.as_slice().len() => values
                .iter()
                .try_fold(Removal::Absent, |removal, deleted| match deleted {
                    Value::Int(0 | -2) => Ok(removal),
                    Value::Int(_) => Ok(Removal::Deleted),
                    Value::ServerError(error) => {
                        Err(error::of_response(error.code(), error.details()))
                    }
                    _ => Err(unexpected(value)),
                }),
            _ => Err(unexpected(value)),
        };
    match removal {
        Ok(removal) => {
            std::mem::replace(&mut it.responder, Responder::ignored()).send(Ok(removal));
            Settled::Released(it, waiters)
        }
        Err(error) => Settled::failed(Command::Release(it), error),
    }
}

fn removal(deleted: i64) -> Removal {
    // -2: the key was not ours, and a waiter was hinted.
    if deleted == 0 || deleted == -2 {
        Removal::Absent
    } else {
        Removal::Deleted
    }
}

#[cfg(test)]
mod tests;
