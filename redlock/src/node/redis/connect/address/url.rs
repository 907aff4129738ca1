//! The parts of an address, read by the URL parser.

use ::url::{Host, ParseError, Url};
use deadpool_redis::redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
};
use percent_encoding::percent_decode_str;

use super::form::{self, Scheme};
use super::mistake::Mistake;
use super::options::Options;
use super::{Address, MAX_DATABASE};

/// Reads an address.
pub(super) fn parse(text: &str) -> Result<Address, Mistake> {
    let text = text.trim();
    let scheme = form::check(text)?;
    let url = read(text, scheme).map_err(mistake)?;
    match url.fragment() {
        None => {}
        Some("insecure") if scheme == Scheme::Tls => return Err(Mistake::Insecure),
        Some(_) => return Err(Mistake::Fragment),
    }
    let options = Options::read(&url)?;
    let (address, path_database) = match scheme {
        Scheme::Unix => (socket(&url)?, None),
        Scheme::Tcp | Scheme::Tls => (tcp(&url, scheme)?, path_database(&url)?),
    };
    let settings = settings(&url, &options, path_database)?;
    Ok(Address {
        info: info(address).set_redis_settings(settings),
        is_resp2: options.is_resp2,
    })
}

/// Parses a text into its parts.
pub(super) fn read(text: &str, scheme: Scheme) -> Result<Url, ParseError> {
    if let (Scheme::Unix, Some((name, rest))) = (scheme, text.split_once("://")) {
        let (authority, path) = rest.split_at(form::authority(rest).len());
        // Credentials before a path are common among libraries. URLs have them before a host only.
        if authority.ends_with('@') {
            return Url::parse(&format!("{name}://{authority}{LOCALHOST}{path}"));
        }
    }
    Url::parse(text)
}

/// Reads a host as the parser of web addresses does: numbers are IPv4 addresses, and letters beyond
/// ASCII are encoded as in domain names.
pub(super) fn host(url: &Url) -> Result<String, Mistake> {
    let host = match url.host() {
        Some(Host::Domain(name)) if !name.is_empty() => Host::parse(name).map_err(mistake)?,
        Some(Host::Ipv4(address)) => Host::Ipv4(address),
        Some(Host::Ipv6(address)) => Host::Ipv6(address),
        _ => return Err(Mistake::NoHost),
    };
    match host {
        Host::Domain(name) if is_host_name(&name) => Ok(name),
        Host::Domain(_) => Err(Mistake::Host),
        Host::Ipv4(address) => Ok(address.to_string()),
        Host::Ipv6(address) => Ok(address.to_string()),
    }
}

/// Reads the database in the path, if there is one.
pub(super) fn path_database(url: &Url) -> Result<Option<i64>, Mistake> {
    let path = url.path();
    let path = path.strip_prefix('/').unwrap_or(path);
    match path.strip_suffix('/').unwrap_or(path) {
        "" if path.is_empty() => Ok(None),
        number => database(number).map(Some),
    }
}

/// Whether the URL of a socket names a host that is not this one.
pub(super) fn has_other_host(url: &Url) -> bool {
    !matches!(url.host_str(), None | Some("" | LOCALHOST))
}

fn tcp(url: &Url, scheme: Scheme) -> Result<ConnectionAddr, Mistake> {
    let (host, port) = (host(url)?, url.port().unwrap_or(DEFAULT_PORT));
    Ok(match scheme {
        Scheme::Tls => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        },
        Scheme::Tcp | Scheme::Unix => ConnectionAddr::Tcp(host, port),
    })
}

fn socket(url: &Url) -> Result<ConnectionAddr, Mistake> {
    if has_other_host(url) {
        return Err(Mistake::SocketHost);
    }
    if matches!(url.path(), "" | "/") {
        return Err(Mistake::NoPath);
    }
    let path = decoded(url.path())?;
    Ok(ConnectionAddr::Unix(path.into()))
}

/// Reads the credentials and the database, each of which may stand in one of two places.
fn settings(
    url: &Url,
    options: &Options,
    path_database: Option<i64>,
) -> Result<RedisConnectionInfo, Mistake> {
    let (mut username, mut password) = (decoded(url.username())?, String::new());
    if let Some(encoded) = url.password() {
        password = decoded(encoded)?;
    }
    if options.username.is_some() || options.password.is_some() {
        if !(username.is_empty() && password.is_empty()) {
            return Err(Mistake::CredentialsTwice);
        }
        username = options.username.clone().unwrap_or_default();
        password = options.password.clone().unwrap_or_default();
    }
    let database = match (
        options.database.as_deref().map(database).transpose()?,
        path_database,
    ) {
        (Some(option), Some(path)) if option != path => return Err(Mistake::DatabaseTwice),
        (option, path) => option.or(path).unwrap_or(0),
    };
    let mut settings = RedisConnectionInfo::default().set_db(database);
    if !username.is_empty() {
        settings = settings.set_username(username);
    }
    if !password.is_empty() {
        settings = settings.set_password(password);
    }
    Ok(settings)
}

fn database(number: &str) -> Result<i64, Mistake> {
    let is_number = number.bytes().all(|it| it.is_ascii_digit());
    let parsed = number
        .parse()
        .ok()
        .filter(|it| is_number && *it <= MAX_DATABASE);
    parsed.ok_or(Mistake::Database)
}

fn decoded(text: &str) -> Result<String, Mistake> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(String::from).map_err(|_| Mistake::NotUtf8)
}

/// Whether a resolver can be asked for this name. Underscores are common among containers.
fn is_host_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_valid = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_valid);
    name.len() <= 253 && name.split('.').all(is_label)
}

fn info(address: ConnectionAddr) -> ConnectionInfo {
    let info = address.into_connection_info();
    info.unwrap_or_else(|error| unreachable!("an address has all that is needed: {error}"))
}

fn mistake(error: ParseError) -> Mistake {
    match error {
        ParseError::InvalidPort => Mistake::Port,
        ParseError::InvalidIpv6Address => Mistake::Ipv6,
        ParseError::EmptyHost => Mistake::NoHost,
        _ => Mistake::Host,
    }
}

const LOCALHOST: &str = "localhost";

const DEFAULT_PORT: u16 = 6379;
