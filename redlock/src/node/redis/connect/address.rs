//! The address of a node, and the settings of its sockets.

use std::time::Duration;

use deadpool_redis::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use deadpool_redis::redis::{ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisError};

use crate::error::ConfigError;
use crate::node::redis::connect::tls;

/// Parses a URL.
pub(crate) fn parse(url: &str) -> Result<ConnectionInfo, ConfigError> {
    let is_under_tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
    if is_under_tls && !tls::IS_AVAILABLE {
        return Err(ConfigError::Address {
            index: 0,
            reason: "TLS is not available: enable the feature `tls-rustls` or `tls-native`".into(),
        });
    }
    url.into_connection_info().map_err(|error| invalid(&error))
}

/// Returns the address with RESP3, in which servers can push messages.
pub(crate) fn resp3(info: &ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone();
    info.clone()
        .set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3))
}

/// Whether a URL explicitly requests RESP2, which overrides our preference for RESP3.
pub(crate) fn wants_resp2(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut pairs = query
        .split(['&', '#'])
        .filter_map(|pair| pair.split_once('='));
    pairs.any(|(name, value)| name == "protocol" && matches!(value, "2" | "resp2"))
}

/// Returns the node's name: its address and database, without credentials.
pub(crate) fn name(info: &ConnectionInfo) -> String {
    let database = info.redis_settings().db();
    if database == 0 {
        info.addr().to_string()
    } else {
        format!("{}/{database}", info.addr())
    }
}

/// Sets the TCP options: no delay for small commands, and keep-alive, by which the kernel detects
/// a peer that vanished.
pub(crate) fn with_tcp_settings(info: ConnectionInfo) -> ConnectionInfo {
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

/// Returns the error of an address that is not valid.
///
/// It contains only the category: the details may repeat the URL, and with it a password.
pub(crate) fn invalid(error: &RedisError) -> ConfigError {
    ConfigError::Address {
        index: 0,
        reason: error.category().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_address_without_credentials() {
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
    fn a_url_can_request_resp2() {
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
    fn the_error_of_an_invalid_address_does_not_repeat_it() {
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
    fn an_address_under_tls_needs_a_feature() {
        let parsed = parse("rediss://:secret@host");
        if tls::IS_AVAILABLE {
            assert_eq!(name(&parsed.unwrap()), "host:6379");
        } else {
            let error = parsed.unwrap_err().to_string();
            assert!(error.contains("`tls-rustls`"), "{error}");
        }
    }
}
