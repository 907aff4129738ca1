//! Tests of the environment.

mod files;
mod table;

use std::time::Duration;

use super::*;

#[cfg(unix)]
#[test]
fn a_value_that_is_not_text_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    for variable in ["REDLOCK_NODES", "REDLOCK_TTL"] {
        let value = OsString::from_vec(b"redis://\xff".to_vec());
        let mut variables = vec![(variable.to_owned(), value)];
        if variable != URL.0 {
            variables.push((URL.0.to_owned(), URL.1.into()));
        }
        let error = builder(&Environment(variables)).unwrap_err();
        let expected = format!("{variable}: its value is not UTF-8: correct it");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn every_option_of_the_builder_has_its_variable() {
    let sources = [
        include_str!("../../builder.rs"),
        include_str!("../../label.rs"),
    ];
    let setters = sources.into_iter().flat_map(str::lines);
    let setters = setters.filter_map(|line| {
        let (name, _) = line
            .trim()
            .strip_prefix("pub fn ")?
            .split_once("(mut self,")?;
        Some(name.split('<').next().unwrap_or(name))
    });
    let setters: Vec<&str> = setters.filter(|name| *name != "node").collect();
    assert!(setters.contains(&"ttl"), "{setters:?}");
    let expected: Vec<String> = setters
        .iter()
        .map(|name| format!("{PREFIX}{}", name.to_uppercase()))
        .collect();
    let mut variables: Vec<&str> = options::OPTIONS.iter().map(|(name, _)| *name).collect();
    for name in &expected {
        assert!(variables.contains(&name.as_str()), "{name} is not read");
        assert!(
            include_str!("../mod.rs").contains(&format!("`{name}`")),
            "{name}"
        );
    }
    variables.retain(|name| !expected.iter().any(|it| it == name));
    assert!(variables.is_empty(), "{variables:?} set nothing");
}

#[test]
fn an_error_of_build_names_the_variable() {
    for (variable, value) in [
        ("REDLOCK_TTL", "1ms"),
        ("REDLOCK_TTL", "61s"),
        ("REDLOCK_MAX_TTL", "29s"),
        ("REDLOCK_RETRY_COUNT", "0"),
        ("REDLOCK_NODE_TIMEOUT", "0"),
        ("REDLOCK_DRIFT_FACTOR", "-0.1"),
        ("REDLOCK_DRIFT_FACTOR", "0.8"),
        ("REDLOCK_DRIFT_FACTOR", "NaN"),
        ("REDLOCK_TOKEN_DURABILITY", "2"),
        ("REDLOCK_FENCE_RETENTION", "119s"),
        ("REDLOCK_LABEL", &"x".repeat(129)),
    ] {
        let error = read(&[URL, (variable, value)]).unwrap_err();
        let ConfigError::Environment {
            variable: named, ..
        } = &error
        else {
            panic!("{variable}={value}: {error:?}")
        };
        assert_eq!(&**named, variable, "{error}");
    }
}

#[test]
fn an_option_that_was_set_in_code_is_not_blamed_on_a_variable() {
    let own = builder(&env(&[URL, ("REDLOCK_TTL", "20s")])).unwrap();
    let error = own.ttl(Duration::from_secs(61)).build().unwrap_err();
    assert!(matches!(error, ConfigError::Ttl(_)), "{error:?}");
}

#[test]
fn options_are_read_without_the_nodes() {
    let own = RedlockBuilder::new()
        .node("redis://own")
        .ttl(Duration::from_secs(7));
    let vars = env(&[("REDLOCK_NODES", "not read"), ("REDLOCK_MAX_TTL", "2m")]);
    let redlock = options::apply(own, &vars).unwrap().build().unwrap();
    let config = redlock.config();
    assert_eq!(config.ttl, Duration::from_secs(7));
    assert_eq!(config.max_ttl, Duration::from_secs(120));
    let names: Vec<_> = redlock.node_set().names.iter().map(|it| &**it).collect();
    assert_eq!(names, ["own:6379"]);
}

fn env(variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter();
    Environment(
        variables
            .map(|(name, value)| ((*name).to_owned(), value.into()))
            .collect(),
    )
}

fn read(variables: &[(&str, &str)]) -> Result<Redlock, ConfigError> {
    builder(&env(variables))?.build()
}

const URL: (&str, &str) = ("REDLOCK_NODES", "redis://a");

const THREE: (&str, &str) = ("REDLOCK_NODES", "redis://a,redis://b,redis://c");
