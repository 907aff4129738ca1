//! The client library's errors in our words.

use std::error::Error;

use deadpool_redis::PoolError;
use deadpool_redis::redis::{ErrorKind, RedisError};

use crate::error::{NodeError, NodeErrorKind};

/// An error of a command that was answered with it, or that was under way when it happened.
pub(crate) fn of_command(error: &RedisError) -> NodeError {
    let kind = if error.is_connection_dropped() || error.is_io_error() {
        NodeErrorKind::Disconnected
    } else {
        kind(error)
    };
    NodeError::new(kind, text(error))
}

/// An error of a server's answer to one command.
pub(crate) fn of_answer(code: &str, details: Option<&str>) -> NodeError {
    NodeError::new(
        of_code(code),
        format!("{code} {}", details.unwrap_or_default()).trim_end(),
    )
}

/// An error of making a connection. No command was sent.
pub(crate) fn of_connecting(error: &PoolError) -> NodeError {
    match error {
        PoolError::Backend(error) if is_of_the_way(error) => {
            NodeError::unsent(NodeErrorKind::Unreachable, text(error))
        }
        PoolError::Backend(error) => NodeError::unsent(kind(error), text(error)),
        PoolError::Timeout(_) => NodeError::unsent(NodeErrorKind::Unreachable, "timed out"),
        _ => NodeError::unsent(NodeErrorKind::Closed, "the pool is closed"),
    }
}

fn kind(error: &RedisError) -> NodeErrorKind {
    match error.kind() {
        ErrorKind::AuthenticationFailed => NodeErrorKind::Authentication,
        ErrorKind::Io => NodeErrorKind::Disconnected,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => NodeErrorKind::Protocol,
        _ => error.code().map_or(NodeErrorKind::Server, of_code),
    }
}

fn of_code(code: &str) -> NodeErrorKind {
    match code {
        "NOAUTH" | "WRONGPASS" => NodeErrorKind::Authentication,
        "NOPERM" => NodeErrorKind::Permission,
        "READONLY" | "MASTERDOWN" | "MISCONF" => NodeErrorKind::ReadOnly,
        "LOADING" => NodeErrorKind::Loading,
        "OOM" => NodeErrorKind::OutOfMemory,
        _ => NodeErrorKind::Server,
    }
}

/// Whether the way to the server is the cause, and not the server: the network; TLS, which shows
/// only in that there is a cause below; or settings with which nobody can connect.
fn is_of_the_way(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Client => error.source().is_some(),
        ErrorKind::InvalidClientConfig => true,
        _ => error.is_io_error(),
    }
}

fn text(error: &RedisError) -> String {
    if is_of_the_way(error) {
        // The operating system's own words: refused, no route, no such host; or those of TLS.
        return error.to_string();
    }
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (_, Some(detail)) => detail.to_owned(),
        (_, None) => error.category().to_owned(),
    }
}
