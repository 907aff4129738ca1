//! The response to `INFO`: identity, version, persistence, and settings that weaken a lock.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::error::quoted;
use crate::node::redis::protocol::server_kind::ServerKind;
use crate::node::{Fsync, Identity, NodeWarning, Persistence};

/// The fields of `INFO`. There are about two hundred, of which a few are read.
#[derive(Debug)]
pub(crate) struct ServerInfo {
    text: Box<str>,
    /// The places of each name and its value in the text.
    fields: Vec<(Range<usize>, Range<usize>)>,
}

impl ServerInfo {
    /// Reads lines of the form `name:value`. Headings and empty lines are skipped.
    pub(crate) fn parse(text: &str) -> Self {
        let mut fields = Vec::with_capacity(256);
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let name = line.find(':').map(|colon| start..start + colon);
            let end = start + line.len();
            fields.extend(name.map(|name| (name.clone(), name.end + 1..end)));
            start = end;
        }
        Self {
            text: text.into(),
            fields,
        }
    }

    /// Returns the value of a field.
    fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter().rev();
        let (_, value) = fields.find(|(it, _)| self.text[it.clone()] == *name)?;
        Some(self.text[value.clone()].trim())
    }

    /// Returns the identity of the server process.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            run_id: self.get("run_id").map(Into::into),
        }
    }

    /// Returns the kind of the server.
    pub(crate) fn kind(&self) -> ServerKind {
        ServerKind::from_info(|name| self.get(name))
    }

    /// Returns how long the server process has been running.
    pub(crate) fn uptime(&self) -> Option<Duration> {
        let seconds = self.get("uptime_in_seconds")?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// Whether the server logs every write from its start on, and no replica can replace it.
    ///
    /// A log that was just turned on is incomplete until its first rewrite has finished.
    pub(crate) fn keeps_every_write(&self) -> bool {
        let has = |name: &str, value: &str| self.get(name) == Some(value);
        has("role", "master")
            && has("connected_slaves", "0")
            && has("aof_enabled", "1")
            && has("aof_rewrite_in_progress", "0")
            && has("aof_rewrite_scheduled", "0")
            && has("aof_last_write_status", "ok")
    }

    /// Returns what the server writes to disk. `settings`: when its log is on disk, and whether it takes
    /// snapshots, if that is known.
    pub(crate) fn persistence(&self, settings: Option<DiskSettings>) -> Option<Persistence> {
        let has_log = self.get("aof_enabled")? == "1";
        Some(match settings {
            settings if has_log => Persistence::Log(settings.and_then(|it| it.fsync)),
            Some(DiskSettings {
                takes_snapshots: Some(takes_snapshots),
                ..
            }) => {
                if takes_snapshots {
                    Persistence::Snapshots
                } else {
                    Persistence::None
                }
            }
            _ => Persistence::NoLog,
        })
    }

    /// Returns the policy by which the server evicts keys.
    pub(crate) fn eviction(&self) -> Option<Arc<str>> {
        self.get("maxmemory_policy").map(quoted)
    }

    /// Returns the number of replicas that are connected.
    pub(crate) fn replicas(&self) -> Option<u32> {
        self.get("connected_slaves")?.parse().ok()
    }

    /// Returns the name and version of the server.
    pub(crate) fn server(&self) -> Option<Arc<str>> {
        // Valkey also reports Redis version 7.2.4, for old clients.
        if let Some(version) = self.get("valkey_version") {
            return Some(quoted(format!("valkey {version}")));
        }
        let version = self.get("redis_version")?;
        Some(quoted(format!("redis {version}")))
    }
}

/// What `CONFIG GET` says about the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskSettings {
    pub(crate) fsync: Option<Fsync>,
    pub(crate) takes_snapshots: Option<bool>,
}

/// Returns the settings that may weaken a lock. Without `INFO`, they are unverified.
pub(crate) fn warnings(info: Option<&ServerInfo>) -> Vec<NodeWarning> {
    let Some(info) = info else {
        return vec![NodeWarning::Unverified];
    };
    let policy = info.eviction().filter(|policy| &**policy != "noeviction");
    let replicas = info.replicas().filter(|count| *count > 0);
    let warnings = [
        policy.map(NodeWarning::Eviction),
        replicas.map(NodeWarning::Replicas),
    ];
    warnings.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_weaken_the_lock_are_reported() {
        let text = "# Server\r\nrole:master\r\nmaxmemory_policy:allkeys-lru\r\n";
        let expected = vec![NodeWarning::Eviction("allkeys-lru".into())];
        assert_eq!(warnings(Some(&ServerInfo::parse(text))), expected);
        assert_eq!(warnings(None), vec![NodeWarning::Unverified]);
        let good = ServerInfo::parse("role:master\r\nmaxmemory_policy:noeviction\r\n");
        assert!(warnings(Some(&good)).is_empty());
        let replicated = ServerInfo::parse("role:master\r\nconnected_slaves:2\r\n");
        assert_eq!(warnings(Some(&replicated)), [NodeWarning::Replicas(2)]);
    }

    #[test]
    fn persistence_is_what_info_and_settings_show() {
        let settings = |fsync, takes_snapshots| {
            Some(DiskSettings {
                fsync,
                takes_snapshots,
            })
        };
        let log = ServerInfo::parse("aof_enabled:1\r\n");
        let always = Some(Fsync::Always);
        assert_eq!(log.persistence(None), Some(Persistence::Log(None)));
        assert_eq!(
            log.persistence(settings(always, Some(false))),
            Some(Persistence::Log(always))
        );
        let no_log = ServerInfo::parse("aof_enabled:0\r\n");
        let of = |settings| no_log.persistence(settings).unwrap();
        assert_eq!(of(None), Persistence::NoLog);
        assert_eq!(of(settings(always, None)), Persistence::NoLog);
        assert_eq!(of(settings(always, Some(true))), Persistence::Snapshots);
        assert_eq!(of(settings(always, Some(false))), Persistence::None);
        assert_eq!(ServerInfo::parse("").persistence(None), None);
    }

    #[test]
    fn valkey_is_recognized_despite_its_redis_version() {
        let server = |text: &str| ServerInfo::parse(text).server();
        let valkey = server("redis_version:7.2.4\r\nvalkey_version:8.1.0\r\n");
        assert_eq!(valkey.as_deref(), Some("valkey 8.1.0"));
        assert_eq!(
            server("redis_version:7.0.15").as_deref(),
            Some("redis 7.0.15")
        );
        assert_eq!(server("role:master"), None);
    }

    #[test]
    fn a_server_is_identified_by_its_run_id() {
        let identity = ServerInfo::parse("run_id:abc\r\n").identity();
        assert_eq!(identity.run_id.as_deref(), Some("abc"));
        assert_eq!(ServerInfo::parse("").identity(), Identity::default());
    }
}
