//! The effects of a missing right on locks.

use redlock::{NodeError, NodeErrorKind};

use crate::check::probe::StepKind;

/// Returns what happens without a right that locks can do without. `None` for those that only make
/// things cheaper.
pub(super) fn consequence(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "+info" => {
            "restarts cannot be recognized, so the node has no vote for max_ttl after each new \
             connection, and no setting can be checked"
        }
        "+time" => "waiters are not listed, and the node has no vote for max_ttl at first contact",
        "+hello" | "+exists" | "+client|tracking" | "+client|caching" => {
            "waiters poll, and a holder notices a deleted key only at its next extension"
        }
        "+config|get" => {
            "a restart always leads to quarantine, even of a server that loses nothing"
        }
        "+pubsub|numsub" => {
            "a waiter that is gone may cost 12 ms, and a restart always leads to quarantine"
        }
        "+zrank" | "+zrem" => "the waiters of this client are not listed, and poll",
        "+zpopmin" | "+publish" => {
            "the releases of this client send no hints, so the waiters behind it poll"
        }
        "+subscribe" | "&redlock:*" => "the waiters of this client get no hints, and poll",
        "+evalsha" | "+script|load" => "scripts are sent by their text each time",
        "+eval" => "locks are not extended or released after SCRIPT FLUSH until a new connection",
        _ => return None,
    })
}

/// Returns a sentence about a step that failed: what, why, and what to do.
pub(super) fn failure(kind: StepKind, error: &NodeError) -> String {
    let (what, result) = match kind {
        StepKind::Connect if error.kind() == NodeErrorKind::Permission && error.is_sent() => (
            "it refuses PING",
            "A manager that connects first takes it for unusable.",
        ),
        StepKind::Connect => ("it cannot be used", "It has no vote."),
        StepKind::Identify => (
            "its identity record cannot be read",
            "Without it a loss of data goes unnoticed.",
        ),
        StepKind::Acquire => ("no lock can be taken there", "It grants no locks."),
        StepKind::Contend => (
            "a contended lock cannot be requested there",
            "It grants no contended locks.",
        ),
        StepKind::Extend => (
            "a lock cannot be extended there",
            "Locks there end with their ttl.",
        ),
        StepKind::Read => (
            "a lock cannot be read there",
            "status and unlock fail there.",
        ),
        StepKind::Token => (
            "a token counter cannot be moved there",
            "Tokens cannot be made durable there.",
        ),
        StepKind::Release => (
            "a lock cannot be released there",
            "Locks there end with their ttl.",
        ),
    };
    let remedy = remedy(kind, error);
    format!("{what}: {error}{remedy}. {result}")
}

/// Returns what to do, unless the error says it.
fn remedy(kind: StepKind, error: &NodeError) -> String {
    match error.kind() {
        _ if error.message().contains(": allow +") || error.message().contains("configure ") => {
            String::new()
        }
        NodeErrorKind::Permission => format!(": allow {}", rules(kind, error.message())),
        NodeErrorKind::Authentication => ": check the user and the password in its URL".to_owned(),
        NodeErrorKind::Unreachable => {
            ": check that the server runs, and that its address is right".to_owned()
        }
        NodeErrorKind::Timeout | NodeErrorKind::Unresponsive => {
            ": check whether the server hangs, and the network between".to_owned()
        }
        NodeErrorKind::OutOfMemory => {
            ": raise its maxmemory, with maxmemory-policy noeviction".to_owned()
        }
        NodeErrorKind::ReadOnly => ": check its disk and its role".to_owned(),
        _ => String::new(),
    }
}

/// Returns the rules that would allow a step. Some servers do not say which command a script was
/// refused: then all that the step needs.
fn rules(kind: StepKind, text: &str) -> String {
    if text.contains("access") && text.contains("key") {
        return "the keys of your prefix, as in ~app:* ~{app:*".to_owned();
    }
    let named = text
        .split_once("run the '")
        .and_then(|(_, rest)| rest.split_once('\''));
    if let Some((command, _)) = named {
        return format!("+{}", command.to_lowercase());
    }
    let needed = match kind {
        StepKind::Connect => "+ping",
        StepKind::Identify => "+get +set",
        StepKind::Acquire => "+set +zadd +zscore",
        StepKind::Contend => "+type +pttl +zscore",
        StepKind::Extend => "+get +pexpire +pttl",
        StepKind::Read => "+get +type +pttl +zscore",
        StepKind::Token => "+get +zadd +zscore +pexpire",
        StepKind::Release => "+get +del",
    };
    needed.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_to_allow() {
        let denied = |text: &str| NodeError::new(NodeErrorKind::Permission, text);
        let named = denied("NOPERM User app has no permissions to run the 'ZADD' command");
        let text = failure(StepKind::Acquire, &named);
        assert!(text.starts_with("no lock can be taken there: "), "{text}");
        assert!(
            text.ends_with(": allow +zadd. It grants no locks."),
            "{text}"
        );
        let unnamed = denied("ERR The user executing the script can't run this command");
        let text = failure(StepKind::Contend, &unnamed);
        assert!(text.contains(": allow +type +pttl +zscore. "), "{text}");
        let key = denied("NOPERM No permissions to access a key");
        assert!(failure(StepKind::Acquire, &key).contains("~app:*"));
    }
}
