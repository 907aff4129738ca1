//! The options that variables set.

use std::str::FromStr;
use std::time::Duration;

use crate::error::ConfigError;
use crate::manager::builder::RedlockBuilder;
use crate::manager::env::{Environment, invalid};

/// The setter of an option, by the type of its value.
pub(super) enum Setter {
    Duration(fn(RedlockBuilder, Duration) -> RedlockBuilder),
    /// Returns `None` for a number that is too large for its type.
    Number(fn(RedlockBuilder, u64) -> Option<RedlockBuilder>),
    Fraction(fn(RedlockBuilder, f64) -> RedlockBuilder),
    Switch(fn(RedlockBuilder, bool) -> RedlockBuilder),
    Text(fn(RedlockBuilder, &str) -> RedlockBuilder),
}

/// The variables of all options of a builder.
pub(super) const OPTIONS: [(&str, Setter); 17] = [
    ("REDLOCK_TTL", Setter::Duration(RedlockBuilder::ttl)),
    ("REDLOCK_MAX_TTL", Setter::Duration(RedlockBuilder::max_ttl)),
    ("REDLOCK_WAIT", Setter::Duration(RedlockBuilder::wait)),
    (
        "REDLOCK_RETRY_DELAY",
        Setter::Duration(RedlockBuilder::retry_delay),
    ),
    (
        "REDLOCK_RETRY_COUNT",
        Setter::Number(|it, n| Some(it.retry_count(n.try_into().ok()?))),
    ),
    (
        "REDLOCK_NODE_TIMEOUT",
        Setter::Duration(RedlockBuilder::node_timeout),
    ),
    (
        "REDLOCK_DRIFT_FACTOR",
        Setter::Fraction(RedlockBuilder::drift_factor),
    ),
    (
        "REDLOCK_AUTO_EXTEND",
        Setter::Switch(RedlockBuilder::auto_extend),
    ),
    (
        "REDLOCK_MAX_HOLD",
        Setter::Duration(RedlockBuilder::max_hold),
    ),
    ("REDLOCK_FENCING", Setter::Switch(RedlockBuilder::fencing)),
    (
        "REDLOCK_TOKEN_DURABILITY",
        Setter::Number(|it, n| Some(it.token_durability(n.try_into().ok()?))),
    ),
    (
        "REDLOCK_FENCE_RETENTION",
        Setter::Duration(RedlockBuilder::fence_retention),
    ),
    (
        "REDLOCK_RESTART_QUARANTINE",
        Setter::Switch(RedlockBuilder::restart_quarantine),
    ),
    (
        "REDLOCK_ALLOW_RESIZE",
        Setter::Switch(RedlockBuilder::allow_resize),
    ),
    (
        "REDLOCK_KEY_PREFIX",
        Setter::Text(|it, text| it.key_prefix(text)),
    ),
    ("REDLOCK_LABEL", Setter::Text(|it, text| it.label(text))),
    (
        "REDLOCK_RNG_SEED",
        Setter::Number(|it, n| Some(it.rng_seed(n))),
    ),
];

/// Sets the options from `env`.
pub(super) fn apply(
    mut builder: RedlockBuilder,
    env: &Environment,
) -> Result<RedlockBuilder, ConfigError> {
    let mut read = Vec::new();
    for (variable, setter) in &OPTIONS {
        let value = match setter {
            Setter::Text(_) => env.raw(variable)?,
            _ => env.trimmed(variable)?,
        };
        if let Some(value) = value {
            builder = set(builder, setter, value).map_err(|reason| invalid(variable, reason))?;
            read.push(*variable);
        }
    }
    Ok(builder.with_origin(read))
}

fn set(
    builder: RedlockBuilder,
    setter: &Setter,
    value: &str,
) -> Result<RedlockBuilder, &'static str> {
    if !matches!(setter, Setter::Text(_)) && value.starts_with(['"', '\'']) {
        return Err("its value is in quotes: remove them");
    }
    match setter {
        Setter::Duration(set) => duration(value).map(|it| set(builder, it)),
        Setter::Number(set) => {
            let number = u64::from_str(value).ok();
            number
                .and_then(|it| set(builder, it))
                .ok_or("expected a whole number")
        }
        Setter::Fraction(set) => match f64::from_str(value) {
            Ok(fraction) => Ok(set(builder, fraction)),
            Err(_) => Err("expected a fraction, such as 0.01"),
        },
        Setter::Switch(set) => switch(value).map(|it| set(builder, it)),
        Setter::Text(set) => Ok(set(builder, value)),
    }
}

fn duration(value: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(value).map_err(|_| {
        if value.parse::<f64>().is_ok() {
            "expected a unit behind the number, as in 30s or 200ms"
        } else {
            "expected a duration, such as 30s, 200ms or 1m 30s"
        }
    })
}

fn switch(value: &str) -> Result<bool, &'static str> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err("expected on or off"),
    }
}
