//! The address of a node, and the settings of its sockets.

mod form;
mod mistake;
mod options;
mod redacted;
#[cfg(test)]
mod tests;
mod url;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use deadpool_redis::redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use deadpool_redis::redis::{ConnectionAddr, ConnectionInfo, ProtocolVersion, RedisError};

use self::mistake::Mistake;
use crate::error::ConfigError;
use crate::node::redis::connect::tls;

/// What a URL says about a node.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) info: ConnectionInfo,
    /// Whether the URL requests RESP2, which overrides our preference for RESP3.
    pub(crate) is_resp2: bool,
}

/// Parses a URL.
pub(crate) fn parse(text: &str) -> Result<Address, ConfigError> {
    let address = url::parse(text).and_then(|address| {
        check_settings(&address.info)?;
        Ok(address)
    });
    address.map_err(|mistake| invalid(redacted::redacted(text), &mistake.to_string()))
}

/// Validates connection settings that an application has made.
pub(crate) fn check(info: &ConnectionInfo) -> Result<(), ConfigError> {
    check_settings(info).map_err(|mistake| invalid(name(info), &mistake.to_string()))
}

fn check_settings(info: &ConnectionInfo) -> Result<(), Mistake> {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => check_host_and_port(host, *port)?,
        ConnectionAddr::TcpTls { host, port, .. } => {
            check_host_and_port(host, *port)?;
            if !tls::IS_AVAILABLE {
                return Err(Mistake::TlsUnavailable);
            }
        }
        ConnectionAddr::Unix(_) if !cfg!(unix) => return Err(Mistake::SocketUnavailable),
        _ => {}
    }
    let settings = info.redis_settings();
    if !(0..=MAX_DATABASE).contains(&settings.db()) {
        return Err(Mistake::Database);
    }
    // The client library would not send the name, and use the rights of the default user.
    let is_named = settings.username().is_some_and(|name| !name.is_empty());
    if is_named && settings.password().is_none_or(str::is_empty) {
        return Err(Mistake::UserWithoutPassword);
    }
    Ok(())
}

fn check_host_and_port(host: &str, port: u16) -> Result<(), Mistake> {
    let address = host.parse().map(|it: IpAddr| it.to_canonical());
    match address {
        _ if host.is_empty() => Err(Mistake::NoHost),
        _ if port == 0 => Err(Mistake::Port),
        Ok(it) if it.is_unspecified() || it.is_multicast() || it == Ipv4Addr::BROADCAST => {
            Err(Mistake::NotOneHost)
        }
        _ => Ok(()),
    }
}

/// Returns the address with RESP3, in which servers can push messages.
pub(crate) fn resp3(info: &ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone();
    info.clone()
        .set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3))
}

/// Returns the node's name: its address and database, without credentials.
pub(crate) fn name(info: &ConnectionInfo) -> String {
    let address = match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }
            if host.contains(':') =>
        {
            format!("[{host}]:{port}")
        }
        address => address.to_string(),
    };
    match info.redis_settings().db() {
        0 => address,
        database => format!("{address}/{database}"),
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

/// Returns the error of settings that the client library refuses.
///
/// It contains only the category: the details may repeat a password.
pub(crate) fn refused(info: &ConnectionInfo, error: &RedisError) -> ConfigError {
    invalid(name(info), error.category())
}

/// Returns the error of an address that is shown without credentials.
pub(crate) fn invalid(address: String, reason: &str) -> ConfigError {
    ConfigError::Address {
        index: 0,
        address: address.into(),
        reason: reason.into(),
    }
}

/// The largest number of a database: servers count them with 32 bits.
const MAX_DATABASE: i64 = i32::MAX as i64;
