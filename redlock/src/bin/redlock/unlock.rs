//! The verb `redlock unlock`.

use std::time::Instant;

use redlock::node::NodeHealth;
use redlock::{LeaseId, LockState, NodeReport, Redlock, ReleaseOutcome, Released, UnlockError};

use serde_json::json;

use crate::args::{NodeArgs, UnlockArgs};
use crate::console::Console;
use crate::failure::Failure;
use crate::nodes::{grace_after, shut_down_within};

/// Releases a lock by its key.
pub(crate) async fn unlock(
    args: &UnlockArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    // Not connected first, which would need a quorum: a release on a minority is still useful.
    let manager = nodes.build_without_ttl(nodes.builder_or_localhost(console)?)?;
    let Ok(id) = args.key.parse::<LeaseId>();
    let start = Instant::now();
    let outcome = manager.unlock(&args.name, id).await;
    let grace = grace_after(start.elapsed());
    let outcome = match outcome {
        Ok(released) => {
            let found = Found::by(&manager, &args.name, &released).await;
            console.print(found.sentence());
            if console.is_json() {
                let json = || json!({ "outcome": found.word(), "name": args.name });
                console.result(String::new, json).ok();
            }
            Ok(0)
        }
        Err(UnlockError::NoQuorum { report }) => Err(no_quorum(&manager, &report).await),
        Err(UnlockError::Invalid(error)) => Err(error.into()),
        Err(error) => Err(Failure::system(error)),
    };
    shut_down_within(&manager, grace).await;
    outcome
}

/// What a release has found.
#[derive(Clone, Copy, Debug)]
enum Found {
    /// The lock, which is gone now.
    Held,
    /// No lock, or one that had already expired.
    Free,
    /// A lock with another key: it was lost, or the key is mistyped.
    OfAnother,
    /// Not known: too few nodes responded to the question.
    Unknown,
}

impl Found {
    async fn by(manager: &Redlock, name: &str, released: &Released) -> Self {
        if released.was_held() {
            return Self::Held;
        }
        match manager.status(name).await.state() {
            LockState::Held | LockState::Taken => Self::OfAnother,
            LockState::Unknown => Self::Unknown,
            _ => Self::Free,
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Held => "ok",
            Self::Free | Self::Unknown => "was not held",
            Self::OfAnother => "was not held with this key: it is held with another one",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Held => "released",
            Self::Free | Self::Unknown => "not-held",
            Self::OfAnother => "held-by-another",
        }
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
