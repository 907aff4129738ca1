//! Making one connection, and getting to know who is at its other end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Cmd, Pipeline, Value};

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::connect::connector::{CONNECT_TIMEOUT, Dialed, Dialer};
use crate::node::redis::connect::io::Pump;
use crate::node::redis::protocol::compare_delete::Delete;
use crate::node::redis::protocol::{error, script};
use crate::node::{Identity, NodeWarning};

/// A connection and what its server told.
pub(crate) struct Link {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) pump: Pump,
    /// Whether the server tells those who wait.
    pub(crate) tells: bool,
    /// How the server calls this connection.
    pub(crate) client: Option<Client>,
    /// Whether everything that was sent over the previous connection has either been carried out
    /// or never will be.
    pub(crate) previous_is_settled: bool,
    pub(crate) identity: Identity,
    /// The server's own way to delete a key that is ours, if it has one.
    pub(crate) delete: Option<Delete>,
    /// The server's time of day in microseconds, just now.
    pub(crate) time: Option<u64>,
    /// Name and version of the server.
    pub(crate) server: Option<Arc<str>>,
    pub(crate) warnings: Vec<NodeWarning>,
}

/// How a server calls a connection: the number alone is given to another after a restart.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    id: String,
    addr: String,
}

/// Makes a connection after `delay`.
///
/// Whatever the `previous` connection still had under way is stopped first: a command that a hung
/// server has received is carried out when it wakes, even if nobody listens any more.
pub(crate) async fn connect(
    dialer: &Dialer,
    previous: Option<Client>,
    delay: Duration,
) -> Result<Link, NodeError> {
    tokio::time::sleep(delay).await;
    // Longer than making a connection, which it must not cut short: a pool would start anew each
    // time and never come up.
    match tokio::time::timeout(CONNECT_TIMEOUT * 2, establish(dialer, previous)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(NodeError::unsent(
            NodeErrorKind::Unreachable,
            "timed out while connecting",
        )),
    }
}

async fn establish(dialer: &Dialer, previous: Option<Client>) -> Result<Link, NodeError> {
    let Dialed {
        mut connection,
        mut pump,
        can_tell,
    } = dialer.dial().await?;

    let mut pipeline = Pipeline::new();
    let _same = pipeline.cmd("INFO").cmd("CLIENT").arg("INFO").cmd("TIME");
    Delete::ask(&mut pipeline);
    if let Some(client) = &previous {
        let mut kill = Cmd::new();
        kill.arg("CLIENT")
            .arg("KILL")
            .arg("ID")
            .arg(&client.id)
            .arg("ADDR")
            .arg(&client.addr);
        pipeline.add_command(kill);
    }
    if can_tell {
        // Only what is asked for with `CLIENT CACHING YES` before it.
        let tracking = pipeline.cmd("CLIENT").arg("TRACKING");
        let _same = tracking.arg("ON").arg("OPTIN");
    }
    let mut scripts = 0;
    for load in script::loads() {
        pipeline.add_command(load);
        scripts += 1;
    }
    let count = 4 + usize::from(previous.is_some()) + usize::from(can_tell) + scripts;
    let mut answers = pump
        .alongside(connection.send_packed_commands(&pipeline, 0, count))
        .await
        .map_err(|error| {
            NodeError::unsent(
                NodeErrorKind::Unreachable,
                error::of_command(&error).message(),
            )
        })?
        .into_iter();

    let info = answers.next().as_ref().and_then(text).map(fields);
    let client = answers
        .next()
        .as_ref()
        .and_then(text)
        .and_then(Client::parse);
    let time = answers.next().as_ref().and_then(micros);
    let delete = Delete::find(answers.next().as_ref());
    // With number and address given, 0 means that the server has already let go of it.
    let previous_is_settled = match &previous {
        Some(_) => matches!(answers.next(), Some(Value::Int(_))),
        None => false,
    };
    let tells = can_tell && matches!(answers.next(), Some(Value::Okay));
    // A server that is still loading, or lets us do nothing, says so to the scripts as well. A
    // missing right is left to the command that needs it, whose error then names it.
    if let Some(Value::ServerError(error)) = answers.next()
        && error.code() == "LOADING"
    {
        return Err(NodeError::unsent(
            NodeErrorKind::Loading,
            error.details().unwrap_or_default(),
        ));
    }
    Ok(Link {
        time,
        tells,
        connection,
        pump,
        client,
        previous_is_settled,
        identity: Identity {
            run_id: info.as_ref().and_then(|info| field(info, "run_id")),
        },
        delete,
        server: info.as_ref().and_then(server),
        warnings: warnings(info.as_ref()),
    })
}

impl Client {
    /// Reads the answer to `CLIENT INFO`: `id=7 addr=127.0.0.1:40100 …`.
    fn parse(line: String) -> Option<Self> {
        let find = |name: &str| {
            line.split_whitespace()
                .find_map(|part| part.strip_prefix(name))
                .map(str::to_owned)
        };
        Some(Self {
            id: find("id=")?,
            addr: find("addr=")?,
        })
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// The answer to `TIME`: seconds and microseconds.
fn micros(value: &Value) -> Option<u64> {
    let Value::Array(fields) = value else {
        return None;
    };
    let number = |index: usize| text(fields.get(index)?)?.parse::<u64>().ok();
    number(0)?.checked_mul(1_000_000)?.checked_add(number(1)?)
}

/// The lines `name:value` of `INFO`.
type Info = HashMap<String, String>;

fn fields(info: String) -> Info {
    info.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

fn field(info: &Info, name: &str) -> Option<Arc<str>> {
    info.get(name).map(|value| value.as_str().into())
}

fn server(info: &Info) -> Option<Arc<str>> {
    // Valkey calls itself Redis 7.2.4 for the sake of old clients.
    if let Some(version) = info.get("valkey_version") {
        return Some(format!("valkey {version}").into());
    }
    info.get("redis_version")
        .map(|version| format!("redis {version}").into())
}

fn warnings(info: Option<&Info>) -> Vec<NodeWarning> {
    let Some(info) = info else {
        return vec![NodeWarning::Unverified];
    };
    let mut warnings = Vec::new();
    if let Some(policy) = field(info, "maxmemory_policy").filter(|policy| &**policy != "noeviction")
    {
        warnings.push(NodeWarning::Eviction(policy));
    }
    if info.get("role").is_some_and(|role| role != "master") {
        warnings.push(NodeWarning::Replica);
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_its_number_and_its_address() {
        let line = "id=12 addr=127.0.0.1:41000 laddr=127.0.0.1:6379 fd=8 name= age=0";
        let client = Client::parse(line.to_owned()).unwrap();
        assert_eq!(
            (client.id.as_str(), client.addr.as_str()),
            ("12", "127.0.0.1:41000")
        );
        assert!(Client::parse("id=12".to_owned()).is_none());
    }

    #[test]
    fn settings_that_weaken_the_lock_are_told() {
        let info = fields("# Server\r\nrole:slave\r\nmaxmemory_policy:allkeys-lru\r\n".to_owned());
        let expected = vec![
            NodeWarning::Eviction("allkeys-lru".into()),
            NodeWarning::Replica,
        ];
        assert_eq!(warnings(Some(&info)), expected);
        assert_eq!(warnings(None), vec![NodeWarning::Unverified]);
        let good = fields("role:master\r\nmaxmemory_policy:noeviction\r\n".to_owned());
        assert!(warnings(Some(&good)).is_empty());
    }
}
