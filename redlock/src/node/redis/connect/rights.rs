//! The rights that the end of a lock needs, checked before its beginning.
//!
//! An uncontended acquire is a plain `SET`, which most users may run. Extending and releasing need
//! scripts, and commands inside them. A user without these rights would get locks that nothing but
//! their ttl ends. So each handshake runs a script that tries these commands, by hash and by text.
//!
//! ```text
//! EVALSHA "6f94…" 0 redlock:probe     EVAL "local key …" 0 redlock:probe
//!
//! {nil, 0, -2, 0}                     -                   all rights are there
//! NOPERM … 'evalsha'                  {nil, 0, -2, 0}     scripts are sent by their text
//! NOPERM … 'evalsha'                  NOPERM … 'eval'     no vote
//! NOSCRIPT                            NOPERM … 'eval'     no vote: no script can be loaded
//! {nil, 0, -2, ERR … can't run …}     -                   no vote: PEXPIRE is missing
//! {ERR … can't access …, …}           -                   a key pattern forbids the key, so the
//!                                                         commands are permitted
//! ```
//!
//! Only clear evidence refuses a server. Any other error, of a proxy for example, is ignored: the
//! command that meets it reports it.

use deadpool_redis::redis::{Cmd, Value};

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::protocol::call::Call;
use crate::node::redis::protocol::dialect::ScriptCalls;
use crate::node::redis::protocol::{error, script};

/// The outcomes of the two calls of the script.
#[derive(Debug, Default)]
pub(crate) struct Rights {
    by_hash: Outcome,
    by_text: Outcome,
    /// The command inside the script that the user may not run, with what needs it.
    missing: Option<(&'static str, &'static str)>,
    /// Whether a write in the script failed because the server is a replica.
    is_replica: bool,
}

/// The outcome of a call of a script.
#[derive(Debug, Default, PartialEq, Eq)]
enum Outcome {
    /// The user may run the command, as far as it is known.
    #[default]
    Permitted,
    /// The user may not run the command, or the server does not have it.
    Denied,
    /// The server does not have the script.
    NotLoaded,
}

impl Rights {
    /// Returns the call that [`read_by_hash`](Self::read_by_hash) reads.
    pub(crate) fn probe_by_hash() -> Cmd {
        probe(false)
    }

    /// Returns the call that [`read_by_text`](Self::read_by_text) reads.
    pub(crate) fn probe_by_text() -> Cmd {
        probe(true)
    }

    pub(crate) fn read_by_hash(&mut self, response: &Value) {
        self.by_hash = self.read(response);
    }

    pub(crate) fn read_by_text(&mut self, response: &Value) {
        self.by_text = self.read(response);
    }

    fn read(&mut self, response: &Value) -> Outcome {
        match response {
            Value::ServerError(error) if is_denied(error.code(), error.details()) => {
                Outcome::Denied
            }
            Value::ServerError(error) if error.code() == "NOSCRIPT" => Outcome::NotLoaded,
            Value::Array(responses) => {
                for (command, response) in COMMANDS.iter().zip(responses) {
                    self.read_command(*command, response);
                }
                Outcome::Permitted
            }
            _ => Outcome::Permitted,
        }
    }

    fn read_command(&mut self, command: (&'static str, &'static str), response: &Value) {
        let Value::ServerError(error) = response else {
            return;
        };
        if error.code() == "READONLY" {
            self.is_replica = true;
        } else if is_denied_in_script(error.code(), error.details()) {
            self.missing.get_or_insert(command);
        }
    }

    /// Whether a write failed because the server is a replica.
    pub(crate) fn show_a_replica(&self) -> bool {
        self.is_replica
    }

    /// Returns the commands by which scripts can be called.
    pub(crate) fn script_calls(&self) -> ScriptCalls {
        match (&self.by_hash, &self.by_text) {
            (Outcome::Denied, _) => ScriptCalls::ByText,
            (_, Outcome::Denied) => ScriptCalls::ByHash,
            _ => ScriptCalls::Both,
        }
    }

    /// Returns the missing right, without which the server has no vote.
    pub(crate) fn refusal(&self) -> Option<NodeError> {
        let text = match (&self.by_hash, &self.by_text, self.missing) {
            (Outcome::Denied, Outcome::Denied, _) => "the user may run neither EVALSHA nor EVAL, \
                 without which no lock can be extended or released: allow +evalsha +script|load \
                 +eval"
                .to_owned(),
            (Outcome::NotLoaded, Outcome::Denied, _) => "the user may run neither SCRIPT LOAD nor \
                 EVAL, without which no lock can be extended or released: allow +script|load +eval"
                .to_owned(),
            (_, _, Some((command, purpose))) => format!(
                "the user may not run {}, without which no lock can be {purpose}: allow +{command}",
                command.to_uppercase()
            ),
            _ => return None,
        };
        Some(NodeError::unsent(NodeErrorKind::Permission, text))
    }
}

fn probe(by_text: bool) -> Cmd {
    let mut call = Cmd::new();
    script::PROBE.start(&mut Call::listed(&mut call), by_text, 0);
    call.arg(PROBE_KEY);
    call
}

/// Whether the user may not run a command that has no keys, or the server does not have it.
fn is_denied(code: &str, details: Option<&str>) -> bool {
    code == "NOPERM" || error::is_unknown_command(code, details)
}

/// Whether a script may not run a command, or the server does not have it.
///
/// The right to the key does not matter. The servers check it after the right to the command.
fn is_denied_in_script(code: &str, details: Option<&str>) -> bool {
    let text = format!("{code} {}", details.unwrap_or_default());
    let texts = [
        // Redis 6 and 7.0, then later ones and Valkey.
        "can't run this command",
        "has no permissions to run the",
        // A command that was renamed.
        "command called from script",
    ];
    texts.iter().any(|it| text.contains(it))
}

/// The commands of the script in the order of its responses, with what needs them.
const COMMANDS: [(&str, &str); 4] = [
    ("get", "extended or released"),
    ("del", "released"),
    ("pttl", "extended"),
    ("pexpire", "extended"),
];

/// A key that no lock has. The user may have no right to it, which does not matter.
const PROBE_KEY: &str = "redlock:probe";

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::parse_redis_value;

    use super::*;

    const NO_EVALSHA: &str = "-NOPERM User app has no permissions to run the 'evalsha' command\r\n";
    const NO_EVAL: &str =
        "-NOPERM this user has no permissions to run the 'eval' command or its subcommand\r\n";
    const UNKNOWN: &str = "-ERR unknown command 'EVALSHA', with args beginning with: '6f94'\r\n";
    const NO_SCRIPT: &str = "-NOSCRIPT No matching script. Please use EVAL.\r\n";
    const DONE: &str = "*4\r\n$-1\r\n:0\r\n:-2\r\n:0\r\n";

    fn rights(by_hash: &str, by_text: &str) -> Rights {
        let value = |text: &str| parse_redis_value(text.as_bytes()).unwrap();
        let mut rights = Rights::default();
        rights.read_by_hash(&value(by_hash));
        rights.read_by_text(&value(by_text));
        rights
    }

    /// Returns the responses of a script of which one command fails with `error`.
    fn failed(command: usize, error: &str) -> String {
        let mut responses = ["$-1\r\n", ":0\r\n", ":-2\r\n", ":0\r\n"].map(str::to_owned);
        responses[command] = format!("-{error}\r\n");
        format!("*4\r\n{}", responses.concat())
    }

    #[test]
    fn scripts_are_called_by_what_is_permitted() {
        let cases = [
            (DONE, DONE, ScriptCalls::Both),
            (DONE, NO_EVAL, ScriptCalls::ByHash),
            (NO_SCRIPT, DONE, ScriptCalls::Both),
            (NO_EVALSHA, DONE, ScriptCalls::ByText),
            (UNKNOWN, DONE, ScriptCalls::ByText),
        ];
        for (by_hash, by_text, expected) in cases {
            let rights = rights(by_hash, by_text);
            assert_eq!(rights.script_calls(), expected, "{by_hash} {by_text}");
            assert_eq!(rights.refusal(), None, "{by_hash} {by_text}");
        }
    }

    #[test]
    fn without_scripts_there_is_no_vote() {
        let cases = [
            (NO_EVALSHA, NO_EVAL, "+evalsha"),
            (UNKNOWN, UNKNOWN, "+evalsha"),
            (NO_SCRIPT, NO_EVAL, "+script|load"),
        ];
        for (by_hash, by_text, allow) in cases {
            let refusal = rights(by_hash, by_text).refusal().unwrap();
            assert_eq!(refusal.kind(), NodeErrorKind::Permission);
            assert!(refusal.message().contains(allow), "{refusal}");
            assert!(!refusal.is_sent());
        }
    }

    #[test]
    fn a_command_that_is_missing_inside_the_script_is_named() {
        let denials = [
            "@user_script: 1: The user executing the script can't run this command or subcommand",
            "ERR The user executing the script can't run this command or subcommand script: 6f94",
            "ERR ACL failure in script: User app has no permissions to run the 'x' command",
            "ERR Unknown Redis command called from script script: 6f94",
        ];
        for denial in denials {
            for (index, (command, _)) in COMMANDS.iter().enumerate() {
                let outcomes = failed(index, denial);
                for (by_hash, by_text) in [(&*outcomes, DONE), (NO_EVALSHA, &*outcomes)] {
                    let refusal = rights(by_hash, by_text).refusal().unwrap();
                    let allow = format!("allow +{command}");
                    assert!(refusal.message().ends_with(&allow), "{refusal}");
                }
            }
        }
    }

    #[test]
    fn other_errors_refuse_nothing() {
        let errors = [
            "ERR The user executing the script can't access at least one of the keys mentioned",
            "ERR ACL failure in script: No permissions to access a key",
            "NOREPLICAS Not enough good replicas to write.",
            "MISCONF Redis is configured to save RDB snapshots",
        ];
        for error in errors {
            for index in 0..COMMANDS.len() {
                let rights = rights(&failed(index, error), DONE);
                assert_eq!(rights.refusal(), None, "{error}");
                assert_eq!(rights.script_calls(), ScriptCalls::Both);
                assert!(!rights.show_a_replica());
            }
        }
        for odd in ["-ERR wrong number of arguments\r\n", "*0\r\n", "+OK\r\n"] {
            assert_eq!(rights(odd, odd).refusal(), None, "{odd}");
        }
        let replica = failed(1, "READONLY You can't write against a read only replica.");
        assert!(rights(&replica, DONE).show_a_replica());
    }
}
