//! The options of a manager, and the overrides of one request.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{ConfigError, InvalidRequest};
use crate::label;
use crate::time::clock::Moment;
use crate::time::validity;

/// The options of a manager. Each is documented at its setter on `RedlockBuilder`.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) ttl: Duration,
    pub(crate) max_ttl: Duration,
    pub(crate) wait: Duration,
    pub(crate) retry_delay: Duration,
    pub(crate) retry_count: Option<u32>,
    pub(crate) node_timeout: Option<Duration>,
    pub(crate) drift_factor: f64,
    pub(crate) auto_extend: bool,
    pub(crate) max_hold: Option<Duration>,
    pub(crate) fencing: bool,
    pub(crate) token_durability: Option<usize>,
    pub(crate) fence_retention: Option<Duration>,
    pub(crate) restart_quarantine: bool,
    pub(crate) allow_resize: bool,
    pub(crate) key_prefix: String,
    pub(crate) label: Option<Arc<str>>,
    pub(crate) rng_seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(30),
            max_ttl: Duration::from_secs(60),
            wait: Duration::from_secs(10),
            retry_delay: Duration::from_millis(200),
            retry_count: None,
            node_timeout: None,
            drift_factor: 0.01,
            auto_extend: true,
            max_hold: None,
            fencing: true,
            token_durability: None,
            fence_retention: None,
            restart_quarantine: true,
            allow_resize: false,
            key_prefix: String::new(),
            label: None,
            rng_seed: None,
        }
    }
}

impl Config {
    /// Validates the options against each other, and against the number of nodes.
    pub(crate) fn validate(&self, nodes: usize) -> Result<(), ConfigError> {
        if !(0.0..1.0).contains(&self.drift_factor) {
            return Err(ConfigError::DriftFactor {
                factor: self.drift_factor,
            });
        }
        if self.max_ttl > validity::MAX_TTL {
            return Err(ConfigError::MaxTtl {
                max_ttl: self.max_ttl,
                max: validity::MAX_TTL,
            });
        }
        if self.retry_count == Some(0) {
            return Err(ConfigError::RetryCount);
        }
        let min = validity::MIN_NODE_TIMEOUT;
        if let Some(node_timeout) = self.node_timeout.filter(|timeout| *timeout < min) {
            return Err(ConfigError::NodeTimeout { node_timeout, min });
        }
        if let Some(durability) = self
            .token_durability
            .filter(|durability| *durability > nodes)
        {
            return Err(ConfigError::TokenDurability { durability, nodes });
        }
        let (retention, max_ttl) = (self.fence_retention(), self.max_ttl);
        if self.fencing && retention < validity::min_retention(max_ttl) {
            return Err(ConfigError::FenceRetention { retention, max_ttl });
        }
        let (len, max) = (self.label.as_ref().map_or(0, |it| it.len()), label::MAX_LEN);
        if len > max {
            return Err(ConfigError::Label { len, max });
        }
        let options = LockOptions::of(self);
        self.check(&options).map_err(ConfigError::Ttl)
    }

    /// Validates the options of one request.
    pub(crate) fn check(&self, options: &LockOptions) -> Result<(), InvalidRequest> {
        self.check_ttl(options.ttl)?;
        self.check_ttl(options.first_ttl())?;
        self.check_extensions(options)?;
        self.check_hold(options)
    }

    /// Validates the ttl of a lease.
    pub(crate) fn check_ttl(&self, ttl: Duration) -> Result<(), InvalidRequest> {
        if ttl < validity::MIN_TTL {
            return Err(InvalidRequest::TtlTooShort {
                ttl,
                min: validity::MIN_TTL,
            });
        }
        if ttl > self.max_ttl {
            return Err(InvalidRequest::TtlTooLong {
                ttl,
                max: self.max_ttl,
            });
        }
        if validity::valid_for(ttl, self.drift_factor) <= validity::min_validity(ttl) {
            return Err(InvalidRequest::NoValidity { ttl });
        }
        Ok(())
    }

    /// Validates that a lease lasts until its first extension.
    fn check_extensions(&self, options: &LockOptions) -> Result<(), InvalidRequest> {
        let ttl = options.ttl;
        if options.auto_extend && !validity::outlasts_extension(ttl, self.drift_factor) {
            return Err(InvalidRequest::ExtendedTooLate {
                ttl,
                validity: validity::valid_for(ttl, self.drift_factor),
                interval: validity::extend_interval(ttl),
            });
        }
        Ok(())
    }

    /// Validates `hold_at_least` against `max_ttl` and `max_hold`.
    fn check_hold(&self, options: &LockOptions) -> Result<(), InvalidRequest> {
        let hold_at_least = options.hold_at_least.unwrap_or_default();
        // A crash right after the release must not block others for longer than any other crash.
        if hold_at_least > self.max_ttl {
            return Err(InvalidRequest::HoldTooLong {
                hold_at_least,
                max_ttl: self.max_ttl,
            });
        }
        match options.max_hold {
            Some(max_hold) if hold_at_least > max_hold => Err(InvalidRequest::HoldAboveMaxHold {
                hold_at_least,
                max_hold,
            }),
            _ => Ok(()),
        }
    }

    /// The time within which one node must respond to a command for a lease of `ttl`.
    pub(crate) fn node_timeout(
        &self,
        ttl: Duration,
        round_trip: impl FnOnce() -> Option<Duration>,
    ) -> Duration {
        self.node_timeout.map_or_else(
            || validity::node_timeout(ttl, round_trip),
            |fixed| validity::capped_node_timeout(fixed, ttl),
        )
    }

    /// How long the nodes keep token counters: at least twice as long as any lease.
    pub(crate) fn fence_retention(&self) -> Duration {
        let default = validity::default_retention(self.max_ttl);
        self.fence_retention.unwrap_or(default)
    }

    /// The number of nodes that must record a token before the guard is returned; 0 means a quorum.
    pub(crate) fn token_durability(&self) -> usize {
        self.token_durability.filter(|_| self.fencing).unwrap_or(0)
    }

    /// How long a node may be silent while commands are in flight.
    pub(crate) fn silence_limit(&self) -> Duration {
        validity::silence_limit(self.node_timeout(self.ttl, || None))
    }
}

/// The options that one request overrides. Each is documented at its setter on `LockRequest`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) ttl: Option<Duration>,
    pub(crate) wait: Option<Wait>,
    pub(crate) auto_extend: Option<bool>,
    pub(crate) max_hold: Option<Duration>,
    pub(crate) hold_at_least: Option<Duration>,
}

impl Overrides {
    /// Whether nothing is overridden that is validated: `wait` can have any value.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            ttl,
            wait: _,
            auto_extend,
            max_hold,
            hold_at_least,
        } = self;
        let times = [ttl, max_hold, hold_at_least];
        times.iter().all(|time| time.is_none()) && auto_extend.is_none()
    }
}

/// The options of one request: those of the manager, with the request's overrides.
#[derive(Clone, Debug)]
pub(crate) struct LockOptions {
    pub(crate) ttl: Duration,
    pub(crate) wait: Wait,
    pub(crate) auto_extend: bool,
    pub(crate) max_hold: Option<Duration>,
    pub(crate) hold_at_least: Option<Duration>,
}

impl LockOptions {
    /// The options of a request that overrides nothing.
    pub(crate) fn of(config: &Config) -> Self {
        Self::resolve(config, &Overrides::default())
    }

    pub(crate) fn resolve(config: &Config, overrides: &Overrides) -> Self {
        Self {
            ttl: overrides.ttl.unwrap_or(config.ttl),
            wait: overrides.wait.unwrap_or(Wait::For(config.wait)),
            auto_extend: overrides.auto_extend.unwrap_or(config.auto_extend),
            max_hold: overrides.max_hold.or(config.max_hold),
            hold_at_least: overrides.hold_at_least,
        }
    }

    /// The ttl of the first round: at most `max_hold`.
    pub(crate) fn first_ttl(&self) -> Duration {
        self.max_hold.map_or(self.ttl, |limit| limit.min(self.ttl))
    }
}

/// How long a request waits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// One round.
    No,
    /// Rounds until this much time has passed.
    For(Duration),
}

impl Wait {
    /// Returns the moment after which no round starts, or `None` if the clock cannot represent it.
    pub(crate) fn until(self, now: Moment) -> Option<Moment> {
        match self {
            Self::No => Some(now),
            Self::For(duration) => now.checked_add(duration),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_defaults_are_valid() {
        Config::default().validate(3).unwrap();
    }

    #[test]
    fn a_ttl_out_of_bounds_is_invalid() {
        let config = Config::default();
        for ttl in [Duration::ZERO, Duration::from_micros(1), MS * 9] {
            let result = config.check_ttl(ttl);
            assert!(
                matches!(result, Err(InvalidRequest::TtlTooShort { .. })),
                "{ttl:?}"
            );
        }
        for ttl in [Duration::from_secs(61), Duration::MAX] {
            let result = config.check_ttl(ttl);
            assert!(
                matches!(result, Err(InvalidRequest::TtlTooLong { .. })),
                "{ttl:?}"
            );
        }
        config.check_ttl(MS * 10).unwrap();
    }

    #[test]
    fn a_drift_that_leaves_no_validity_is_invalid() {
        for factor in [1.0, -0.1, f64::NAN, f64::INFINITY] {
            let config = Config {
                drift_factor: factor,
                ..Config::default()
            };
            assert!(
                matches!(config.validate(3), Err(ConfigError::DriftFactor { .. })),
                "{factor}"
            );
        }
        let config = Config {
            drift_factor: 0.8,
            ..Config::default()
        };
        let result = config.validate(3);
        assert!(matches!(
            result,
            Err(ConfigError::Ttl(InvalidRequest::NoValidity { .. }))
        ));
    }

    #[test]
    fn the_longest_durations_do_not_overflow() {
        let config = Config {
            max_ttl: Duration::MAX,
            ..Config::default()
        };
        assert!(matches!(
            config.validate(3),
            Err(ConfigError::MaxTtl { .. })
        ));
        assert_eq!(Wait::For(Duration::MAX).until(Moment::now()), None);
    }

    #[test]
    fn zero_rounds_and_a_zero_node_timeout_are_invalid() {
        let config = Config {
            retry_count: Some(0),
            ..Config::default()
        };
        assert!(matches!(config.validate(3), Err(ConfigError::RetryCount)));
        let config = Config {
            node_timeout: Some(Duration::ZERO),
            ..Config::default()
        };
        assert!(matches!(
            config.validate(3),
            Err(ConfigError::NodeTimeout { .. })
        ));
    }
}
