//! The origin of options: environment variables, or code.

use std::sync::Arc;

use crate::config::Config;
use crate::error::{ConfigError, InvalidRequest};

/// The options that came from environment variables.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    variables: Vec<&'static str>,
    /// The options right after the variables were read.
    config: Config,
}

impl Origin {
    pub(super) fn new(variables: Vec<&'static str>, config: &Config) -> Self {
        Self {
            variables,
            config: config.clone(),
        }
    }

    /// Names the variable in the error of an option that came from one, and was not changed since.
    pub(super) fn explain(&self, error: ConfigError, now: &Config) -> ConfigError {
        let is_to_blame =
            |name: &&&str| self.variables.contains(name) && self.is_unchanged(name, now);
        let Some(name) = concerned(&error, now).iter().find(is_to_blame) else {
            return error;
        };
        match &error {
            ConfigError::Ttl(InvalidRequest::TtlTooLong { .. }) => {
                self::error(name, format!("{error}: {RAISE}"))
            }
            _ => self::error(name, error.to_string()),
        }
    }

    /// Whether the option of a variable still has the value that was read.
    fn is_unchanged(&self, variable: &str, now: &Config) -> bool {
        let then = &self.config;
        match variable {
            TTL => then.ttl == now.ttl,
            MAX_TTL => then.max_ttl == now.max_ttl,
            MAX_HOLD => then.max_hold == now.max_hold,
            // Not a number is not equal to itself.
            DRIFT_FACTOR => then.drift_factor.to_bits() == now.drift_factor.to_bits(),
            RETRY_COUNT => then.retry_count == now.retry_count,
            NODE_TIMEOUT => then.node_timeout == now.node_timeout,
            TOKEN_DURABILITY => then.token_durability == now.token_durability,
            FENCE_RETENTION => then.fence_retention == now.fence_retention,
            LABEL => then.label == now.label,
            _ => false,
        }
    }
}

/// Returns the variables of the options that an error is about.
fn concerned(error: &ConfigError, now: &Config) -> &'static [&'static str] {
    match error {
        ConfigError::Ttl(InvalidRequest::TtlTooLong { .. }) => &[TTL, MAX_TTL],
        ConfigError::Ttl(InvalidRequest::TtlTooShort { ttl, .. }) if *ttl != now.ttl => &[MAX_HOLD],
        ConfigError::Ttl(InvalidRequest::TtlTooShort { .. }) => &[TTL],
        ConfigError::Ttl(_) => &[TTL, DRIFT_FACTOR],
        ConfigError::MaxTtl { .. } => &[MAX_TTL],
        ConfigError::DriftFactor { .. } => &[DRIFT_FACTOR],
        ConfigError::RetryCount => &[RETRY_COUNT],
        ConfigError::NodeTimeout { .. } => &[NODE_TIMEOUT],
        ConfigError::TokenDurability { .. } => &[TOKEN_DURABILITY],
        ConfigError::Label { .. } => &[LABEL],
        ConfigError::FenceRetention { .. } => &[FENCE_RETENTION, MAX_TTL],
        _ => &[],
    }
}

/// Returns the error of a variable.
pub(super) fn error(variable: &str, reason: impl Into<Arc<str>>) -> ConfigError {
    ConfigError::Environment {
        variable: variable.into(),
        reason: reason.into(),
    }
}

const RAISE: &str = "lower REDLOCK_TTL, or raise REDLOCK_MAX_TTL for all processes that use the same \
                     nodes";

const TTL: &str = "REDLOCK_TTL";
const MAX_TTL: &str = "REDLOCK_MAX_TTL";
const MAX_HOLD: &str = "REDLOCK_MAX_HOLD";
const DRIFT_FACTOR: &str = "REDLOCK_DRIFT_FACTOR";
const RETRY_COUNT: &str = "REDLOCK_RETRY_COUNT";
const NODE_TIMEOUT: &str = "REDLOCK_NODE_TIMEOUT";
const TOKEN_DURABILITY: &str = "REDLOCK_TOKEN_DURABILITY";
const FENCE_RETENTION: &str = "REDLOCK_FENCE_RETENTION";
const LABEL: &str = "REDLOCK_LABEL";
