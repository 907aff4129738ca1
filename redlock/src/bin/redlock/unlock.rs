//! The verb `redlock unlock`.

use redlock::node::NodeHealth;
use redlock::{LeaseId, LockState, NodeReport, Redlock, ReleaseOutcome, Released, UnlockError};

use crate::args::{NodeArgs, UnlockArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::nodes::{build_without_ttl, shut_down};

/// Releases a lock by its key.
pub(crate) async fn unlock(
    args: &UnlockArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    // Not connected first, which would need a quorum: a release on a minority is still useful.
    let manager = build_without_ttl(nodes.builder()?)?;
    let Ok(id) = args.key.parse::<LeaseId>();
    let outcome = manager.unlock(&args.name, id).await;
    let outcome = match outcome {
        Ok(released) => {
            console.print(outcome_word(&manager, &args.name, &released).await);
            Ok(0)
        }
        Err(UnlockError::NoQuorum { report }) => Err(no_quorum(&manager, &report).await),
        Err(UnlockError::Invalid(error)) => Err(error.into()),
        Err(error) => Err(Failure::system(error)),
    };
    shut_down(&manager).await;
    outcome
}

/// Returns what the release has found. A mistyped key is worth a word of its own: the lock is still held.
async fn outcome_word(manager: &Redlock, name: &str, released: &Released) -> &'static str {
    if released.was_held() {
        return "ok";
    }
    match manager.status(name).await.state() {
        LockState::Held | LockState::Taken => {
            "was not held with this key: it is held with another one"
        }
        _ => "was not held",
    }
}

/// Creates a failure with each node's outcome. A release stays pending for a node that is down, so
/// the cause shown for it is the connection error.
async fn no_quorum(manager: &Redlock, report: &Released) -> Failure {
    let health = manager.nodes().await;
    let causes = report.nodes().iter().zip(&health).map(|(node, health)| {
        let outcome = match (node.outcome(), health) {
            (
                ReleaseOutcome::Pending,
                NodeReport {
                    health: NodeHealth::Down(cause),
                    ..
                },
            ) => cause.to_string(),
            (outcome, _) => outcome.to_string(),
        };
        format!("{}: {outcome}", node.node())
    });
    Failure::nodes("no quorum of nodes confirmed the release", causes)
}
