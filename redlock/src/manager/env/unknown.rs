//! Variables that nothing reads.

use crate::error::ConfigError;
use crate::manager::env::options::OPTIONS;
use crate::manager::env::{Environment, NODES, NODES_FILE, PREFIX, invalid};

/// Rejects variables that nothing reads: a misspelt option would be left at its default.
pub(super) fn check(env: &Environment) -> Result<(), ConfigError> {
    let Some(name) = env.names().find(|name| !is_known(name)) else {
        return Ok(());
    };
    let reason = match nearest(name) {
        Some(nearest) => format!("unknown variable: did you mean {nearest}?"),
        None => format!("unknown variable: unset it, or rename it so that it has no {PREFIX}"),
    };
    Err(invalid(&name.escape_debug().to_string(), reason))
}

fn is_known(name: &str) -> bool {
    read().any(|known| known == name)
        || OF_THE_COMMAND.contains(&name)
        || OF_TESTS.iter().any(|prefix| name.starts_with(prefix))
        || is_service_link(name)
}

/// The variables that are read.
fn read() -> impl Iterator<Item = &'static str> {
    let options = OPTIONS.iter().map(|(name, _)| *name);
    options.chain([NODES, NODES_FILE])
}

/// Whether Kubernetes, or a container link, sets such a variable for a service: `X_SERVICE_HOST`,
/// `X_SERVICE_PORT`, `X_SERVICE_PORT_NAME`, `X_PORT`, `X_PORT_6379_TCP`, `X_PORT_6379_TCP_ADDR`.
fn is_service_link(name: &str) -> bool {
    let is_numbered = |(_, rest): (&str, &str)| rest.starts_with(|it: char| it.is_ascii_digit());
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.split_once("_PORT_").is_some_and(is_numbered)
}

/// Returns the variable that was probably meant.
fn nearest(name: &str) -> Option<&'static str> {
    let short = |name: &str| name.trim_start_matches(PREFIX).to_ascii_uppercase();
    let name = short(name);
    let scored = read().map(|known| (strsim::osa_distance(&name, &short(known)), known));
    let (distance, known) = scored.min_by_key(|(distance, _)| *distance)?;
    let is_near = distance <= 1 + name.len() / 4;
    // `REDLOCK_TIMEOUT` for `REDLOCK_NODE_TIMEOUT`, or `REDLOCK_TTL_MS` for `REDLOCK_TTL`.
    let is_part = |known: &str| short(known).contains(&name) || name.contains(&short(known));
    let part = || read().find(|known| name.len() > 3 && is_part(known));
    if is_near { Some(known) } else { part() }
}

/// Those that `redlock run` sets for its command, which may use this library.
const OF_THE_COMMAND: [&str; 3] = ["REDLOCK_RESOURCE", "REDLOCK_LEASE_ID", "REDLOCK_TOKEN"];

/// The beginnings of those of tests.
const OF_TESTS: [&str; 2] = ["REDLOCK_TEST_", "REDLOCK_MODEL_"];
