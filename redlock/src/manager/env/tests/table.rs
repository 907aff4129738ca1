//! Environments, and what is made of them.

use super::{THREE, URL, read};

/// Variables, and a part of the manager's `Debug` output, or the error.
type Row = (
    &'static [(&'static str, &'static str)],
    Result<&'static str, &'static str>,
);

const LISTS: &[Row] = &[
    (
        &[],
        Err(
            "REDLOCK_NODES: no node is listed: set it to URLs separated by commas, such as redis://a:6379,redis://b:6379,redis://c:6379",
        ),
    ),
    (
        &[("REDLOCK_NODES", "")],
        Err(
            "REDLOCK_NODES: no node is listed: set it to URLs separated by commas, such as redis://a:6379,redis://b:6379,redis://c:6379",
        ),
    ),
    (
        &[("REDLOCK_NODES", " , ")],
        Err(
            "REDLOCK_NODES: no node is listed: set it to URLs separated by commas, such as redis://a:6379,redis://b:6379,redis://c:6379",
        ),
    ),
    (&[URL], Ok("nodes: [\"a:6379\"]")),
    (
        &[("REDLOCK_NODES", " redis://a ,\n redis://:secret@b:1/2 ,,")],
        Ok("nodes: [\"a:6379\", \"b:1/2\"]"),
    ),
    (
        &[("REDLOCK_NODES", "redis://a,redis://b/x")],
        Err(
            "REDLOCK_NODES: URL 2 of 2, `redis://b/***`, is invalid: its database is not a number from 0 to 2147483647: write one behind the host, as in /2",
        ),
    ),
    (
        &[("REDLOCK_NODES", "redis://a redis://b")],
        Err(
            "REDLOCK_NODES: URL 1 of 1, `redis://***`, is invalid: it is more than one address: add each as a node of its own, or separate full URLs by commas in REDLOCK_NODES",
        ),
    ),
    (
        &[("REDLOCK_NODES", "redis://a;redis://b")],
        Err(
            "REDLOCK_NODES: URL 1 of 1, `redis://***/***`, is invalid: it is more than one address: add each as a node of its own, or separate full URLs by commas in REDLOCK_NODES",
        ),
    ),
    (
        &[("REDLOCK_NODES", "\"redis://a,redis://b\"")],
        Err("REDLOCK_NODES: URL 1 of 2, `redis://a`, is invalid: it is in quotes: remove them"),
    ),
    (
        &[("REDLOCK_NODES", "a:6379,b:6379")],
        Err(
            "REDLOCK_NODES: URL 1 of 2, `***`, is invalid: it has no scheme: write redis:// before the host, or rediss:// for TLS",
        ),
    ),
    (
        &[("REDLOCK_NODES", "redis://a:6379,127.0.0.1:6379")],
        Err(
            "REDLOCK_NODES: URL 2 of 2, `127.0.0.1:6379`, is invalid: it has no scheme: write redis:// before the host, or rediss:// for TLS",
        ),
    ),
    (
        &[("REDLOCK_NODES", "redis://user:12,secret@a")],
        Err(
            "REDLOCK_NODES: one of its URLs has an @, but no scheme: write redis:// before each, and a comma in a password as %2C",
        ),
    ),
    (
        &[("REDLOCK_NODES", "redis://:a,secret,b@a")],
        Err(
            "REDLOCK_NODES: one of its URLs has an @, but no scheme: write redis:// before each, and a comma in a password as %2C",
        ),
    ),
    (
        &[("REDLOCK_NODES", "redis://a,redis://A:6379/0")],
        Err(
            "REDLOCK_NODES: URL 2 of 2 leads to a:6379, as an earlier one does: list independent servers",
        ),
    ),
];

const VALUES: &[Row] = &[
    (
        &[URL, ("REDLOCK_TTL", "1m 5s"), ("REDLOCK_MAX_TTL", "2m")],
        Ok("ttl: 65s, max_ttl: 120s"),
    ),
    (&[URL, ("REDLOCK_TTL", " 20s\n")], Ok("ttl: 20s")),
    (&[URL, ("REDLOCK_TTL", "")], Ok("ttl: 30s")),
    (&[URL, ("REDLOCK_TTL", "  ")], Ok("ttl: 30s")),
    (
        &[URL, ("REDLOCK_TTL", "30")],
        Err("REDLOCK_TTL: expected a unit behind the number, as in 30s or 200ms"),
    ),
    (
        &[URL, ("REDLOCK_TTL", "PT30S")],
        Err("REDLOCK_TTL: expected a duration, such as 30s, 200ms or 1m 30s"),
    ),
    (
        &[URL, ("REDLOCK_TTL", "-5s")],
        Err("REDLOCK_TTL: expected a duration, such as 30s, 200ms or 1m 30s"),
    ),
    (
        &[URL, ("REDLOCK_TTL", "\"30s\"")],
        Err("REDLOCK_TTL: its value is in quotes: remove them"),
    ),
    (
        &[URL, ("REDLOCK_TTL", "5m")],
        Err(
            "REDLOCK_TTL: ttl is 300s, but the manager's max_ttl is 60s: lower REDLOCK_TTL, or raise REDLOCK_MAX_TTL for all processes that use the same nodes",
        ),
    ),
    (
        &[URL, ("REDLOCK_MAX_TTL", "20s")],
        Err(
            "REDLOCK_MAX_TTL: ttl is 30s, but the manager's max_ttl is 20s: lower REDLOCK_TTL, or raise REDLOCK_MAX_TTL for all processes that use the same nodes",
        ),
    ),
    (
        &[URL, ("REDLOCK_TTL", "5ms")],
        Err("REDLOCK_TTL: ttl or max_hold is 5ms, but must be at least 10ms"),
    ),
    (&[URL, ("REDLOCK_WAIT", "0")], Ok("wait: 0ns")),
    (
        &[URL, ("REDLOCK_WAIT", "soon")],
        Err("REDLOCK_WAIT: expected a duration, such as 30s, 200ms or 1m 30s"),
    ),
    (
        &[URL, ("REDLOCK_RETRY_DELAY", "50ms")],
        Ok("retry_delay: 50ms"),
    ),
    (
        &[URL, ("REDLOCK_NODE_TIMEOUT", "100ms")],
        Ok("node_timeout: Some(100ms)"),
    ),
    (
        &[URL, ("REDLOCK_RETRY_COUNT", "3")],
        Ok("retry_count: Some(3)"),
    ),
    (
        &[URL, ("REDLOCK_RETRY_COUNT", "0")],
        Err("REDLOCK_RETRY_COUNT: retry_count is 0, but must be at least 1"),
    ),
    (
        &[URL, ("REDLOCK_RETRY_COUNT", "-1")],
        Err("REDLOCK_RETRY_COUNT: expected a whole number"),
    ),
    (
        &[URL, ("REDLOCK_RETRY_COUNT", "4294967296")],
        Err("REDLOCK_RETRY_COUNT: expected a whole number"),
    ),
    (
        &[URL, ("REDLOCK_DRIFT_FACTOR", "0.02")],
        Ok("drift_factor: 0.02"),
    ),
    (
        &[URL, ("REDLOCK_DRIFT_FACTOR", "0,02")],
        Err("REDLOCK_DRIFT_FACTOR: expected a fraction, such as 0.01"),
    ),
    (
        &[URL, ("REDLOCK_AUTO_EXTEND", "off")],
        Ok("auto_extend: false"),
    ),
    (
        &[URL, ("REDLOCK_MAX_HOLD", "1h")],
        Ok("max_hold: Some(3600s)"),
    ),
    (&[URL, ("REDLOCK_FENCING", "False")], Ok("fencing: false")),
    (&[URL, ("REDLOCK_FENCING", "0")], Ok("fencing: false")),
    (&[URL, ("REDLOCK_FENCING", "NO")], Ok("fencing: false")),
    (&[URL, ("REDLOCK_FENCING", "yes")], Ok("fencing: true")),
    (&[URL, ("REDLOCK_FENCING", "")], Ok("fencing: true")),
    (
        &[URL, ("REDLOCK_FENCING", "disabled")],
        Err("REDLOCK_FENCING: expected on or off"),
    ),
    (
        &[THREE, ("REDLOCK_TOKEN_DURABILITY", "3")],
        Ok("token_durability: Some(3)"),
    ),
    (
        &[THREE, ("REDLOCK_TOKEN_DURABILITY", "4")],
        Err("REDLOCK_TOKEN_DURABILITY: token_durability is 4, but only 3 nodes are configured"),
    ),
    (
        &[URL, ("REDLOCK_FENCE_RETENTION", "2h")],
        Ok("fence_retention: Some(7200s)"),
    ),
    (
        &[URL, ("REDLOCK_FENCE_RETENTION", "1s")],
        Err(
            "REDLOCK_FENCE_RETENTION: fence_retention is 1s, but must be at least twice the max_ttl of 60s",
        ),
    ),
    (
        &[URL, ("REDLOCK_RESTART_QUARANTINE", "off")],
        Ok("restart_quarantine: false"),
    ),
    (
        &[URL, ("REDLOCK_ALLOW_RESIZE", "1")],
        Ok("allow_resize: true"),
    ),
    (
        &[URL, ("REDLOCK_KEY_PREFIX", "app: ")],
        Ok("key_prefix: \"app: \""),
    ),
    (&[URL, ("REDLOCK_KEY_PREFIX", "")], Ok("key_prefix: \"\"")),
    (
        &[URL, ("REDLOCK_LABEL", "web-3 ")],
        Ok("label: Some(\"web-3 \")"),
    ),
    (&[URL, ("REDLOCK_LABEL", "")], Ok("label: None")),
    (
        &[URL, ("REDLOCK_LABEL", LONG_LABEL)],
        Err("REDLOCK_LABEL: label has 129 bytes, but must have at most 128"),
    ),
    (&[URL, ("REDLOCK_RNG_SEED", "7")], Ok("rng_seed: Some(7)")),
];

/// A label of one byte too many.
const LONG_LABEL: &str = concat!(
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "x"
);

const NAMES: &[Row] = &[
    (
        &[URL, ("REDLOCK_TLL", "5s")],
        Err("REDLOCK_TLL: unknown variable: did you mean REDLOCK_TTL?"),
    ),
    (
        &[URL, ("REDLOCK_TTLS", "5s")],
        Err("REDLOCK_TTLS: unknown variable: did you mean REDLOCK_TTL?"),
    ),
    (
        &[URL, ("REDLOCK_TTL_MS", "5")],
        Err("REDLOCK_TTL_MS: unknown variable: did you mean REDLOCK_TTL?"),
    ),
    (
        &[URL, ("REDLOCK_ttl", "5s")],
        Err("REDLOCK_ttl: unknown variable: did you mean REDLOCK_TTL?"),
    ),
    (
        &[URL, ("REDLOCK_TIMEOUT", "5s")],
        Err("REDLOCK_TIMEOUT: unknown variable: did you mean REDLOCK_NODE_TIMEOUT?"),
    ),
    (
        &[("REDLOCK_NODE", "redis://a")],
        Err("REDLOCK_NODE: unknown variable: did you mean REDLOCK_NODES?"),
    ),
    (
        &[URL, ("REDLOCK_FOO", "secret")],
        Err("REDLOCK_FOO: unknown variable: unset it, or rename it so that it has no REDLOCK_"),
    ),
    (
        &[URL, ("REDLOCK_A\nB", "secret")],
        Err("REDLOCK_A\\nB: unknown variable: unset it, or rename it so that it has no REDLOCK_"),
    ),
    (
        &[
            URL,
            ("REDLOCK_RESOURCE", "a"),
            ("REDLOCK_LEASE_ID", "b"),
            ("REDLOCK_TOKEN", "1"),
        ],
        Ok("ttl: 30s"),
    ),
    (
        &[
            URL,
            ("REDLOCK_TEST_SERVER", "a"),
            ("REDLOCK_MODEL_BOUND", "large"),
        ],
        Ok("ttl: 30s"),
    ),
    (
        &[
            URL,
            ("REDLOCK_A_SERVICE_HOST", "10.0.0.1"),
            ("REDLOCK_A_SERVICE_PORT", "6379"),
            ("REDLOCK_A_SERVICE_PORT_REDIS", "6379"),
        ],
        Ok("ttl: 30s"),
    ),
    (
        &[
            URL,
            ("REDLOCK_PORT", "tcp://10.0.0.1:6379"),
            ("REDLOCK_PORT_6379_TCP", "tcp://10.0.0.1:6379"),
            ("REDLOCK_PORT_6379_TCP_ADDR", "10.0.0.1"),
        ],
        Ok("ttl: 30s"),
    ),
];

#[test]
fn lists_of_nodes_have_these_outcomes() {
    check(LISTS);
}

#[test]
fn values_have_these_outcomes() {
    check(VALUES);
}

#[test]
fn names_have_these_outcomes() {
    check(NAMES);
}

fn check(rows: &[Row]) {
    let mut different = Vec::new();
    for (variables, expected) in rows {
        let outcome = read(variables).map(|redlock| format!("{redlock:?}"));
        let outcome = outcome.map_err(|error| format!("{error}"));
        let is_expected = match (&outcome, expected) {
            (Ok(shown), Ok(part)) => shown.contains(part),
            (Err(error), Err(expected)) => error == expected,
            _ => false,
        };
        if !is_expected || format!("{outcome:?}").contains("secret") {
            different.push(format!("{variables:?}: {outcome:?}"));
        }
    }
    assert!(different.is_empty(), "\n{}", different.join("\n"));
}
