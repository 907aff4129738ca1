//! Addresses that are accepted, and what is made of them.

use deadpool_redis::redis::ConnectionAddr;

use super::super::{parse, tls};

/// An address, the name of its node, the user name, the password and the database.
type Row = (&'static str, &'static str, &'static str, &'static str, i64);

const PLAIN: &[Row] = &[
    ("redis://127.0.0.1", "127.0.0.1:6379", "", "", 0),
    ("redis://127.0.0.1/", "127.0.0.1:6379", "", "", 0),
    ("redis://127.0.0.1:6379/0", "127.0.0.1:6379", "", "", 0),
    ("redis://127.0.0.1:6379/0/", "127.0.0.1:6379", "", "", 0),
    ("redis://127.0.0.1/16", "127.0.0.1:6379/16", "", "", 16),
    ("REDIS://127.0.0.1", "127.0.0.1:6379", "", "", 0),
    ("valkey://127.0.0.1", "127.0.0.1:6379", "", "", 0),
    // Blanks around it.
    (" redis://127.0.0.1 ", "127.0.0.1:6379", "", "", 0),
    ("redis://127.0.0.1:6379\t", "127.0.0.1:6379", "", "", 0),
    // Credentials.
    ("redis://:pw@127.0.0.1:6379", "127.0.0.1:6379", "", "pw", 0),
    (
        "redis://default:pw@127.0.0.1",
        "127.0.0.1:6379",
        "default",
        "pw",
        0,
    ),
    (
        "redis://user%40team:p%40ss%2Fw%23rd%3F@127.0.0.1:6379/2",
        "127.0.0.1:6379/2",
        "user@team",
        "p@ss/w#rd?",
        2,
    ),
    (
        "redis://user:p@ss@127.0.0.1",
        "127.0.0.1:6379",
        "user",
        "p@ss",
        0,
    ),
    (
        "redis://user:p%C3%B0@127.0.0.1",
        "127.0.0.1:6379",
        "user",
        "pð",
        0,
    ),
    (
        "redis://user:pð@127.0.0.1",
        "127.0.0.1:6379",
        "user",
        "pð",
        0,
    ),
    ("redis://@127.0.0.1", "127.0.0.1:6379", "", "", 0),
    ("redis://:@127.0.0.1", "127.0.0.1:6379", "", "", 0),
    // Options.
    ("redis://127.0.0.1?db=2", "127.0.0.1:6379/2", "", "", 2),
    ("redis://127.0.0.1:6379?db=2", "127.0.0.1:6379/2", "", "", 2),
    ("redis://127.0.0.1/2?db=2", "127.0.0.1:6379/2", "", "", 2),
    (
        "redis://127.0.0.1:6379?password=x&username=y",
        "127.0.0.1:6379",
        "y",
        "x",
        0,
    ),
    (
        "redis://127.0.0.1:6379?pass=p%2Bx%20y%40",
        "127.0.0.1:6379",
        "",
        "p+x y@",
        0,
    ),
    (
        "redis://127.0.0.1?protocol=resp2",
        "127.0.0.1:6379",
        "",
        "",
        0,
    ),
    (
        "redis://127.0.0.1?protocol=RESP3",
        "127.0.0.1:6379",
        "",
        "",
        0,
    ),
    // Hosts.
    ("redis://[::1]:6379", "[::1]:6379", "", "", 0),
    ("redis://my_host:6379", "my_host:6379", "", "", 0),
    ("redis://HOST:6379", "host:6379", "", "", 0),
    ("redis://127.1", "127.0.0.1:6379", "", "", 0),
    (
        "redis://redis-a.prod.svc.cluster.local.:6379",
        "redis-a.prod.svc.cluster.local.:6379",
        "",
        "",
        0,
    ),
    (
        "redis://пример.рф:6379",
        "xn--e1afmkfd.xn--p1ai:6379",
        "",
        "",
        0,
    ),
    (
        "redis://%D0%BF%D1%80%D0%B8%D0%BC%D0%B5%D1%80.%D1%80%D1%84",
        "xn--e1afmkfd.xn--p1ai:6379",
        "",
        "",
        0,
    ),
];

const UNDER_TLS: &[Row] = &[
    ("rediss://127.0.0.1:6380", "127.0.0.1:6380", "", "", 0),
    ("REDISS://127.0.0.1:6380", "127.0.0.1:6380", "", "", 0),
    ("valkeys://127.0.0.1", "127.0.0.1:6379", "", "", 0),
];

const SOCKETS: &[Row] = &[
    ("unix:///run/redis.sock", "/run/redis.sock", "", "", 0),
    ("unix:/run/redis.sock", "/run/redis.sock", "", "", 0),
    (
        "redis+unix:///run/redis.sock?db=1",
        "/run/redis.sock/1",
        "",
        "",
        1,
    ),
    ("unix://:pw@/run/redis.sock", "/run/redis.sock", "", "pw", 0),
    (
        "unix://user:pw@/run/redis.sock?db=3",
        "/run/redis.sock/3",
        "user",
        "pw",
        3,
    ),
    (
        "redis+unix:///run/redis.sock?user=u&pass=p@w",
        "/run/redis.sock",
        "u",
        "p@w",
        0,
    ),
    ("unix:///run/redis%20a.sock", "/run/redis a.sock", "", "", 0),
];

#[test]
fn addresses_lead_to_these_nodes() {
    check(PLAIN, |address| matches!(address, ConnectionAddr::Tcp(..)));
}

#[test]
fn addresses_under_tls_lead_to_these_nodes() {
    if !tls::IS_AVAILABLE {
        for (text, ..) in UNDER_TLS {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains("TLS is not available"), "{text}: {error}");
        }
        return;
    }
    check(UNDER_TLS, |address| {
        let is_verified = |insecure: &bool| !insecure;
        matches!(address, ConnectionAddr::TcpTls { insecure, .. } if is_verified(insecure))
    });
}

#[test]
#[cfg(unix)]
fn addresses_of_sockets_lead_to_these_nodes() {
    check(SOCKETS, |address| {
        matches!(address, ConnectionAddr::Unix(_))
    });
}

fn check(rows: &[Row], is_expected: impl Fn(&ConnectionAddr) -> bool) {
    for (text, name, username, password, database) in rows {
        let address = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let settings = address.info.redis_settings();
        assert!(is_expected(address.info.addr()), "{text}");
        assert_eq!(super::name(&address.info), *name, "{text}");
        let of = |it: Option<&str>| it.unwrap_or_default().to_owned();
        assert_eq!(of(settings.username()), *username, "{text}");
        assert_eq!(of(settings.password()), *password, "{text}");
        assert_eq!(settings.db(), *database, "{text}");
    }
}
