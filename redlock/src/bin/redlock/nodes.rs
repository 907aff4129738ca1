//! The manager's configuration, from the arguments and the environment.

use std::env::{self, VarError};
use std::time::Duration;

use redlock::{Redlock, RedlockBuilder};

use crate::args::NodeArgs;
use crate::failure::Failure;

impl NodeArgs {
    /// Returns a builder with the nodes from the arguments, or else from the environment.
    pub(crate) fn builder(&self) -> Result<RedlockBuilder, Failure> {
        let mut builder = if !self.redis.is_empty() {
            Redlock::builder().nodes(&self.redis)
        } else {
            match env::var("REDLOCK_NODES") {
                Err(VarError::NotPresent) => Redlock::builder().node(DEFAULT),
                // An empty variable is a mistake. The default server would hide it.
                Ok(urls) => {
                    let urls = urls.split(',').map(str::trim);
                    Redlock::builder().nodes(urls.filter(|url| !url.is_empty()))
                }
                Err(VarError::NotUnicode(_)) => {
                    return Err(Failure::usage("REDLOCK_NODES is not valid UTF-8"));
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

/// Shuts the manager down and waits briefly for pending releases. A hanging node must not delay the
/// exit.
pub(crate) async fn shut_down(manager: &Redlock) {
    let _elapsed = tokio::time::timeout(SHUTDOWN_TIMEOUT, manager.shutdown()).await;
}

/// Returns a `max_ttl` that admits `ttl`.
pub(crate) fn max_ttl(ttl: Duration) -> Duration {
    ttl.max(MAX_TTL)
}

const DEFAULT: &str = "redis://localhost:6379/0";

/// The library's default for `max_ttl`.
const MAX_TTL: Duration = Duration::from_secs(60);

/// Enough for many round trips, and hardly noticeable to the user.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);
