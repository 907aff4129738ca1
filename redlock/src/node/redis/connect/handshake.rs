//! The handshake: the first commands on a new connection, and their responses.
//!
//! The client library has already negotiated the protocol and authenticated. These commands leave
//! together, ahead of those of the session. After a reconnect, to a server that can push:
//!
//! ```text
//! INFO                                   run id, version, settings that weaken a lock
//! CLIENT INFO                            id and address, for the KILL of the next handshake
//! TIME                                   the time of day, for proposals of fencing tokens
//! COMMAND INFO delifeq delex             whether releases can do without a script
//! HELLO 3                                the kind of the server, for users who may not run INFO
//! CLIENT KILL ID 7 ADDR 127.0.0.1:40100  stops what the previous connection had in flight
//! CLIENT TRACKING ON OPTIN               requests invalidations
//! SCRIPT LOAD "local key …"              whether the user may load scripts
//! SCRIPT EXISTS 0c1e… 6f94… …            which of the others the server has
//! EVALSHA "6f94…" 0 redlock:probe        the rights that the end of a lock needs
//! EVAL "local key …" 0 redlock:probe     the same, for users who may not run EVALSHA
//! ```
//!
//! Without a previous connection there is no `KILL`. Without RESP3 there is no `TRACKING`, and `ROLE`
//! takes the place of `HELLO`, which a proxy may not understand.
//!
//! A second batch loads the scripts that the server lacks: it is new, or was restarted. If the server does
//! not say which it has, it gets all.
//!
//! Each command stands in [`steps`] or [`loads`], next to the function that reads its response, so the number
//! and the order of the responses cannot disagree with the commands.

use std::time::{Duration, SystemTime};

use deadpool_redis::redis::{Cmd, Value};

use crate::error::{NodeError, NodeErrorKind};
use crate::node::ClockOffset;
use crate::node::redis::connect::client::Client;
use crate::node::redis::connect::connector::{CONNECT_TIMEOUT, Connector, NewConnection};
use crate::node::redis::connect::draft::Draft;
use crate::node::redis::connect::ready_connection::{FailedHandshake, ReadyConnection};
use crate::node::redis::connect::rights::Rights;
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::redis::protocol::script::LuaScript;
use crate::node::redis::protocol::server_info::ServerInfo;
use crate::node::redis::protocol::server_kind::ServerKind;
use crate::node::redis::protocol::value::{text, time_micros};
use crate::node::redis::protocol::{error, script};
use crate::node::redis::wire::Wire;
use crate::time::clock::Moment;

/// Connects after `delay`.
///
/// Stops what the `previous` connection still has in flight: a hung server carries out the commands
/// it has received when it resumes, even if their connection is closed.
pub(crate) async fn connect(
    connector: &Connector,
    previous: Option<Client>,
    delay: Duration,
) -> Result<ReadyConnection, FailedHandshake> {
    if !delay.is_zero() {
        // A timer takes a millisecond at least.
        tokio::time::sleep(delay).await;
    }
    // Longer than one attempt to connect, which must not be cut short: a pool would start over each
    // time and never connect.
    let limit = CONNECT_TIMEOUT * 2;
    match tokio::time::timeout(limit, establish(connector, previous)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(NodeError::unsent(
            NodeErrorKind::Unreachable,
            format!("no connection within {limit:?}"),
        )
        .into()),
    }
}

async fn establish(
    connector: &Connector,
    previous: Option<Client>,
) -> Result<ReadyConnection, FailedHandshake> {
    let NewConnection {
        mut wire,
        supports_push,
    } = connector.connect().await?;

    let mut draft = Draft::default();
    let first = steps(previous.as_ref(), supports_push);
    carry_out(first, &mut wire, &mut draft).await?;
    let is_refused = draft.refusal.is_some();
    if !is_refused && !draft.missing_scripts.is_empty() {
        let second = loads(&draft.missing_scripts);
        carry_out(second, &mut wire, &mut draft).await?;
    }
    draft.into_ready(wire, previous.as_ref())
}

/// Sends the commands together, and reads their responses.
async fn carry_out(steps: Vec<Step>, wire: &mut Wire, draft: &mut Draft) -> Result<(), NodeError> {
    for (command, _) in &steps {
        wire.calls().add_command(command);
    }
    let sent = Moment::now();
    let responses = wire
        .call()
        .await
        .map_err(|error| NodeError::unsent(NodeErrorKind::Unreachable, error.message()))?;
    draft.round_trip = Moment::now().saturating_since(sent);
    draft.received = Some(SystemTime::now());
    for ((_, read), response) in steps.iter().zip(&responses) {
        read(draft, response);
        draft.missing_rights.extend(error::missing_right(response));
    }
    Ok(())
}

/// A command of the handshake, and how its response is read.
type Step = (Cmd, fn(&mut Draft, &Value));

/// Returns the steps of the first batch, in order.
fn steps(previous: Option<&Client>, supports_push: bool) -> Vec<Step> {
    let mut steps: Vec<Step> = vec![
        (command("INFO"), |draft, it| {
            draft.info = text(it).as_deref().map(ServerInfo::parse);
            let kind = draft.info.as_ref().map(ServerInfo::kind);
            draft.refuse(not_ready(it));
            draft.learn_kind(kind);
        }),
        (command("CLIENT INFO"), |draft, it| {
            let line = text(it);
            draft.client = line.and_then(|line| Client::parse(&line, &draft.identity()));
        }),
        (command("TIME"), |draft, it| {
            draft.time = time_micros(it);
            draft.clock_offset = draft.time.zip(draft.received).and_then(|(time, received)| {
                ClockOffset::measure(time, received, draft.round_trip)
            });
        }),
        (CompareDelete::query(), |draft, it| {
            draft.delete = CompareDelete::find(Some(it));
        }),
        if supports_push {
            (command("HELLO 3"), |draft, it| {
                draft.learn_kind(ServerKind::from_hello(it));
            })
        } else {
            (command("ROLE"), |draft, it| {
                draft.learn_kind(ServerKind::from_role(it));
            })
        },
    ];
    if let Some(previous) = previous {
        steps.push((previous.kill(), |draft, it| draft.killed = Some(it.clone())));
    }
    if supports_push {
        // OPTIN: the server tracks only keys that are read after `CLIENT CACHING YES`.
        steps.push((command("CLIENT TRACKING ON OPTIN"), |draft, it| {
            draft.supports_push = matches!(it, Value::Okay);
        }));
    }
    steps.push((script::PROBE.load(), |draft, it| {
        draft.refuse(not_ready(it));
        draft.loads_scripts = !matches!(it, Value::ServerError(_));
    }));
    steps.push((script::query(), |draft, it| {
        draft.refuse(not_ready(it));
        if draft.loads_scripts {
            draft.missing_scripts = script::missing(it);
        }
    }));
    steps.push((Rights::probe_by_hash(), |draft, it| {
        draft.rights.read_by_hash(it);
    }));
    steps.push((Rights::probe_by_text(), |draft, it| {
        draft.rights.read_by_text(it);
    }));
    steps
}

/// Returns the steps of the second batch.
fn loads(missing: &[&LuaScript]) -> Vec<Step> {
    let load =
        |script: &&LuaScript| -> Step { (script.load(), |draft, it| draft.refuse(not_ready(it))) };
    missing.iter().map(load).collect()
}

fn command(words: &str) -> Cmd {
    let mut command = Cmd::new();
    command.arg(words.split(' ').collect::<Vec<_>>());
    command
}

/// Reads the refusal of a server that cannot serve yet: it loads its data, has no link to its
/// master, or is busy with a script.
///
/// Other errors are ignored: [`Rights`] finds the missing rights that matter.
fn not_ready(value: &Value) -> Option<NodeError> {
    let Value::ServerError(error) = value else {
        return None;
    };
    let kind = match error.code() {
        "LOADING" => NodeErrorKind::Loading,
        "MASTERDOWN" => NodeErrorKind::ReadOnly,
        "BUSY" => NodeErrorKind::Server,
        _ => return None,
    };
    let reason = error::of_response(error.code(), error.details());
    Some(NodeError::unsent(kind, reason.message()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deadpool_redis::redis::parse_redis_value;

    use super::*;
    use crate::node::Identity;
    use crate::node::redis::protocol::dialect::ScriptCalls;

    const OK: &str = "+OK\r\n";

    /// Returns the commands of both batches, and the draft after these responses, then `OK`s.
    fn handshake(previous: Option<&Client>, responses: &[&str]) -> (Vec<String>, Draft) {
        let (mut commands, mut draft) = (Vec::new(), Draft::default());
        let all = loads(&script::missing(&Value::Nil));
        let steps = steps(previous, true).into_iter().chain(all);
        for (index, (command, read)) in steps.enumerate() {
            let packed = String::from_utf8(command.get_packed_command()).unwrap();
            let words: Vec<_> = packed.split("\r\n").skip(2).step_by(2).collect();
            commands.push(words.join(" "));
            let response = responses.get(index).unwrap_or(&OK);
            read(&mut draft, &parse_redis_value(response.as_bytes()).unwrap());
        }
        (commands, draft)
    }

    #[test]
    fn each_response_is_read_by_its_own_command() {
        let server = Identity::default().run_id(Arc::from("a"));
        let previous = Client::parse("id=7 addr=h:1", &server);
        let time = "*2\r\n$1\r\n5\r\n$1\r\n6\r\n";
        let responses = [
            "+run_id:a\r\n",
            "+id=8 addr=h:2\r\n",
            time,
            "*0\r\n",
            "%1\r\n+mode\r\n+standalone\r\n",
            ":0\r\n",
        ];
        let (commands, draft) = handshake(previous.as_ref(), &responses);
        let command_info = "COMMAND INFO delifeq delex";
        assert_eq!(commands[..4], ["INFO", "CLIENT INFO", "TIME", command_info]);
        assert_eq!(commands[4], "HELLO 3");
        assert_eq!(commands[5], "CLIENT KILL ID 7 ADDR h:1");
        assert_eq!(commands[6], "CLIENT TRACKING ON OPTIN");
        assert!(commands[7].starts_with("SCRIPT LOAD local key"));
        assert!(commands[8].starts_with("SCRIPT EXISTS "));
        assert!(commands[9].starts_with("EVALSHA") && commands[10].starts_with("EVAL local"));
        assert!(
            commands[11..]
                .iter()
                .all(|it| it.starts_with("SCRIPT LOAD"))
        );
        assert_eq!(draft.client, Client::parse("id=8 addr=h:2", &server));
        assert_eq!(draft.killed, Some(Value::Int(0)));
        assert_eq!(draft.time, Some(5_000_006));
        assert!(draft.info.is_some() && draft.supports_push);
    }

    #[test]
    fn scripts_are_loaded_where_some_are_missing_and_may_be_loaded() {
        let (commands, _) = handshake(None, &[]);
        let position = |start: &str| commands.iter().position(|it| it.starts_with(start));
        let (load, query) = (position("SCRIPT LOAD"), position("SCRIPT EXISTS"));
        let missing = |loaded: &str, found: &str| {
            let mut responses = [OK; 27];
            responses[load.unwrap()] = loaded;
            responses[query.unwrap()] = found;
            handshake(None, &responses).1.missing_scripts.len()
        };
        let found = |last: &str| format!("*15\r\n{}:{last}\r\n", ":1\r\n".repeat(14));
        assert_eq!(missing("+6f94\r\n", &found("1")), 0);
        assert_eq!(missing("+6f94\r\n", &found("0")), 1);
        assert_eq!(missing("+6f94\r\n", "-NOPERM no permission\r\n"), 15);
        assert_eq!(missing("-NOPERM no permission\r\n", &found("0")), 0);
    }

    #[test]
    fn a_server_that_cannot_serve_yet_refuses_the_handshake() {
        let refusals = [
            (
                "-LOADING loading the dataset in memory\r\n",
                NodeErrorKind::Loading,
            ),
            (
                "-MASTERDOWN link with the master is down\r\n",
                NodeErrorKind::ReadOnly,
            ),
            ("-BUSY busy running a script\r\n", NodeErrorKind::Server),
        ];
        for (refusal, kind) in refusals {
            let (_, draft) = handshake(None, &[refusal; 27]);
            assert_eq!(draft.refusal().unwrap().kind(), kind);
            assert!(!draft.supports_push && draft.info.is_none());
        }
        let (_, draft) = handshake(None, &["+role:slave\r\n"]);
        assert_eq!(draft.refusal().unwrap().kind(), NodeErrorKind::ReadOnly);
    }

    #[test]
    fn only_the_rights_that_a_lock_needs_are_required() {
        let denied = "-NOPERM no permission\r\n";
        let (_, draft) = handshake(None, &[denied; 27]);
        let refusal = draft.refusal().unwrap();
        assert_eq!(refusal.kind(), NodeErrorKind::Permission);
        assert!(refusal.message().contains("EVALSHA"), "{refusal}");
        let mut responses = [denied; 27];
        let (commands, _) = handshake(None, &[]);
        let by_text = commands.iter().position(|it| it.starts_with("EVAL "));
        responses[by_text.unwrap()] = "*0\r\n";
        let (_, draft) = handshake(None, &responses);
        assert_eq!(draft.refusal(), None);
        assert_eq!(draft.rights.script_calls(), ScriptCalls::ByText);
    }
}
