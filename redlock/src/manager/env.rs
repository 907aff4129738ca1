//! Nodes and options from environment variables.

use std::env::VarError;
use std::str::FromStr;
use std::time::Duration;

use crate::error::ConfigError;
use crate::manager::Redlock;
use crate::manager::builder::RedlockBuilder;

impl Redlock {
    /// Returns a builder with nodes and options from environment variables.
    ///
    /// | variable | value |
    /// |---|---|
    /// | `REDLOCK_NODES` | the URLs of the nodes, separated by commas; required |
    /// | `REDLOCK_TTL`, `REDLOCK_WAIT`, `REDLOCK_MAX_TTL` | durations such as `30s` or `1m 30s` |
    /// | `REDLOCK_RETRY_DELAY`, `REDLOCK_NODE_TIMEOUT` | durations |
    /// | `REDLOCK_RETRY_COUNT` | a number of rounds |
    /// | `REDLOCK_KEY_PREFIX` | text |
    /// | `REDLOCK_RESTART_QUARANTINE` | `on` or `off` |
    /// | `REDLOCK_ALLOW_RESIZE` | `on` or `off` |
    ///
    /// Each is documented at its setter on [`RedlockBuilder`]. A variable that is not set leaves
    /// its option at the default.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Environment`], with the name of the variable. The value is not repeated: it
    /// may contain a password.
    pub fn from_env() -> Result<RedlockBuilder, ConfigError> {
        builder(&Env(std::env::var::<&str>))
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
        options(self, &Env(std::env::var::<&str>))
    }
}

/// Returns a builder with the nodes and options from `env`.
fn builder<F: Fn(&'static str) -> Result<String, VarError>>(
    env: &Env<F>,
) -> Result<RedlockBuilder, ConfigError> {
    let nodes = env.text("REDLOCK_NODES")?.ok_or_else(|| {
        let reason = "not set: list the URLs of the nodes, separated by commas";
        invalid("REDLOCK_NODES", reason)
    })?;
    let nodes = nodes
        .split(',')
        .map(str::trim)
        .filter(|url| !url.is_empty());
    options(RedlockBuilder::new().nodes(nodes), env)
}

/// Sets the options from `env`.
fn options<F: Fn(&'static str) -> Result<String, VarError>>(
    mut builder: RedlockBuilder,
    env: &Env<F>,
) -> Result<RedlockBuilder, ConfigError> {
    if let Some(ttl) = env.duration("REDLOCK_TTL")? {
        builder = builder.ttl(ttl);
    }
    if let Some(max_ttl) = env.duration("REDLOCK_MAX_TTL")? {
        builder = builder.max_ttl(max_ttl);
    }
    if let Some(wait) = env.duration("REDLOCK_WAIT")? {
        builder = builder.wait(wait);
    }
    if let Some(delay) = env.duration("REDLOCK_RETRY_DELAY")? {
        builder = builder.retry_delay(delay);
    }
    if let Some(timeout) = env.duration("REDLOCK_NODE_TIMEOUT")? {
        builder = builder.node_timeout(timeout);
    }
    if let Some(count) = env.number("REDLOCK_RETRY_COUNT")? {
        builder = builder.retry_count(count);
    }
    if let Some(prefix) = env.text("REDLOCK_KEY_PREFIX")? {
        builder = builder.key_prefix(prefix);
    }
    if let Some(quarantine) = env.switch("REDLOCK_RESTART_QUARANTINE")? {
        builder = builder.restart_quarantine(quarantine);
    }
    if let Some(resize) = env.switch("REDLOCK_ALLOW_RESIZE")? {
        builder = builder.allow_resize(resize);
    }
    Ok(builder)
}

/// Environment variables, read through a function and parsed by type.
struct Env<F>(F);

impl<F: Fn(&'static str) -> Result<String, VarError>> Env<F> {
    fn text(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        match (self.0)(variable) {
            Ok(text) => Ok(Some(text)),
            Err(VarError::NotPresent) => Ok(None),
            Err(VarError::NotUnicode(_)) => Err(invalid(variable, "expected UTF-8")),
        }
    }

    fn duration(&self, variable: &'static str) -> Result<Option<Duration>, ConfigError> {
        self.parsed(
            variable,
            "expected a duration, such as 30s or 1m 30s",
            |text| humantime::parse_duration(text).ok(),
        )
    }

    fn number(&self, variable: &'static str) -> Result<Option<u32>, ConfigError> {
        self.parsed(variable, "expected a whole number", |text| {
            u32::from_str(text).ok()
        })
    }

    fn switch(&self, variable: &'static str) -> Result<Option<bool>, ConfigError> {
        self.parsed(variable, "expected on or off", |text| match text {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        })
    }

    fn parsed<T>(
        &self,
        variable: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(variable)? else {
            return Ok(None);
        };
        parse(text.trim())
            .map(Some)
            .ok_or_else(|| invalid(variable, expected))
    }
}

fn invalid(variable: &'static str, reason: &str) -> ConfigError {
    ConfigError::Environment {
        variable,
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(
        vars: &[(&'static str, &str)],
    ) -> Env<impl Fn(&'static str) -> Result<String, VarError>> {
        Env(|name| {
            let found = vars.iter().find(|(variable, _)| *variable == name);
            found
                .map(|(_, value)| (*value).to_owned())
                .ok_or(VarError::NotPresent)
        })
    }

    fn read(vars: &[(&'static str, &str)]) -> Result<Redlock, ConfigError> {
        builder(&env(vars))?.build()
    }

    #[test]
    fn options_are_read_without_the_nodes() {
        let vars = [
            ("REDLOCK_NODES", "redis://a, redis://b"),
            ("REDLOCK_MAX_TTL", "2m"),
        ];
        let own = RedlockBuilder::new()
            .node("redis://own")
            .ttl(Duration::from_secs(7));
        let redlock = options(own, &env(&vars)).unwrap().build().unwrap();
        let config = redlock.config();
        assert_eq!(config.ttl, Duration::from_secs(7));
        assert_eq!(config.max_ttl, Duration::from_secs(120));
        let names: Vec<_> = redlock.node_set().names.iter().map(|it| &**it).collect();
        assert_eq!(names, ["own:6379"]);
    }

    #[test]
    fn nodes_and_options_are_read_from_variables() {
        let nodes = "redis://a, redis://:secret@b:1 ,";
        let vars = [
            ("REDLOCK_NODES", nodes),
            ("REDLOCK_TTL", "1m 5s"),
            ("REDLOCK_MAX_TTL", "2m"),
        ];
        let redlock = read(&vars).unwrap();
        assert_eq!(redlock.config().ttl, Duration::from_secs(65));
        let shown = format!("{redlock:?}");
        assert!(shown.contains("a:6379") && shown.contains("b:1"), "{shown}");
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn an_error_names_the_variable() {
        let missing = read(&[]).unwrap_err();
        assert!(
            missing.to_string().starts_with("REDLOCK_NODES"),
            "{missing}"
        );
        let wrong = read(&[("REDLOCK_NODES", "redis://a"), ("REDLOCK_WAIT", "soon")]).unwrap_err();
        assert!(wrong.to_string().starts_with("REDLOCK_WAIT"), "{wrong}");
        let wrong = read(&[("REDLOCK_NODES", "a:secret@b")]).unwrap_err();
        assert!(
            matches!(wrong, ConfigError::Address { index: 0, .. }),
            "{wrong:?}"
        );
        let none = read(&[("REDLOCK_NODES", " , ")]).unwrap_err();
        assert_eq!(none, ConfigError::NoNodes);
    }
}
