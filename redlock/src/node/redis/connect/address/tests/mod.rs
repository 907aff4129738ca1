//! Tests of addresses.

mod accepted;
mod refused;
mod secrets;

use super::*;

#[test]
fn a_name_is_an_address_without_credentials() {
    let names = [
        ("redis://user:secret@host:7000/2", "host:7000/2"),
        ("redis://:secret@host", "host:6379"),
        ("redis://[::1]:7000", "[::1]:7000"),
        ("redis://[::1]/3", "[::1]:6379/3"),
        ("redis+unix:///run/redis.sock", "/run/redis.sock"),
        (
            "unix:///run/redis@a.sock?db=1&pass=secret",
            "/run/redis@a.sock/1",
        ),
    ];
    for (url, expected) in names {
        assert_eq!(name(&parse(url).unwrap().info), expected);
    }
}

#[test]
fn a_url_can_request_resp2() {
    for (url, expected) in [
        ("redis://a?protocol=resp2", true),
        ("redis://a/1?protocol=2", true),
        ("redis+unix:///a?protocol=RESP2", true),
        ("redis://a", false),
        ("redis://a?protocol=resp3", false),
        ("redis://a:protocol=2@a", false),
    ] {
        assert_eq!(parse(url).unwrap().is_resp2, expected, "{url}");
    }
}

#[test]
fn settings_of_an_application_are_checked_alike() {
    let info = |url| parse(url).unwrap().info;
    let with_user = info("redis://a").redis_settings().clone().set_username("u");
    let cases = [
        (
            info("redis://a").set_addr(ConnectionAddr::Tcp("a".into(), 0)),
            "a:0",
            "port",
        ),
        (
            info("redis://a").set_addr(ConnectionAddr::Tcp("::".into(), 1)),
            "[::]:1",
            "wildcard",
        ),
        (
            info("redis://a").set_redis_settings(with_user),
            "a:6379",
            "password",
        ),
    ];
    for (info, shown, named) in cases {
        let Err(ConfigError::Address {
            address, reason, ..
        }) = check(&info)
        else {
            panic!("{shown} is accepted");
        };
        assert_eq!(&*address, shown);
        assert!(reason.contains(named), "{reason}");
    }
}

#[test]
fn an_address_under_tls_needs_a_feature() {
    let parsed = parse("rediss://:secret@host");
    if tls::IS_AVAILABLE {
        assert_eq!(name(&parsed.unwrap().info), "host:6379");
    } else {
        let error = parsed.unwrap_err().to_string();
        assert!(error.contains("`tls-rustls`"), "{error}");
    }
}
