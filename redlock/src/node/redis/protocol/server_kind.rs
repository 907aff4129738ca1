//! The kind of a server, by what it says about itself. Only a standalone master has a vote.

use deadpool_redis::redis::Value;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::NodeRole;
use crate::node::redis::protocol::value::text;

/// The kind of a server, as far as it matters for a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServerKind {
    Master,
    Replica,
    Sentinel,
    ClusterMember,
}

impl ServerKind {
    /// Decides by the fields of `INFO`.
    pub(crate) fn from_info<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Self {
        // Valkey calls it `server_mode`, unless it imitates Redis.
        let mode = field("redis_mode").or_else(|| field("server_mode"));
        let is_in_cluster = field("cluster_enabled") == Some("1");
        let mode = if is_in_cluster { Some("cluster") } else { mode };
        Self::from_fields(field("role"), mode)
    }

    /// Decides by the response to `HELLO`: names and values in a map. `None` without one.
    pub(crate) fn from_hello(response: &Value) -> Option<Self> {
        let Value::Map(fields) = response else {
            return None;
        };
        let field = |wanted: &str| {
            let mut fields = fields.iter();
            fields.find_map(|(name, value)| (text(name)? == wanted).then(|| text(value))?)
        };
        let (role, mode) = (field("role"), field("mode"));
        Some(Self::from_fields(role.as_deref(), mode.as_deref()))
    }

    /// Decides by the response to `ROLE`, whose first element is the role. `None` without one.
    pub(crate) fn from_role(response: &Value) -> Option<Self> {
        let Value::Array(fields) = response else {
            return None;
        };
        let role = fields.first().and_then(text)?;
        Some(Self::from_fields(Some(&role), Some(&role)))
    }

    /// A server that says nothing about itself is taken for a master.
    fn from_fields(role: Option<&str>, mode: Option<&str>) -> Self {
        match (role, mode) {
            (_, Some("sentinel")) => Self::Sentinel,
            (_, Some("cluster")) => Self::ClusterMember,
            (Some(role), _) if role != "master" => Self::Replica,
            _ => Self::Master,
        }
    }

    /// Returns the role in reports.
    pub(crate) fn role(self) -> NodeRole {
        match self {
            Self::Master => NodeRole::Master,
            Self::Replica => NodeRole::Replica,
            Self::Sentinel => NodeRole::Sentinel,
            Self::ClusterMember => NodeRole::ClusterMember,
        }
    }

    /// Returns why the server has no vote, and what to configure instead.
    pub(crate) fn refusal(self) -> Option<NodeError> {
        let (kind, text) = match self {
            Self::Master => return None,
            // Its master has a vote already.
            Self::Replica => (
                NodeErrorKind::ReadOnly,
                "the server is a replica: configure masters only",
            ),
            Self::Sentinel => (
                NodeErrorKind::Unsuitable,
                "the server is a Sentinel, which stores no keys: configure the master itself",
            ),
            Self::ClusterMember => (
                NodeErrorKind::Unsuitable,
                "the server is a member of a Redis Cluster, which stores each key on one master: \
                 configure standalone masters",
            ),
        };
        Some(NodeError::unsent(kind, text))
    }
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::parse_redis_value;

    use super::*;

    fn of_info(fields: &[(&str, &'static str)]) -> ServerKind {
        ServerKind::from_info(|name| {
            let mut fields = fields.iter();
            fields.find_map(|(other, value)| (*other == name).then_some(*value))
        })
    }

    #[test]
    fn info_shows_the_kind() {
        let (role, mode) = (("role", "master"), ("redis_mode", "standalone"));
        assert_eq!(of_info(&[]), ServerKind::Master);
        assert_eq!(of_info(&[role, mode]), ServerKind::Master);
        assert_eq!(of_info(&[("role", "slave"), mode]), ServerKind::Replica);
        for mode in ["redis_mode", "server_mode"] {
            assert_eq!(of_info(&[(mode, "sentinel")]), ServerKind::Sentinel);
            let kind = of_info(&[role, (mode, "cluster")]);
            assert_eq!(kind, ServerKind::ClusterMember);
        }
        let kind = of_info(&[role, mode, ("cluster_enabled", "1")]);
        assert_eq!(kind, ServerKind::ClusterMember);
        let kind = of_info(&[role, mode, ("cluster_enabled", "0")]);
        assert_eq!(kind, ServerKind::Master);
    }

    #[test]
    fn hello_shows_the_kind() {
        let of = |mode: &str, role: &str| {
            let text = format!("%2\r\n$4\r\nmode\r\n+{mode}\r\n$4\r\nrole\r\n+{role}\r\n");
            ServerKind::from_hello(&parse_redis_value(text.as_bytes()).unwrap())
        };
        assert_eq!(of("standalone", "master"), Some(ServerKind::Master));
        assert_eq!(of("standalone", "replica"), Some(ServerKind::Replica));
        assert_eq!(of("cluster", "master"), Some(ServerKind::ClusterMember));
        let sentinel = parse_redis_value(b"%1\r\n+mode\r\n+sentinel\r\n").unwrap();
        assert_eq!(
            ServerKind::from_hello(&sentinel),
            Some(ServerKind::Sentinel)
        );
        assert_eq!(ServerKind::from_hello(&Value::Okay), None);
    }

    #[test]
    fn role_shows_the_kind() {
        let of = |role: &str| {
            let text = format!("*2\r\n+{role}\r\n:0\r\n");
            ServerKind::from_role(&parse_redis_value(text.as_bytes()).unwrap())
        };
        assert_eq!(of("master"), Some(ServerKind::Master));
        assert_eq!(of("slave"), Some(ServerKind::Replica));
        assert_eq!(of("sentinel"), Some(ServerKind::Sentinel));
        let denied = parse_redis_value(b"-NOPERM no permissions\r\n").unwrap();
        assert_eq!(ServerKind::from_role(&denied), None);
    }

    #[test]
    fn only_a_master_has_a_vote() {
        assert_eq!(ServerKind::Master.refusal(), None);
        let refused = [
            ServerKind::Replica,
            ServerKind::Sentinel,
            ServerKind::ClusterMember,
        ];
        for kind in refused {
            let refusal = kind.refusal().unwrap();
            assert!(refusal.message().contains(": configure"), "{refusal}");
            assert!(!refusal.is_sent());
        }
    }
}
