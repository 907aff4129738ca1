//! The verb `redlock extend`.

use redlock::{ExtendError, LeaseId};
use serde_json::json;

use crate::args::{ExtendArgs, NodeArgs};
use crate::console::Console;
use crate::console::times::{deadline, milliseconds};
use crate::failure::Failure;

/// Extends a lock by its key.
pub(crate) async fn extend(
    args: &ExtendArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    let manager = nodes.build_without_ttl(nodes.builder_or_localhost(console)?)?;
    let Ok(id) = args.key.parse::<LeaseId>();
    let remaining = manager.extend(&args.name, id, args.validity).await?;
    console.print("ok");
    let json = || {
        json!({
            "outcome": "extended",
            "name": args.name,
            "remaining_ms": milliseconds(remaining),
            "deadline_ms": deadline(remaining),
        })
    };
    console.result(String::new, json).ok();
    Ok(0)
}

impl From<ExtendError> for Failure {
    fn from(error: ExtendError) -> Self {
        match &error {
            ExtendError::Lost(_) => Self::lost(error),
            ExtendError::NoQuorum {
                confirmed,
                needed,
                nodes,
                failures,
                ..
            } => Self::nodes(
                format!("no quorum: {confirmed} of {nodes} nodes extended, {needed} needed"),
                failures.iter(),
            ),
            ExtendError::Invalid(error) => error.clone().into(),
            _ => Self::system(error),
        }
    }
}
