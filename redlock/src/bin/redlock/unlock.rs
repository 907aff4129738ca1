//! `redlock unlock`

use redlock::node::NodeHealth;
use redlock::{NodeReport, Redlock, ReleaseOutcome, Released, UnlockError};

use crate::args::{NodeArgs, UnlockArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::nodes::farewell;

/// Releases a lock by its key.
pub(crate) async fn unlock(
    args: &UnlockArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    // Not connected beforehand: even without a quorum, nodes that are there are worth releasing.
    let manager = nodes.builder()?.build()?;
    let outcome = manager.unlock(&args.name, args.key.as_str()).await;
    let outcome = match outcome {
        Ok(released) => {
            let word = if released.was_held() {
                "ok"
            } else {
                "was not held"
            };
            console.say(word);
            Ok(0)
        }
        Err(UnlockError::NoQuorum { report }) => Err(no_quorum(&manager, &report).await),
        Err(UnlockError::Invalid(error)) => Err(error.into()),
        Err(error) => Err(Failure::system(error)),
    };
    farewell(&manager).await;
    outcome
}

/// What each node said. A node that is down says nothing to a release, which stays queued for it:
/// why it is down, it has told when it was connected to.
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
