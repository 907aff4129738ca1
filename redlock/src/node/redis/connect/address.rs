//! Where a node is, and how its sockets are set up.

use std::time::Duration;

use deadpool_redis::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use deadpool_redis::redis::{ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisError};

use crate::error::ConfigError;
use crate::node::redis::connect::tls;

/// Understands a URL.
pub(crate) fn parse(url: &str) -> Result<ConnectionInfo, ConfigError> {
    let is_under_tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
    if is_under_tls && !tls::IS_THERE {
        return Err(ConfigError::Address {
            index: 0,
            reason: "TLS needs the feature `tls-rustls` or `tls-native`".into(),
        });
    }
    url.into_connection_info().map_err(|error| refused(&error))
}

/// The same address in the newer protocol, in which servers speak without being asked.
pub(crate) fn resp3(info: &ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone();
    info.clone()
        .set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3))
}

/// Whether a URL asks for the older protocol: who wrote that has a reason.
pub(crate) fn wants_resp2(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut pairs = query
        .split(['&', '#'])
        .filter_map(|pair| pair.split_once('='));
    pairs.any(|(name, value)| name == "protocol" && matches!(value, "2" | "resp2"))
}

/// The node's name: its address and database, without credentials.
pub(crate) fn name(info: &ConnectionInfo) -> String {
    let database = info.redis_settings().db();
    if database == 0 {
        info.addr().to_string()
    } else {
        format!("{}/{database}", info.addr())
    }
}

/// Sets up the socket: small commands leave at once, and a peer that vanished without a word is
/// noticed by the kernel too.
pub(crate) fn tune(info: ConnectionInfo) -> ConnectionInfo {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(15))
        .with_interval(Duration::from_secs(5));
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(keepalive);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(Duration::from_secs(30));
    info.set_tcp_settings(settings)
}

/// An address that was refused. Only the category is kept: the details may repeat the URL, and
/// with it a password.
pub(crate) fn refused(error: &RedisError) -> ConfigError {
    ConfigError::Address {
        index: 0,
        reason: error.category().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_where_the_node_is_and_no_credentials() {
        let names = [
            ("redis://user:secret@host:7000/2", "host:7000/2"),
            ("redis://:secret@host", "host:6379"),
            ("redis://[::1]:7000", "::1:7000"),
            ("redis+unix:///run/redis.sock", "/run/redis.sock"),
        ];
        for (url, expected) in names {
            assert_eq!(name(&parse(url).unwrap()), expected);
        }
    }

    #[test]
    fn the_older_protocol_is_used_where_the_address_asks_for_it() {
        for url in ["redis://a?protocol=resp2", "redis://a/1?x=y&protocol=2"] {
            assert!(wants_resp2(url), "{url}");
        }
        for url in [
            "redis://a",
            "redis://a?protocol=resp3",
            "redis://protocol=2@a",
        ] {
            assert!(!wants_resp2(url), "{url}");
        }
    }

    #[test]
    fn an_address_that_makes_no_sense_is_refused_without_repeating_it() {
        for url in [
            "",
            "host:6379",
            "http://:secret@host",
            "redis://:secret@host:port/x",
            "rediss://:secret@host/#unknown",
        ] {
            let error = parse(url).unwrap_err();
            assert!(matches!(error, ConfigError::Address { .. }));
            assert!(
                !format!("{error} {error:?}").contains("secret"),
                "{error:?}"
            );
        }
    }
    #[test]
    fn an_address_under_tls_says_what_it_takes() {
        let parsed = parse("rediss://:secret@host");
        if tls::IS_THERE {
            assert_eq!(name(&parsed.unwrap()), "host:6379");
        } else {
            let refused = parsed.unwrap_err().to_string();
            assert!(refused.contains("`tls-rustls`"), "{refused}");
        }
    }
}
