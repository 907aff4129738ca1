//! The mistakes in an address, each with its remedy.

/// A mistake in an address.
///
/// No text repeats a part of the address, except for the name of an option: any part may be a piece
/// of a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mistake {
    #[error("it is empty: write redis://host:6379")]
    Empty,
    #[error("it is in quotes: remove them")]
    Quotes,
    #[error("it has no scheme: write redis:// before the host, or rediss:// for TLS")]
    NoScheme,
    #[error("it is a path without a scheme: write redis+unix:// before it")]
    BarePath,
    #[error("slashes are missing: write :// after the scheme")]
    Slashes,
    #[error(
        "its scheme is unknown: write redis://, rediss:// for TLS, or redis+unix:// for a Unix socket"
    )]
    Scheme,
    #[error("its scheme is not the one for TLS: write rediss://")]
    TlsScheme,
    #[error("its scheme is not the one for a Unix socket: write redis+unix:// before the path")]
    SocketScheme,
    #[error("a Sentinel cannot be a node: configure independent masters by their own addresses")]
    Sentinel,
    #[error("a Redis Cluster cannot be a node: configure independent masters")]
    Cluster,
    #[error(
        "it is more than one address: add each as a node of its own, or separate full URLs by \
         commas in REDLOCK_NODES"
    )]
    Several,
    #[error("it contains a blank or a control character: remove it, or write a blank as %20")]
    Blank,
    #[error("it contains a % without two hexadecimal digits: write a percent sign as %25")]
    Percent,
    #[error(
        "there is an @ behind a /, ? or #: in user names and passwords, write / as %2F, ? as %3F, \
         # as %23 and @ as %40"
    )]
    Delimiter,
    #[error("the user name or the password is not UTF-8 after decoding: percent-encode UTF-8")]
    NotUtf8,
    #[error(
        "it has a user name without a password: write user:password@, or :password@ for the \
         default user"
    )]
    UserWithoutPassword,
    #[error("its options repeat the user name or the password before the host: remove one of them")]
    CredentialsTwice,
    #[error("it has no host: write redis://host:6379")]
    NoHost,
    #[error(
        "its host is not a host name or an IP address: use letters, digits, dots and hyphens, at \
         most 63 between two dots"
    )]
    Host,
    #[error("its host is a placeholder that was not replaced: set its variable")]
    Placeholder,
    #[error(
        "its host is a wildcard, multicast or broadcast address: write the address of one server"
    )]
    NotOneHost,
    #[error("its host has several colons: write an IPv6 address in brackets, as in [::1]:6379")]
    Brackets,
    #[error(
        "its host is not an IPv6 address without a zone: correct it, or use a host name for a \
         link-local address"
    )]
    Ipv6,
    #[error("its port is not a number from 1 to 65535: correct it, or omit it for 6379")]
    Port,
    #[error(
        "its database is not a number from 0 to 2147483647: write one behind the host, as in /2"
    )]
    Database,
    #[error("the database in its path is not the one in its option `db`: remove one of them")]
    DatabaseTwice,
    #[error("a Unix socket has no host: write three slashes, as in redis+unix:///run/redis.sock")]
    SocketHost,
    #[error("it has no path: write redis+unix:///run/redis.sock")]
    NoPath,
    #[error("its option `protocol` is unknown: write 2 or 3")]
    Protocol,
    #[error("its option `{0}` is unknown: the options are db, protocol, username and password")]
    Option(String),
    #[error("one of its options is unknown: the options are db, protocol, username and password")]
    NamelessOption,
    #[error("its option `{0}` is given twice: remove one of them")]
    OptionTwice(&'static str),
    #[error("its option `{0}` is empty: give it a value, or remove it")]
    OptionEmpty(&'static str),
    #[error("its option `{0}` has a plus sign: write it as %2B, or a blank as %20")]
    OptionPlus(&'static str),
    #[error(
        "its option `{0}` is not available: certificates are always verified, with tls-rustls also \
         by the authorities in the file that SSL_CERT_FILE names"
    )]
    TlsOption(String),
    #[error("its option `{0}` is not available: set node_timeout, or REDLOCK_NODE_TIMEOUT")]
    TimeoutOption(String),
    #[error(
        "`#insecure` is not available: certificates are always verified, with tls-rustls also by \
         the authorities in the file that SSL_CERT_FILE names"
    )]
    Insecure,
    #[error("it has a fragment, which begins with #: remove it, or write # as %23 in a password")]
    Fragment,
    #[error("TLS is not available: enable the feature `tls-rustls` or `tls-native`")]
    TlsUnavailable,
    #[error("Unix sockets are not available on this platform: use TCP")]
    SocketUnavailable,
}
