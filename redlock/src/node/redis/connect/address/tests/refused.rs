//! Addresses that are refused, as errors show them, and the mistakes that errors name.

use super::super::parse;
use crate::error::ConfigError;

const DELIMITER: &str = "there is an @ behind a /, ? or #: in user names and passwords, write / as \
                         %2F, ? as %3F, # as %23 and @ as %40";
const USER: &str = "it has a user name without a password: write user:password@, or :password@ for \
                    the default user";
const DATABASE: &str = "its database is not a number from 0 to 2147483647: write one behind the \
                        host, as in /2";
const SCHEME: &str = "its scheme is unknown: write redis://, rediss:// for TLS, or redis+unix:// \
                      for a Unix socket";
const TLS_SCHEME: &str = "its scheme is not the one for TLS: write rediss://";
const NO_SCHEME: &str = "it has no scheme: write redis:// before the host, or rediss:// for TLS";
const SOCKET_SCHEME: &str = "its scheme is not the one for a Unix socket: write redis+unix:// \
                             before the path";
const SEVERAL: &str = "it is more than one address: add each as a node of its own, or separate \
                       full URLs by commas in REDLOCK_NODES";
const SENTINEL: &str = "a Sentinel cannot be a node: configure independent masters by their own \
                        addresses";
const CLUSTER: &str = "a Redis Cluster cannot be a node: configure independent masters";
const QUOTES: &str = "it is in quotes: remove them";
const SLASHES: &str = "slashes are missing: write :// after the scheme";
const NO_HOST: &str = "it has no host: write redis://host:6379";
const HOST: &str = "its host is not a host name or an IP address: use letters, digits, dots and \
                    hyphens, at most 63 between two dots";
const PORT: &str = "its port is not a number from 1 to 65535: correct it, or omit it for 6379";
const NOT_ONE: &str = "its host is a wildcard, multicast or broadcast address: write the address \
                       of one server";
const BLANK: &str =
    "it contains a blank or a control character: remove it, or write a blank as %20";
const FRAGMENT: &str = "it has a fragment, which begins with #: remove it, or write # as %23 in a \
                        password";
const BRACKETS: &str = "its host has several colons: write an IPv6 address in brackets, as in \
                        [::1]:6379";
const IPV6: &str = "its host is not an IPv6 address without a zone: correct it, or use a host name \
                    for a link-local address";
const SOCKET_HOST: &str = "a Unix socket has no host: write three slashes, as in \
                           redis+unix:///run/redis.sock";
const NOT_UTF8: &str = "the user name or the password is not UTF-8 after decoding: percent-encode \
                        UTF-8";
const TWICE: &str = "its options repeat the user name or the password before the host: remove one \
                     of them";
const PERCENT: &str = "it contains a % without two hexadecimal digits: write a percent sign as %25";
const NAMELESS: &str = "one of its options is unknown: the options are db, protocol, username and \
                        password";

/// An address, how it is shown, and its mistake.
const ROWS: &[(&str, &str, &str)] = &[
    ("", "***", "it is empty: write redis://host:6379"),
    (
        "redis://127.0.0.1:6379//3",
        "redis://127.0.0.1:6379/***",
        DATABASE,
    ),
    // Credentials.
    (
        "redis://pw@127.0.0.1:6379",
        "redis://***@127.0.0.1:6379",
        USER,
    ),
    ("redis://user:@127.0.0.1", "redis://***@127.0.0.1", USER),
    (
        "redis://127.0.0.1?username=y",
        "redis://127.0.0.1?***",
        USER,
    ),
    ("redis://user:p#ss@127.0.0.1:6379", "redis://***", DELIMITER),
    (
        "redis://user:12#ss@127.0.0.1:6379",
        "redis://***",
        DELIMITER,
    ),
    (
        "redis://user:12/ss@127.0.0.1:6379",
        "redis://***",
        DELIMITER,
    ),
    (
        "redis://user:12?ss@127.0.0.1:6379",
        "redis://***",
        DELIMITER,
    ),
    ("redis://:12#34@127.0.0.1:6379", "redis://***", DELIMITER),
    ("redis://user:p/ss@127.0.0.1", "redis://***", DELIMITER),
    ("redis://user:p?ss@127.0.0.1", "redis://***", DELIMITER),
    ("redis://127.0.0.1?password=p@ss", "redis://***", DELIMITER),
    (
        "redis+unix://:p/w@/run/redis.sock",
        "redis+unix://***",
        DELIMITER,
    ),
    (
        "redis://user:p%ss@127.0.0.1",
        "redis://***@127.0.0.1",
        PERCENT,
    ),
    (
        "redis://user:p%B0@127.0.0.1",
        "redis://***@127.0.0.1",
        NOT_UTF8,
    ),
    (
        "redis://127.0.0.1?password=%B0",
        "redis://127.0.0.1?***",
        NOT_UTF8,
    ),
    (
        "redis://:a@127.0.0.1?password=b",
        "redis://***@127.0.0.1?***",
        TWICE,
    ),
    // Options and fragments.
    (
        "redis://127.0.0.1/1?db=2",
        "redis://127.0.0.1/1?***",
        "the database in its path is not the one in its option `db`: remove one of them",
    ),
    ("redis://127.0.0.1?db=x", "redis://127.0.0.1?***", DATABASE),
    (
        "redis://127.0.0.1?db=1&db=1",
        "redis://127.0.0.1?***",
        "its option `db` is given twice: remove one of them",
    ),
    (
        "redis://127.0.0.1?password=",
        "redis://127.0.0.1?***",
        "its option `password` is empty: give it a value, or remove it",
    ),
    (
        "redis://127.0.0.1?password=a+b",
        "redis://127.0.0.1?***",
        "its option `password` has a plus sign: write it as %2B, or a blank as %20",
    ),
    (
        "redis://127.0.0.1:6379?timeout=5s&protocol=resp3",
        "redis://127.0.0.1:6379?***",
        "its option `timeout` is not available: set node_timeout, or REDLOCK_NODE_TIMEOUT",
    ),
    (
        "redis://127.0.0.1?protocol=4",
        "redis://127.0.0.1?***",
        "its option `protocol` is unknown: write 2 or 3",
    ),
    (
        "redis://127.0.0.1?hunter2",
        "redis://127.0.0.1?***",
        NAMELESS,
    ),
    (
        "redis://127.0.0.1?client_name=a",
        "redis://127.0.0.1?***",
        "its option `client_name` is unknown: the options are db, protocol, username and password",
    ),
    (
        "redis://127.0.0.1#insecure",
        "redis://127.0.0.1#***",
        FRAGMENT,
    ),
    ("redis://user:12#ss", "redis://user:12#***", FRAGMENT),
    (
        "rediss://127.0.0.1:6380?ssl_cert_reqs=none",
        "rediss://127.0.0.1:6380?***",
        "its option `ssl_cert_reqs` is not available: certificates are always verified, with tls-rustls also by the authorities in the file that SSL_CERT_FILE names",
    ),
    (
        "rediss://127.0.0.1:6380/0?ssl_cert_reqs=CERT_NONE",
        "rediss://127.0.0.1:6380/0?***",
        "its option `ssl_cert_reqs` is not available: certificates are always verified, with tls-rustls also by the authorities in the file that SSL_CERT_FILE names",
    ),
    (
        "rediss://127.0.0.1:6380/#insecure",
        "rediss://127.0.0.1:6380#***",
        "`#insecure` is not available: certificates are always verified, with tls-rustls also by the authorities in the file that SSL_CERT_FILE names",
    ),
    (
        "rediss://127.0.0.1:6380/#other",
        "rediss://127.0.0.1:6380#***",
        FRAGMENT,
    ),
    // Quotes and lists.
    ("\"redis://127.0.0.1\"", "redis://127.0.0.1", QUOTES),
    ("'redis://127.0.0.1'", "redis://127.0.0.1", QUOTES),
    (
        "redis://127.0.0.1,redis://127.0.0.2",
        "redis://***/***",
        SEVERAL,
    ),
    (
        "redis://127.0.0.1:6379,127.0.0.2:6379",
        "redis://***",
        SEVERAL,
    ),
    (
        "redis://127.0.0.1;redis://127.0.0.2",
        "redis://***/***",
        SEVERAL,
    ),
    (
        "redis://127.0.0.1 redis://127.0.0.2",
        "redis://***",
        SEVERAL,
    ),
    // Schemes.
    ("127.0.0.1:6379", "127.0.0.1:6379", NO_SCHEME),
    ("127.0.0.1", "127.0.0.1", NO_SCHEME),
    ("localhost", "localhost", NO_SCHEME),
    ("localhost:6379", "localhost:6379", NO_SCHEME),
    ("user:hunter2@host", "***", NO_SCHEME),
    (":6379", "***", NO_SCHEME),
    ("://127.0.0.1", "***", NO_SCHEME),
    ("tcp://127.0.0.1:6379", "***", SCHEME),
    ("http://127.0.0.1:6379", "***", SCHEME),
    ("redis:127.0.0.1", "***", SLASHES),
    ("redis:/127.0.0.1", "***", SLASHES),
    ("redis+tls://127.0.0.1", "***", TLS_SCHEME),
    (
        "redis+sentinel://127.0.0.1:26379/mymaster/0",
        "***",
        SENTINEL,
    ),
    ("redis-sentinel://127.0.0.1:26379/mymaster", "***", SENTINEL),
    ("sentinel://127.0.0.1:26379", "***", SENTINEL),
    ("redis+cluster://127.0.0.1:7000", "***", CLUSTER),
    // Hosts and ports.
    ("redis:///0", "redis://***/0", NO_HOST),
    ("redis://", "redis://***", NO_HOST),
    ("redis://:6379", "redis://***:***", NO_HOST),
    ("redis://127.0.0.1:0", "redis://127.0.0.1:0", PORT),
    ("redis://127.0.0.1:65536", "redis://127.0.0.1:***", PORT),
    ("redis://127.0.0.1:-1", "redis://127.0.0.1:***", PORT),
    (
        "redis://:pw@127.0.0.1:port/1",
        "redis://***@127.0.0.1:***",
        PORT,
    ),
    ("redis://0.0.0.0:6379", "redis://0.0.0.0:6379", NOT_ONE),
    ("redis://[::]:6379", "redis://[::]:6379", NOT_ONE),
    ("redis://0", "redis://0", NOT_ONE),
    ("redis://[::ffff:0.0.0.0]", "redis://[::ffff:0:0]", NOT_ONE),
    ("redis://224.0.0.1", "redis://224.0.0.1", NOT_ONE),
    (
        "redis://255.255.255.255",
        "redis://255.255.255.255",
        NOT_ONE,
    ),
    ("redis://::1:6379", "redis://***", BRACKETS),
    ("redis://[fe80::1%25eth0]:6379", "redis://***", IPV6),
    ("redis://1.2.3.999", "redis://***", HOST),
    ("redis://a..b", "redis://***", HOST),
    ("redis://a^b:1", "redis://***", HOST),
    ("redis://host name:6379", "redis://***", BLANK),
    ("redis://:p\tw@127.0.0.1", "redis://***@127.0.0.1", BLANK),
    (
        "redis://${REDIS_HOST}:6379",
        "redis://***:6379",
        "its host is a placeholder that was not replaced: set its variable",
    ),
    // Databases.
    (
        "redis://127.0.0.1:6379/-1",
        "redis://127.0.0.1:6379/***",
        DATABASE,
    ),
    (
        "redis://127.0.0.1/99999999999999999999",
        "redis://127.0.0.1/***",
        DATABASE,
    ),
    (
        "redis://127.0.0.1/2147483648",
        "redis://127.0.0.1/***",
        DATABASE,
    ),
    ("redis://127.0.0.1/db0", "redis://127.0.0.1/***", DATABASE),
    // Sockets.
    ("unix://run/redis.sock", "unix://***", SOCKET_HOST),
    (
        "unix:///",
        "unix:///",
        "it has no path: write redis+unix:///run/redis.sock",
    ),
    (
        "redis+unix:///run/redis.sock?virtual_host=1",
        "redis+unix:///run/redis.sock?***",
        "its option `virtual_host` is unknown: the options are db, protocol, username and password",
    ),
    ("redis-socket:///run/redis.sock", "***", SOCKET_SCHEME),
    ("redis+socket:///run/redis.sock", "***", SOCKET_SCHEME),
    (
        "/run/redis.sock",
        "***",
        "it is a path without a scheme: write redis+unix:// before it",
    ),
];

#[test]
fn each_mistake_has_its_own_message() {
    let mut different = Vec::new();
    for (text, shown, message) in ROWS {
        let (address, reason) = match parse(text) {
            Err(ConfigError::Address {
                address, reason, ..
            }) => (address, reason),
            other => panic!("{text}: {other:?}"),
        };
        if (&*address, &*reason) != (*shown, *message) {
            different.push(format!("{text}\n  {address}\n  {reason}"));
        }
    }
    assert!(different.is_empty(), "\n{}", different.join("\n"));
}
