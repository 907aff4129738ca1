//! A server's answers as we understand them.

use deadpool_redis::redis::{ServerError, Value};

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::protocol::decode_acquire::settle_acquire;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::request::{Encoding, Request, Settled};
use crate::node::redis::protocol::value::{no_counter, score, snapshot, unexpected};
use crate::node::{Command, Extension, Identity, Raised, Release, Removal, Responder, Vote};

impl Request {
    /// Understands the server's answers.
    ///
    /// `identity` is what the server told about itself when the connection was made.
    pub(crate) fn settle(
        self,
        responses: &mut impl Iterator<Item = Value>,
        identity: &Identity,
    ) -> Settled {
        let value = responses.next().unwrap_or(Value::Nil);
        if let Value::ServerError(error) = &value {
            if error.code() == "NOSCRIPT" && self.encoding != Encoding::Eval {
                return self.script_forgotten();
            }
            if matches!(self.encoding, Encoding::CompareDelete(_)) {
                return self.not_deleted(error);
            }
            self.command
                .fail(error::of_answer(error.code(), error.details()));
            return Settled::Done;
        }
        match self.command {
            Command::Acquire(it) => return settle_acquire(self.encoding, it, value, responses),
            Command::Extend(it) => it.responder.send(match value {
                Value::Int(1) => Ok(Extension::Confirmed),
                Value::Int(0) => Ok(Extension::NotHeld),
                _ => Err(unexpected(&value)),
            }),
            Command::Raise(it) => it.responder.send(match &value {
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
            Command::Inspect(it) => it.responder.send(snapshot(&value)),
            Command::Ping(it) => it.responder.send(match value {
                Value::SimpleString(_) => Ok(identity.clone()),
                _ => Err(unexpected(&value)),
            }),
        }
        Settled::Done
    }

    /// Understands the answer to a script that was shared by `releases`.
    pub(crate) fn settle_releases(
        releases: impl ExactSizeIterator<Item = Self>,
        value: Value,
        then: &mut impl FnMut(Settled),
    ) {
        match value {
            Value::Array(values) => {
                // The server answers for each: any that is missing is answered as unexpected.
                let values = values.into_iter().chain(std::iter::repeat(Value::Nil));
                for (request, value) in releases.zip(values) {
                    then(request.settle(&mut std::iter::once(value), &Identity::default()));
                }
            }
            // One of them made it fail, perhaps for a key that is not to be touched.
            Value::ServerError(error) if error.code() != "NOSCRIPT" && releases.len() > 1 => {
                for request in releases {
                    then(Settled::Resend(Self {
                        encoding: Encoding::EvalshaAlone,
                        ..request
                    }));
                }
            }
            value => {
                for request in releases {
                    then(request.settle(&mut std::iter::once(value.clone()), &Identity::default()));
                }
            }
        }
    }

    /// The server has lost its scripts: it restarted, or they were flushed.
    fn script_forgotten(self) -> Settled {
        match self.command {
            // Once the round is given up its release may already be on its way, and an acquire
            // sent now would come after it.
            Command::Acquire(it) if !it.responder.is_wanted() => {
                let error = NodeError::unsent(NodeErrorKind::Closed, "no longer wanted");
                it.responder.send(Err(error));
                Settled::Done
            }
            // Who has it is worth knowing, not worth another round trip.
            Command::Acquire(it) if self.encoding == Encoding::Inspect => {
                it.responder.send(Ok(Vote::Busy {
                    remaining: None,
                    counter: None,
                }));
                Settled::Done
            }
            command => Settled::Resend(Self {
                command,
                encoding: Encoding::Eval,
            }),
        }
    }

    /// The server's own command for a release has failed.
    fn not_deleted(self, error: &ServerError) -> Settled {
        let details = error.details().unwrap_or_default();
        match (error.code(), self.command) {
            // A key of another type is not ours.
            ("WRONGTYPE", Command::Release(it)) => settle_release(it, &Value::Int(0)),
            ("NOPERM", command) => Settled::Unsupported(Self::alone(command)),
            ("ERR", command) if details.starts_with("unknown command") => {
                Settled::Unsupported(Self::alone(command))
            }
            // Of a key of another type, in words that are nobody's promise. A script knows.
            ("ERR", command) => Settled::Resend(Self::alone(command)),
            (code, command) => {
                command.fail(error::of_answer(code, error.details()));
                Settled::Done
            }
        }
    }

    fn alone(command: Command) -> Self {
        let encoding = Encoding::EvalshaAlone;
        Self { command, encoding }
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
                        Err(error::of_answer(error.code(), error.details()))
                    }
                    _ => Err(unexpected(value)),
                })
        }
        _ => Err(unexpected(value)),
    };
    let is_absent = removal == Ok(Removal::Absent);
    std::mem::replace(&mut it.responder, Responder::ignored()).send(removal);
    if is_absent {
        Settled::NothingReleased(it)
    } else {
        Settled::Done
    }
}

fn removal(done: i64) -> Removal {
    if done == 0 {
        Removal::Absent
    } else {
        Removal::Deleted
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use deadpool_redis::redis::parse_redis_value;

    use super::*;
    use crate::node::redis::protocol::compare_delete::CompareDelete;
    use crate::time::clock::Moment;

    type Heard = Arc<Mutex<Vec<Result<Removal, NodeErrorKind>>>>;

    /// A release by the server's own command, and what is made of the server's answer.
    fn settled(response: &str) -> (Settled, Vec<Result<Removal, NodeErrorKind>>) {
        let responded_at = Heard::default();
        let on_push = Arc::clone(&responded_at);
        let responder = Responder::from_fn(move |response: Result<_, NodeError>| {
            let response = response.map_err(|error| error.kind());
            on_push.lock().unwrap().push(response);
        });
        let request = Request {
            command: Command::Release(Release::new(
                Arc::<[u8]>::from(&b"a"[..]).into(),
                "1".into(),
                Moment::now(),
                responder,
            )),
            encoding: Encoding::CompareDelete(CompareDelete::IfEq),
        };
        let value = parse_redis_value(response.as_bytes()).unwrap();
        let settled = request.settle(&mut std::iter::once(value), &Identity::default());
        let responded_at = std::mem::take(&mut *responded_at.lock().unwrap());
        (settled, responded_at)
    }

    #[test]
    fn a_deletion_is_answered_and_so_is_a_key_that_is_not_ours() {
        let (settled_as, responded_at) = settled(":1\r\n");
        assert!(matches!(settled_as, Settled::Done), "{settled_as:?}");
        assert_eq!(responded_at, [Ok(Removal::Deleted)]);
        for absent in [":0\r\n", "-WRONGTYPE Operation against a key\r\n"] {
            let (settled_as, responded_at) = settled(absent);
            let is_expected = matches!(settled_as, Settled::NothingReleased(_));
            assert!(is_expected, "{absent}: {settled_as:?}");
            assert_eq!(responded_at, [Ok(Removal::Absent)]);
        }
    }

    #[test]
    fn a_command_that_is_refused_is_followed_by_a_script_and_not_used_again() {
        let refusals = [
            "-NOPERM User app has no permissions to run the 'delifeq' command\r\n",
            "-ERR unknown command 'DELIFEQ', with args beginning with: 'a' '1' \r\n",
        ];
        for refusal in refusals {
            let (settled, responded_at) = settled(refusal);
            let is_expected = matches!(
                settled,
                Settled::Unsupported(Request {
                    encoding: Encoding::EvalshaAlone,
                    ..
                })
            );
            assert!(is_expected, "{refusal}: {settled:?}");
            assert_eq!(responded_at, []);
        }
    }

    #[test]
    fn a_command_that_a_key_made_fail_is_followed_by_a_script() {
        let (settled, responded_at) = settled("-ERR Key should be of string type\r\n");
        let is_expected = matches!(
            settled,
            Settled::Resend(Request {
                encoding: Encoding::EvalshaAlone,
                ..
            })
        );
        assert!(is_expected, "{settled:?}");
        assert_eq!(responded_at, []);
    }

    #[test]
    fn a_server_that_refuses_whatever_it_is_asked_is_not_asked_again() {
        let refusals = [
            ("-READONLY You can't write\r\n", NodeErrorKind::ReadOnly),
            ("-MOVED 1 127.0.0.1:7000\r\n", NodeErrorKind::Server),
        ];
        for (refusal, kind) in refusals {
            let (settled_as, responded_at) = settled(refusal);
            assert!(matches!(settled_as, Settled::Done), "{settled_as:?}");
            assert_eq!(responded_at, [Err(kind)]);
        }
    }
}
