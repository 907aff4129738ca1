//! The identity record of a server: its commands, and their responses.
//!
//! One pipeline reads everything that describes the server. All of it is optional but the script,
//! which reads the record and the clock in one step:
//!
//! ```text
//! CLIENT CACHING YES, EXISTS record      where the server pushes: requests invalidations
//! CLIENT CACHING YES, EXISTS …:push, SET causes one, to see whether it arrives
//! INFO                                   run id, uptime, role, persistence
//! CONFIG GET appendfsync                 whether each write is on disk before its response
//! CONFIG GET no-appendfsync-on-rewrite   the same, while the log is rewritten
//! CONFIG GET save                        whether there are snapshots, for reports
//! PUBSUB NUMSUB __sentinel__:hello       whether a Sentinel may promote a replica
//! EVALSHA identify                       time, record
//! ```
//!
//! Each setting is named in a command of its own. One command with several names needs Redis 7, and a
//! pattern is compared with all settings.

use std::sync::Arc;

use deadpool_redis::redis::Value;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::request::{Request, Settled};
use crate::node::redis::protocol::script;
use crate::node::redis::protocol::server_info::{DiskSettings, ServerInfo};
use crate::node::redis::protocol::value::{text, time_micros, unexpected};
use crate::node::{Command, Fsync, Identified, Identify, Identity, NodeResult, RecordCheck};

/// Encodes the reading of an identity. Returns the number of responses to expect.
pub(super) fn encode(it: &Identify, by_text: bool, calls: &mut Calls) -> usize {
    for words in [
        "INFO",
        "CONFIG GET appendfsync",
        "CONFIG GET no-appendfsync-on-rewrite",
        "CONFIG GET save",
        "PUBSUB NUMSUB __sentinel__:hello",
    ] {
        calls.add(|call| {
            call.words(words);
        });
    }
    calls.add(|call| {
        script::IDENTIFY.start(call, by_text, 1);
        call.arg(&*it.key);
        if let Some(change) = &it.change {
            call.arg(&*change.record)
                .arg(change.expected.as_deref().unwrap_or_default())
                .arg(change.run_id.as_deref().unwrap_or_default());
        }
    });
    6
}

/// Encodes the reading of the record behind a command that relies on it. Returns the number of responses to expect.
///
/// Behind it, and not ahead: a record that is still the same proves that nothing was lost up to
/// here. Every change writes another text.
pub(super) fn encode_check(check: &RecordCheck, calls: &mut Calls) -> usize {
    calls.add(|call| {
        call.arg("GET").arg(&*check.key);
    });
    1
}

impl Request {
    /// Settles a command that has read the record behind it.
    pub(super) fn settle_checked(
        self,
        check: &RecordCheck,
        responses: &mut impl Iterator<Item = Value>,
        identity: &Identity,
    ) -> Settled {
        let mut values: Vec<Value> = responses.collect();
        let found = values.pop().unwrap_or(Value::Nil);
        let mut values = values.into_iter();
        if let Some(Value::ServerError(_)) = values.as_slice().first() {
            return self.settle_command(&mut values, identity);
        }
        let is_unchanged = match (&found, check.expected.as_deref()) {
            (Value::Nil, None) => true,
            (found, Some(expected)) => text(found).as_deref() == Some(expected),
            _ => false,
        };
        if is_unchanged {
            return self.settle_command(&mut values, identity);
        }
        self.command.fail(NodeError::new(
            NodeErrorKind::DataLost,
            "the identity record has changed",
        ));
        Settled::Done
    }

    /// Settles the reading of an identity.
    pub(super) fn settle_identify(self, responses: &mut impl Iterator<Item = Value>) -> Settled {
        let mut next = || responses.next().unwrap_or(Value::Nil);
        let (info, config) = (next(), [next(), next(), next()]);
        let config: Vec<String> = config.iter().flat_map(fields).collect();
        let (sentinels, script) = (next(), next());
        let is_denied = matches!(&script, Value::ServerError(error) if error.code() == "NOPERM");
        if let (Value::ServerError(error), false) = (&script, is_denied) {
            return self.settle_error(error);
        }
        let Command::Identify(it) = self.command else {
            return Settled::Done;
        };
        let identified = record_and_time(&script).map(|(time, record)| {
            let info = text(&info).as_deref().map(ServerInfo::parse);
            let mut identified = Identified::new(time, record);
            identified.is_tracked = it.is_tracked;
            if let Some(info) = info {
                identified.run_id = info.identity().run_id;
                identified.uptime = info.uptime();
                identified.is_durable = info.keeps_every_write()
                    && is_synced_before_response(&config)
                    && has_no_subscriber(&sentinels);
                identified.persistence = info.persistence(Some(DiskSettings {
                    fsync: fsync(&config),
                    takes_snapshots: field(&config, "save").map(|points| !points.is_empty()),
                }));
            }
            identified
        });
        it.responder.send(identified);
        Settled::Done
    }
}

type TimeAndRecord = (u64, NodeResult<Option<Arc<str>>>);

/// Reads the response of the script.
fn record_and_time(value: &Value) -> NodeResult<TimeAndRecord> {
    match value {
        Value::Array(fields) if fields.len() >= 2 => {
            let time = time_micros(value).ok_or_else(|| unexpected(value))?;
            let record = match fields.get(3).and_then(text) {
                Some(denied) => Err(NodeError::new(NodeErrorKind::Permission, denied)),
                None => Ok(fields.get(2).and_then(text).map(Arc::from)),
            };
            Ok((time, record))
        }
        Value::ServerError(error) => {
            Ok((0, Err(error::of_response(error.code(), error.details()))))
        }
        _ => Err(unexpected(value)),
    }
}

/// Reads the response to `CONFIG GET`: names, each with a value.
fn fields(config: &Value) -> Vec<String> {
    match config {
        Value::Array(fields) => fields.iter().filter_map(text).collect(),
        Value::Map(fields) => {
            let fields = fields.iter().flat_map(|(name, value)| [name, value]);
            fields.filter_map(text).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the value of a setting.
fn field<'a>(fields: &'a [String], name: &str) -> Option<&'a str> {
    let mut fields = fields.chunks(2);
    fields.find_map(|field| match field {
        [other, value] if other == name => Some(value.as_str()),
        _ => None,
    })
}

/// Whether every write is on disk before its response.
fn is_synced_before_response(config: &[String]) -> bool {
    field(config, "appendfsync") == Some("always")
        && field(config, "no-appendfsync-on-rewrite") == Some("no")
}

fn fsync(config: &[String]) -> Option<Fsync> {
    match field(config, "appendfsync")? {
        "always" => Some(Fsync::Always),
        "everysec" => Some(Fsync::EverySecond),
        "no" => Some(Fsync::Never),
        _ => None,
    }
}

/// Reads the response to `PUBSUB NUMSUB`. A Sentinel subscribes to that channel of its masters.
fn has_no_subscriber(value: &Value) -> bool {
    let count = match value {
        Value::Array(fields) => fields.get(1),
        Value::Map(fields) => fields.first().map(|(_, count)| count),
        _ => None,
    };
    count == Some(&Value::Int(0))
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::parse_redis_value;

    use super::*;

    fn value(text: &str) -> Value {
        parse_redis_value(text.as_bytes()).unwrap()
    }

    #[test]
    fn only_a_write_on_disk_before_its_response_is_synced() {
        let config = |sync: &str, rewrite: &str| {
            let name = "no-appendfsync-on-rewrite";
            fields(&value(&format!(
                "*4\r\n+appendfsync\r\n+{sync}\r\n+{name}\r\n+{rewrite}\r\n"
            )))
        };
        assert!(is_synced_before_response(&config("always", "no")));
        assert!(!is_synced_before_response(&config("everysec", "no")));
        assert!(!is_synced_before_response(&config("always", "yes")));
        assert!(!is_synced_before_response(&fields(&value(
            "-NOPERM no\r\n"
        ))));
        assert_eq!(fsync(&config("everysec", "no")), Some(Fsync::EverySecond));
        assert_eq!(fsync(&[]), None);
        let map = "%2\r\n+appendfsync\r\n+always\r\n+no-appendfsync-on-rewrite\r\n+no\r\n";
        assert!(is_synced_before_response(&fields(&value(map))));
    }

    #[test]
    fn a_subscriber_may_be_a_sentinel() {
        assert!(has_no_subscriber(&value("*2\r\n+c\r\n:0\r\n")));
        assert!(!has_no_subscriber(&value("*2\r\n+c\r\n:1\r\n")));
        assert!(!has_no_subscriber(&value("-NOPERM no\r\n")));
    }

    #[test]
    fn a_denied_record_is_not_an_absent_one() {
        let (_, record) = record_and_time(&value("-NOPERM no\r\n")).unwrap();
        assert_eq!(record.unwrap_err().kind(), NodeErrorKind::Permission);
        let (time, record) =
            record_and_time(&value("*3\r\n$1\r\n1\r\n$1\r\n2\r\n$-1\r\n")).unwrap();
        assert_eq!((time, record), (1_000_002, Ok(None)));
        record_and_time(&value(":1\r\n")).unwrap_err();
    }
}
