//! The manager's configuration, from the arguments and the environment.

use std::env;
use std::time::Duration;

use redlock::{ConfigError, Redlock, RedlockBuilder};

use crate::args::NodeArgs;
use crate::failure::Failure;

impl NodeArgs {
    /// Returns a builder with the nodes and options from the environment, and those arguments that
    /// were given in their place.
    pub(crate) fn builder(&self) -> Result<RedlockBuilder, Failure> {
        let mut builder = if !self.redis.is_empty() {
            Redlock::builder().nodes(&self.redis).options_from_env()?
        } else if env::var_os("REDLOCK_NODES").is_some() {
            Redlock::from_env()?
        } else {
            Redlock::builder().node(DEFAULT).options_from_env()?
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

/// Builds a manager for a verb that acquires nothing. The ttl then only bounds how long to wait for
/// nodes, so one beyond the maximum is no mistake.
pub(crate) fn build_without_ttl(builder: RedlockBuilder) -> Result<Redlock, ConfigError> {
    let max_ttl = duration("REDLOCK_MAX_TTL").unwrap_or(TTL);
    builder.ttl(TTL.min(max_ttl)).build()
}

/// Returns the duration in a variable, unless it is not set or blank. An invalid one is an error of
/// [`NodeArgs::builder`], which comes first.
pub(crate) fn duration(variable: &str) -> Option<Duration> {
    humantime::parse_duration(set(variable)?.trim()).ok()
}

/// Returns the text in a variable, unless it is not set or blank.
pub(crate) fn set(variable: &str) -> Option<String> {
    let text = env::var(variable).ok()?;
    (!text.trim().is_empty()).then_some(text)
}

/// Shuts the manager down and waits briefly for pending releases. A hanging node must not delay the
/// exit.
pub(crate) async fn shut_down(manager: &Redlock) {
    let _elapsed = tokio::time::timeout(SHUTDOWN_TIMEOUT, manager.shutdown()).await;
}

const DEFAULT: &str = "redis://localhost:6379/0";

/// Long enough for a generous time limit per node.
const TTL: Duration = Duration::from_secs(30);

/// Enough for many round trips, and hardly noticeable to the user.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);
