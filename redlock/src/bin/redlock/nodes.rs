//! From the arguments to a manager.

use std::env::{self, VarError};
use std::time::Duration;

use redlock::{Redlock, RedlockBuilder};

use crate::args::NodeArgs;
use crate::failure::Failure;

impl NodeArgs {
    /// A manager of the nodes that were named, here or in the environment.
    pub(crate) fn builder(&self) -> Result<RedlockBuilder, Failure> {
        let mut builder = if !self.redis.is_empty() {
            Redlock::builder().nodes(&self.redis)
        } else {
            match env::var("REDLOCK_NODES") {
                Err(VarError::NotPresent) => Redlock::builder().node(DEFAULT),
                // Set to nothing it is a mistake, and not one to be made up for by another server.
                Ok(urls) => {
                    let urls = urls.split(',').map(str::trim);
                    Redlock::builder().nodes(urls.filter(|url| !url.is_empty()))
                }
                Err(VarError::NotUnicode(_)) => {
                    return Err(Failure::usage("REDLOCK_NODES: not UTF-8"));
                }
            }
        };
        if let Some(prefix) = &self.key_prefix {
            builder = builder.key_prefix(prefix);
        }
        if let Some(timeout) = self.node_timeout {
            builder = builder.node_timeout(timeout);
        }
        Ok(builder)
    }
}

/// Waits until the nodes have carried out what they still have to, for a moment: a node that hangs
/// must not keep the command.
pub(crate) async fn farewell(manager: &Redlock) {
    let _elapsed = tokio::time::timeout(MOMENT, manager.shutdown()).await;
}

/// The longest ttl of a manager that accepts `ttl`.
pub(crate) fn max_ttl(ttl: Duration) -> Duration {
    ttl.max(MAX_TTL)
}

const DEFAULT: &str = "redis://localhost:6379/0";

/// The library's own default.
const MAX_TTL: Duration = Duration::from_secs(60);

/// Many round trips, and not worth mentioning to whoever waits.
const MOMENT: Duration = Duration::from_secs(1);
