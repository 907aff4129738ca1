//! The manager's configuration, from the arguments and the environment.

use std::env;
use std::time::Duration;

use redlock::{ConfigError, Redlock, RedlockBuilder};

use crate::args::NodeArgs;
use crate::console::Console;
use crate::failure::Failure;

impl NodeArgs {
    /// Returns a builder with the nodes and options from the environment, and those arguments that
    /// were given in their place.
    ///
    /// It is an error to name no node. One on this machine in its place would let every machine lock
    /// for itself.
    pub(crate) fn builder(&self) -> Result<RedlockBuilder, Failure> {
        self.named()?.ok_or_else(|| Failure::usage(NO_NODES))
    }

    /// Returns the same builder, but with a node on this machine if none is named: the verbs of the
    /// seed's command have this default.
    pub(crate) fn builder_or_localhost(
        &self,
        console: &Console,
    ) -> Result<RedlockBuilder, Failure> {
        if let Some(builder) = self.named()? {
            return Ok(builder);
        }
        console.warn(&format!("no nodes are named, so the only one is {DEFAULT}"));
        self.with_options(Redlock::builder().node(DEFAULT).options_from_env()?)
    }

    /// Returns a builder, if any node is named.
    fn named(&self) -> Result<Option<RedlockBuilder>, Failure> {
        let builder = Redlock::builder();
        let builder = match (&self.nodes_file, self.redis.is_empty()) {
            (Some(_), false) => {
                return Err(Failure::usage(
                    "--redis and --nodes-file: give one of the two",
                ));
            }
            (Some(path), true) => {
                let builder = builder.nodes_file(path);
                let builder =
                    builder.map_err(|error| Failure::usage(format!("--nodes-file: {error}")))?;
                builder.options_from_env()?
            }
            (None, false) => builder.nodes(&self.redis).options_from_env()?,
            (None, true) if is_set("REDLOCK_NODES") || is_set("REDLOCK_NODES_FILE") => {
                Redlock::from_env()?
            }
            (None, true) => return Ok(None),
        };
        self.with_options(builder).map(Some)
    }

    /// Sets the options that were given.
    fn with_options(&self, mut builder: RedlockBuilder) -> Result<RedlockBuilder, Failure> {
        macro_rules! set {
            ($($option:ident),+) => {
                $(if let Some(value) = &self.$option {
                    builder = builder.$option(value.clone());
                })+
            };
        }
        set!(
            key_prefix,
            label,
            ttl,
            max_hold,
            node_timeout,
            max_ttl,
            retry_delay,
            fencing,
            token_durability,
            fence_retention,
            drift_factor,
            restart_quarantine,
            allow_resize
        );
        if let Some(retries) = self.retry_count {
            builder = builder.retry_count(attempts(retries));
        }
        Ok(builder)
    }
}

impl NodeArgs {
    /// Builds a manager for a verb that acquires nothing. The ttl then only bounds how long to wait for
    /// nodes, so one beyond the maximum is no mistake.
    pub(crate) fn build_without_ttl(
        &self,
        builder: RedlockBuilder,
    ) -> Result<Redlock, ConfigError> {
        let max_ttl = self.max_ttl.or_else(|| duration("REDLOCK_MAX_TTL"));
        builder.ttl(max_ttl.unwrap_or(TTL).min(TTL)).build()
    }

    /// Returns the wait that is configured.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.wait.or_else(|| duration("REDLOCK_WAIT"))
    }

    /// Whether a label is configured, or none by an empty one.
    pub(crate) fn has_label(&self) -> bool {
        self.label.is_some() || is_set("REDLOCK_LABEL")
    }
}

/// Returns the number of attempts with so many retries. A negative number is no limit.
fn attempts(retries: i64) -> u32 {
    let retries = u32::try_from(retries).unwrap_or(u32::MAX);
    retries.saturating_add(1)
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

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some()
}

/// Shuts the manager down and waits briefly for pending releases. A hanging node must not delay the
/// exit.
pub(crate) async fn shut_down(manager: &Redlock) {
    shut_down_within(manager, SHUTDOWN_TIMEOUT).await;
}

/// Shuts the manager down and waits for pending releases, at most for `grace`.
pub(crate) async fn shut_down_within(manager: &Redlock, grace: Duration) {
    let _elapsed = tokio::time::timeout(grace, manager.shutdown()).await;
}

/// Returns how much longer to wait for the other nodes, once a quorum has responded within `quorum`.
pub(crate) fn grace_after(quorum: Duration) -> Duration {
    (3 * quorum).clamp(SHORTEST_GRACE, SHUTDOWN_TIMEOUT)
}

const NO_NODES: &str = "no nodes: name them with --redis, or in REDLOCK_NODES or REDLOCK_NODES_FILE, \
                        such as REDLOCK_NODES=redis://a:6379,redis://b:6379,redis://c:6379";

const DEFAULT: &str = "redis://localhost:6379/0";

/// Long enough for a generous time limit per node.
const TTL: Duration = Duration::from_secs(30);

/// Several round trips on loopback.
const SHORTEST_GRACE: Duration = Duration::from_millis(1);

/// Enough for many round trips, and hardly noticeable to the user.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);
