//! Waiting lists on a server: the channel on which a session is hinted, and the rights they need.
//!
//! A session that may be hinted subscribes to a channel of its own, and is listed under the name of
//! that channel. These commands are sent once on each connection, in a batch of their own:
//!
//! ```text
//! PUBSUB NUMSUB redlock:wait:5f3c…    whether waiters that are gone can be recognized
//! EXISTS redlock:wait:5f3c…           whether releases can find out that a key is kept for a waiter
//! ZPOPMIN redlock:wait:5f3c…          whether releases can take waiters off a list
//! ZREM, ZADD XX, ZRANK                whether the session's waiters can join lists and leave them
//! SUBSCRIBE redlock:wait:5f3c…        only if pushes are known to arrive
//! PUBLISH redlock:wait:5f3c… ""       whether releases can hint. The session receives this message
//! ```
//!
//! No other batch is sent before the responses are there. The confirmation of a subscription is a
//! push, which a proxy may drop. The response to a later command would then be taken for it, and all
//! responses would be one off.

use std::fmt;

use deadpool_redis::redis::{PushKind, ServerError, Value};

use crate::node::Waiter;
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::script::CHANNEL;
use crate::random;

/// The name under which a session is listed, unique among all sessions.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SessionName([u8; 16]);

/// How a connection takes part in waiting lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WaitingForm {
    pub(crate) name: SessionName,
    /// Whether hints reach the session, so that it may be listed.
    pub(crate) can_join: bool,
    pub(crate) hinting: Hinting,
    /// Whether the user may not access the keys of waiting lists. Scripts then do without.
    pub(crate) lists_are_denied: bool,
}

/// How the scripts of a connection hint waiters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Hinting {
    /// The user may not publish, or it is not known yet.
    #[default]
    Off,
    /// The user may also count subscribers.
    Count,
    /// The user may only publish.
    Blind,
}

impl SessionName {
    pub(crate) fn draw() -> Self {
        Self(random::hex(random::bytes::<8>()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn channel(self) -> Vec<u8> {
        [CHANNEL.as_bytes(), &self.0].concat()
    }
}

impl fmt::Debug for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl WaitingForm {
    pub(crate) fn new(name: SessionName) -> Self {
        Self {
            name,
            can_join: false,
            hinting: Hinting::Off,
            lists_are_denied: false,
        }
    }

    /// Records that the user may not access the keys of waiting lists.
    pub(crate) fn deny_lists(&mut self) {
        *self = Self {
            lists_are_denied: true,
            ..Self::new(self.name)
        };
    }

    /// The argument of an acquire that says how to hint, or that there are no lists.
    pub(crate) fn hinting_of_acquire(&self) -> &'static [u8] {
        if self.lists_are_denied {
            return b"none";
        }
        self.hinting.as_bytes()
    }

    /// Returns the name and the microseconds waited with which scripts list a waiter; an empty name
    /// if they must not.
    pub(crate) fn listed(&self, waiter: Option<&Waiter>) -> (&[u8], u64) {
        match waiter {
            Some(waiter) if self.can_join => {
                let waited = u64::try_from(waiter.waited.as_micros());
                (self.name.as_bytes(), waited.unwrap_or(u64::MAX))
            }
            _ => (b"", 0),
        }
    }

    /// Encodes the command that ends the subscription. Its response is not expected.
    pub(crate) fn encode_unsubscribe(&self, calls: &mut Calls) {
        calls.add(|call| {
            call.arg("UNSUBSCRIBE").arg(&*self.name.channel());
        });
    }

    /// Encodes the commands that find out what is possible. Returns the number of responses.
    pub(crate) fn encode_probe(&self, subscribes: bool, calls: &mut Calls) -> usize {
        let channel = self.name.channel();
        let commands = commands(subscribes);
        for (words, rest) in &commands {
            calls.add(|call| {
                call.words(words).arg(&*channel);
                for arg in *rest {
                    call.arg(*arg);
                }
            });
        }
        commands.len()
    }

    /// Reads the responses to [`encode_probe`](Self::encode_probe). Returns whether the session may
    /// be listed, or `None` if they are not the responses to these commands.
    pub(crate) fn read_probe(&mut self, responses: &[Value], subscribes: bool) -> Option<bool> {
        let commands = commands(subscribes);
        if responses.len() != commands.len() {
            return None;
        }
        let mut is_subscribed = false;
        let mut denied = Vec::new();
        for ((words, _), response) in commands.iter().zip(responses) {
            match (*words, response) {
                (
                    "SUBSCRIBE",
                    Value::Push {
                        kind: PushKind::Subscribe,
                        ..
                    },
                ) => {
                    is_subscribed = true;
                }
                ("SUBSCRIBE", Value::ServerError(_)) => {}
                // The confirmation was dropped, or it comes later than it should.
                ("SUBSCRIBE", _) | (_, Value::Push { .. }) => return None,
                ("PUBLISH", Value::Int(_)) => {}
                ("PUBLISH", _) => denied.push("PUBLISH"),
                (words, Value::ServerError(error)) if is_denied(error) => denied.push(words),
                _ => {}
            }
        }
        let is_allowed = |words: &&str| !denied.contains(words);
        self.hinting = if !["PUBLISH", "EXISTS", "ZPOPMIN"].iter().all(is_allowed) {
            Hinting::Off
        } else if is_allowed(&"PUBSUB NUMSUB") {
            Hinting::Count
        } else {
            Hinting::Blind
        };
        let may_join = ["ZREM", "ZADD", "ZRANK"].iter().all(is_allowed);
        Some(is_subscribed && may_join)
    }
}

/// The commands that are tried, and what follows the name of the channel. A key of that name does not
/// exist.
fn commands(subscribes: bool) -> Vec<(&'static str, &'static [&'static [u8]])> {
    let mut commands: Vec<(_, &[&[u8]])> = vec![
        ("PUBSUB NUMSUB", &[]),
        ("EXISTS", &[]),
        ("ZPOPMIN", &[]),
        ("ZREM", &[b""]),
        ("ZADD", &[b"XX", b"0", b""]),
        ("ZRANK", &[b""]),
    ];
    if subscribes {
        commands.push(("SUBSCRIBE", &[]));
    }
    commands.push(("PUBLISH", &[b""]));
    commands
}

/// Whether an error says that the user may not run a command, or that the server does not have it. A
/// key pattern that forbids the name of the channel as a key permits the command.
fn is_denied(error: &ServerError) -> bool {
    let details = error.details();
    error::is_unknown_command(error.code(), details)
        || error.code() == "NOPERM" && !details.unwrap_or_default().contains(" key")
}

impl Hinting {
    /// The argument of the scripts.
    pub(crate) fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::Off => b"",
            Self::Count => b"count",
            Self::Blind => b"blind",
        }
    }
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::parse_redis_value;

    use super::*;

    fn read(responses: &[&str], subscribes: bool) -> (Option<bool>, Hinting) {
        let mut form = WaitingForm::new(SessionName::draw());
        let values: Vec<Value> = responses
            .iter()
            .map(|it| parse_redis_value(it.as_bytes()).unwrap())
            .collect();
        let is_subscribed = form.read_probe(&values, subscribes);
        (is_subscribed, form.hinting)
    }

    const COUNTED: &str = "*2\r\n$1\r\na\r\n:0\r\n";
    const ZERO: &str = ":0\r\n";
    const NOTHING: &str = "*0\r\n";
    const NULL: &str = "_\r\n";
    const SUBSCRIBED: &str = ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";
    const DENIED: &str = "-NOPERM User app has no permissions to run the 'zpopmin' command\r\n";
    const ALL: [&str; 8] = [COUNTED, ZERO, NOTHING, ZERO, ZERO, NULL, SUBSCRIBED, ZERO];

    #[test]
    fn the_rights_of_the_user_decide_how_waiters_are_hinted() {
        assert_eq!(read(&ALL, true), (Some(true), Hinting::Count));
        // Each of the rights is missing in turn.
        let expected = [
            (Some(true), Hinting::Blind),
            (Some(true), Hinting::Off),
            (Some(true), Hinting::Off),
            (Some(false), Hinting::Count),
            (Some(false), Hinting::Count),
            (Some(false), Hinting::Count),
            (Some(false), Hinting::Count),
            (Some(true), Hinting::Off),
        ];
        for (place, expected) in expected.into_iter().enumerate() {
            let mut responses = ALL;
            responses[place] = DENIED;
            assert_eq!(read(&responses, true), expected, "{place}");
        }
        let key = "-NOPERM No permissions to access a key\r\n";
        let responses = [COUNTED, key, key, key, key, key, ZERO];
        assert_eq!(read(&responses, false), (Some(false), Hinting::Count));
    }

    #[test]
    fn a_confirmation_that_was_dropped_is_noticed() {
        let mut shifted = ALL;
        shifted[6..].copy_from_slice(&[ZERO, "+OK\r\n"]);
        assert_eq!(read(&shifted, true).0, None);
        let mut late = ALL;
        late.swap(6, 7);
        assert_eq!(read(&late, true).0, None);
        assert_eq!(read(&ALL[..7], true).0, None);
    }

    #[test]
    fn names_are_unique_and_are_part_of_the_channel() {
        let (one, other) = (SessionName::draw(), SessionName::draw());
        assert!(one != other);
        assert!(one.channel().starts_with(b"redlock:wait:"));
        assert!(one.channel().ends_with(one.as_bytes()));
    }
}
