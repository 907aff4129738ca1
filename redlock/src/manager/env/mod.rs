//! Nodes and options from environment variables.

mod nodes;
mod options;
#[cfg(test)]
mod tests;
mod unknown;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use crate::error::ConfigError;
use crate::manager::Redlock;
use crate::manager::builder::RedlockBuilder;
use crate::manager::origin;

impl Redlock {
    /// Returns a builder with nodes and options from environment variables.
    ///
    /// | variable | value |
    /// |---|---|
    /// | `REDLOCK_NODES` | the URLs of the nodes, separated by commas |
    /// | `REDLOCK_NODES_FILE` | the path of a [file](RedlockBuilder::nodes_file) with the URLs instead |
    /// | `REDLOCK_TTL`, `REDLOCK_MAX_TTL`, `REDLOCK_WAIT` | durations such as `30s` or `1m 30s` |
    /// | `REDLOCK_RETRY_DELAY`, `REDLOCK_NODE_TIMEOUT` | durations |
    /// | `REDLOCK_MAX_HOLD`, `REDLOCK_FENCE_RETENTION` | durations |
    /// | `REDLOCK_RETRY_COUNT` | a number of rounds |
    /// | `REDLOCK_TOKEN_DURABILITY` | a number of nodes |
    /// | `REDLOCK_DRIFT_FACTOR` | a fraction such as `0.01` |
    /// | `REDLOCK_AUTO_EXTEND`, `REDLOCK_FENCING` | `on` or `off` |
    /// | `REDLOCK_RESTART_QUARANTINE`, `REDLOCK_ALLOW_RESIZE` | `on` or `off` |
    /// | `REDLOCK_KEY_PREFIX`, `REDLOCK_LABEL` | text, taken as it is |
    /// | `REDLOCK_RNG_SEED` | a number, for simulations |
    ///
    /// Each is documented at its setter on [`RedlockBuilder`]. A variable that is not set, empty or
    /// blank leaves its option at the default. The nodes have none: one of the first two must be set, and
    /// only one. In the place of `on` and `off` there may be `true` and `false`, `yes` and `no`, or `1`
    /// and `0`. An application that calls [`LockGuard::token`](crate::LockGuard::token) needs `REDLOCK_FENCING` on.
    ///
    /// Another variable that begins with `REDLOCK_` is an error, because it is probably misspelt.
    /// These are permitted, and not read:
    ///
    /// - `REDLOCK_RESOURCE`, `REDLOCK_LEASE_ID` and `REDLOCK_TOKEN`, which `redlock run` sets for its
    ///   command
    /// - those that begin with `REDLOCK_TEST_` or `REDLOCK_MODEL_`, for tests
    /// - those that Kubernetes sets for a service whose name begins with `redlock`, such as
    ///   `REDLOCK_A_SERVICE_HOST` and `REDLOCK_A_PORT_6379_TCP`
    ///
    /// # Errors
    ///
    /// [`ConfigError::Environment`], with the name of the variable. The value is not repeated: it
    /// may contain a password. URLs of nodes are shown without credentials. A value that does not fit
    /// the others, such as a ttl above the maximum, is an error of [`RedlockBuilder::build`].
    pub fn from_env() -> Result<RedlockBuilder, ConfigError> {
        builder(&Environment::of_process())
    }
}

impl RedlockBuilder {
    /// Sets the options that environment variables name: those of [`Redlock::from_env`], except for
    /// the nodes.
    ///
    /// It overrides what was set before. A variable that is not set changes nothing.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Environment`], as for [`Redlock::from_env`].
    pub fn options_from_env(self) -> Result<Self, ConfigError> {
        let env = Environment::of_process();
        unknown::check(&env)?;
        options::apply(self, &env)
    }
}

/// Returns a builder with the nodes and options from `env`.
fn builder(env: &Environment) -> Result<RedlockBuilder, ConfigError> {
    unknown::check(env)?;
    options::apply(RedlockBuilder::new().nodes(nodes::from_env(env)?), env)
}

/// The variables that begin with [`PREFIX`].
struct Environment(Vec<(String, OsString)>);

impl Environment {
    fn of_process() -> Self {
        let variables = std::env::vars_os();
        let mut variables: Vec<_> = variables
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value))
            .filter(|(name, _)| name.starts_with(PREFIX))
            .collect();
        variables.sort();
        Self(variables)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Returns a value as it is, even if it is empty.
    fn raw(&self, variable: &str) -> Result<Option<&str>, ConfigError> {
        let value = self.0.iter().find(|(name, _)| name == variable);
        let text = value.map(|(_, value)| value.to_str());
        match text {
            Some(None) => Err(invalid(variable, "its value is not UTF-8: correct it")),
            text => Ok(text.flatten()),
        }
    }

    /// Returns a value as a path, unless it is empty.
    fn path(&self, variable: &str) -> Option<&Path> {
        let value = self.0.iter().find(|(name, _)| name == variable);
        value
            .map(|(_, value)| Path::new(value))
            .filter(|path| !path.as_os_str().is_empty())
    }

    /// Returns a value without blanks around it, or `None` if nothing is left.
    fn trimmed(&self, variable: &str) -> Result<Option<&str>, ConfigError> {
        let text = self.raw(variable)?.map(str::trim);
        Ok(text.filter(|text| !text.is_empty()))
    }
}

fn invalid(variable: &str, reason: impl Into<Arc<str>>) -> ConfigError {
    origin::error(variable, reason)
}

const PREFIX: &str = "REDLOCK_";

const NODES: &str = "REDLOCK_NODES";

const NODES_FILE: &str = "REDLOCK_NODES_FILE";
