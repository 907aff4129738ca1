//! The origin of options: environment variables, or code.

use std::sync::Arc;

use crate::config::Config;
use crate::error::{ConfigError, InvalidRequest};

/// The variables that were read, and the options right after.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) variables: Vec<&'static str>,
    pub(super) config: Config,
}

impl Origin {
    /// Names the variable in the error of an option that came from one, and was not changed since.
    pub(super) fn explain(&self, error: ConfigError, now: &Config) -> ConfigError {
        let then = &self.config;
        let has_ttl = ("REDLOCK_TTL", then.ttl == now.ttl);
        let has_max_ttl = ("REDLOCK_MAX_TTL", then.max_ttl == now.max_ttl);
        let drift_factor = (
            "REDLOCK_DRIFT_FACTOR",
            then.drift_factor == now.drift_factor,
        );
        let concerned = match &error {
            ConfigError::Ttl(InvalidRequest::TtlTooLong { .. }) => vec![has_ttl, has_max_ttl],
            ConfigError::Ttl(InvalidRequest::NoValidity { .. }) => vec![has_ttl, drift_factor],
            ConfigError::Ttl(_) => vec![has_ttl],
            ConfigError::MaxTtl { .. } => vec![has_max_ttl],
            ConfigError::DriftFactor { .. } => vec![drift_factor],
            ConfigError::RetryCount => {
                vec![("REDLOCK_RETRY_COUNT", then.retry_count == now.retry_count)]
            }
            ConfigError::NodeTimeout => {
                vec![(
                    "REDLOCK_NODE_TIMEOUT",
                    then.node_timeout == now.node_timeout,
                )]
            }
            ConfigError::TokenDurability { .. } => {
                let is_same = then.token_durability == now.token_durability;
                vec![("REDLOCK_TOKEN_DURABILITY", is_same)]
            }
            ConfigError::FenceRetention { .. } => {
                let is_same = then.fence_retention == now.fence_retention;
                vec![("REDLOCK_FENCE_RETENTION", is_same), has_max_ttl]
            }
            _ => vec![],
        };
        let mut concerned = concerned.into_iter();
        let found = concerned.find(|(name, is_same)| *is_same && self.variables.contains(name));
        match (found, &error) {
            (None, _) => error,
            (Some((name, _)), ConfigError::Ttl(InvalidRequest::TtlTooLong { .. })) => {
                self::error(name, format!("{error}: {RAISE}"))
            }
            (Some((name, _)), _) => self::error(name, error.to_string()),
        }
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
