//! Conversions from the client library's errors.

use std::error::Error;
use std::sync::Arc;

use deadpool_redis::PoolError;
use deadpool_redis::redis::{ErrorKind, RedisError, ServerError, Value};

use crate::error::{NodeError, NodeErrorKind, quoted};

/// Converts the error of a command that received it, or was in flight when it happened.
pub(crate) fn of_command(error: &RedisError) -> NodeError {
    let kind = if error.is_connection_dropped() || error.is_io_error() {
        NodeErrorKind::Disconnected
    } else {
        kind(error)
    };
    NodeError::new(kind, text(error))
}

/// Converts the error in a server's response to one command.
pub(crate) fn of_response(code: &str, details: Option<&str>) -> NodeError {
    let text = format!("{code} {}", details.unwrap_or_default());
    let kind = match of_code(code) {
        NodeErrorKind::Server if is_denied_in_script(&text) => NodeErrorKind::Permission,
        kind => kind,
    };
    NodeError::new(kind, text.trim_end())
}

/// Whether a script ran a command, or used a key, for which the user has no right.
///
/// The code of such an error depends on the version: `@user_script:` in Redis 6, `ERR` in 7.0 and
/// later. Only the text shows what it is.
fn is_denied_in_script(text: &str) -> bool {
    let texts = [
        "The user executing the script can't",
        "ACL failure in script",
    ];
    texts.iter().any(|it| text.contains(it))
}

/// Whether a response shows that the connection leads to a server that is not, or no longer, a
/// master with its data: after a failover, a name may lead to another server. Or it shows that a
/// fact from the handshake does not hold any more.
pub(crate) fn is_displaced(code: &str, details: Option<&str>) -> bool {
    // Before Redis 7, the error of a command within a script is part of the text.
    let in_script = || details.is_some_and(|details| details.contains("-READONLY"));
    matches!(code, "READONLY" | "MASTERDOWN" | "LOADING" | "UNBLOCKED")
        || code == "ERR" && in_script()
        || code == "NOPERM" && is_about_scripts(details)
}

/// Whether the user may not run scripts, by hash or by text. The handshake found otherwise, so the
/// rights have changed: the next handshake finds out what is left.
fn is_about_scripts(details: Option<&str>) -> bool {
    details.is_some_and(|it| it.contains("'evalsha'") || it.contains("'eval'"))
}

/// Returns the rule that would allow what the server refused in this response, if it names it.
///
/// A refusal within a script does not name the command, and one of a key does not name the pattern.
pub(crate) fn missing_right(response: &Value) -> Option<Arc<str>> {
    match response {
        Value::ServerError(error) if error.code() == "NOPERM" => rule_for(error.details()?),
        _ => None,
    }
}

/// Returns the rule that would allow what was refused with this text, if the text names it.
fn rule_for(refusal: &str) -> Option<Arc<str>> {
    if refusal.contains("channel") {
        return Some("&redlock:*".into());
    }
    let (_, command) = refusal.split_once("permissions to run the '")?;
    let (command, _) = command.split_once('\'')?;
    Some(quoted(format!("+{}", command.to_lowercase())))
}

/// Whether the server does not have a command.
pub(crate) fn is_unknown_command(code: &str, details: Option<&str>) -> bool {
    code == "ERR" && details.is_some_and(|it| it.starts_with("unknown command"))
}

/// Returns the error of a connection that a server ended with these words.
pub(crate) fn with_last_words(cause: &NodeError, words: &ServerError) -> NodeError {
    let words = of_response(words.code(), words.details());
    let text = format!("the server closed the connection: {}", words.message());
    NodeError::new(cause.kind(), text)
}

/// Converts an error of connecting. No command was sent.
pub(crate) fn of_connect(error: &PoolError) -> NodeError {
    match error {
        PoolError::Backend(error) if is_transport_error(error) => {
            NodeError::unsent(NodeErrorKind::Unreachable, text(error))
        }
        PoolError::Backend(error) => NodeError::unsent(kind(error), text(error)),
        PoolError::Timeout(_) => NodeError::unsent(NodeErrorKind::Unreachable, "pool timed out"),
        _ => NodeError::unsent(NodeErrorKind::Closed, "pool is closed"),
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
        "MOVED" | "ASK" | "CLUSTERDOWN" | "CROSSSLOT" => NodeErrorKind::Unsuitable,
        "OOM" => NodeErrorKind::OutOfMemory,
        _ => NodeErrorKind::Server,
    }
}

/// Whether the transport failed, and not the server: the network, TLS, or invalid settings.
///
/// A TLS error shows only as an error of the client that has a source.
fn is_transport_error(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Client => error.source().is_some(),
        ErrorKind::InvalidClientConfig => true,
        _ => error.is_io_error(),
    }
}

fn text(error: &RedisError) -> String {
    if is_transport_error(error) {
        // In the words of the operating system (refused, no route, no such host) or of TLS.
        return error.to_string();
    }
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        // The parser describes bytes that are not of the protocol in several lines.
        (_, Some(detail)) => detail.lines().collect::<Vec<_>>().join(" "),
        (_, None) => error.category().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_that_is_missing_in_a_script_is_a_missing_right() {
        let denied = [
            (
                "@user_script:",
                "1: The user executing the script can't run this command or subcommand",
            ),
            (
                "ERR",
                "The user executing the script can't access at least one of the keys mentioned in \
                 the command arguments script: 6f94, on @user_script:1.",
            ),
            (
                "ERR",
                "ACL failure in script: User app has no permissions to run the 'del' command",
            ),
            ("NOPERM", "No permissions to access a key"),
        ];
        for (code, details) in denied {
            let error = of_response(code, Some(details));
            assert_eq!(error.kind(), NodeErrorKind::Permission, "{details}");
            assert_eq!(error.message(), format!("{code} {details}"));
        }
        let other = of_response("ERR", Some("value is not an integer"));
        assert_eq!(other.kind(), NodeErrorKind::Server);
    }

    #[test]
    fn a_refusal_names_the_rule_that_is_missing() {
        let named = [
            // Redis 7 and Valkey, then Redis 6.
            (
                "User app has no permissions to run the 'config|get' command",
                Some("+config|get"),
            ),
            (
                "this user has no permissions to run the 'INFO' command or its subcommand",
                Some("+info"),
            ),
            ("No permissions to access a channel", Some("&redlock:*")),
            (
                "this user has no permissions to access one of the channels used as arguments",
                Some("&redlock:*"),
            ),
            ("No permissions to access a key", None),
            (
                "permissions to run the 'a\u{1b}' command",
                Some("+a\\u{1b}"),
            ),
        ];
        for (text, expected) in named {
            assert_eq!(rule_for(text).as_deref(), expected, "{text}");
        }
    }
}
