//! An address as errors show it.

use std::net::{IpAddr, SocketAddr};

use ::url::Url;

use super::form::{self, Scheme};
use super::url::{has_other_host, host, path_database, read};

/// Returns an address for an error: only the parts that are valid, and no credentials or options.
///
/// An invalid part may be a piece of a password: of one with a delimiter that was not
/// percent-encoded, or with a comma, at which a list of addresses was split.
pub(super) fn redacted(text: &str) -> String {
    let text = text.trim().trim_matches(form::QUOTES);
    let Some((name, rest)) = text.split_once("://") else {
        return if is_bare(text) { text } else { HIDDEN }.into();
    };
    let Ok(scheme) = Scheme::of(name) else {
        return HIDDEN.into();
    };
    let name = name.to_ascii_lowercase();
    if form::has_late_at(scheme, rest) {
        return format!("{name}://{HIDDEN}");
    }
    if let Ok(url) = read(text, scheme) {
        return format!("{name}://{}", parts(&url, scheme, rest));
    }
    // Probably the port is invalid. What stands before the last @ may be a password with an @ and a
    // colon.
    let authority = form::authority(rest);
    let port = authority.rfind(':');
    let port = port.filter(|at| !authority[*at..].contains('@'));
    let host = port.map(|at| &authority[..at]);
    match host.map(|host| Url::parse(&format!("{name}://{host}"))) {
        Some(Ok(url)) => format!("{name}://{}:{HIDDEN}", parts(&url, scheme, authority)),
        _ => format!("{name}://{HIDDEN}"),
    }
}

/// Returns what follows `://`.
fn parts(url: &Url, scheme: Scheme, rest: &str) -> String {
    let mut shown = String::new();
    if form::authority(rest).contains('@') {
        shown.push_str(HIDDEN);
        shown.push('@');
    }
    match scheme {
        Scheme::Unix if has_other_host(url) => shown.push_str(HIDDEN),
        Scheme::Unix => shown.push_str(url.path()),
        Scheme::Tcp | Scheme::Tls => {
            let is_valid = host(url).is_ok();
            shown.push_str(url.host_str().filter(|_| is_valid).unwrap_or(HIDDEN));
            if let Some(port) = url.port() {
                shown.push_str(&format!(":{port}"));
            }
            match path_database(url) {
                Ok(Some(database)) => shown.push_str(&format!("/{database}")),
                Ok(None) => {}
                Err(_) => shown.push_str("/***"),
            }
        }
    }
    if url.query().is_some() {
        shown.push_str("?***");
    }
    if url.fragment().is_some() {
        shown.push_str("#***");
    }
    shown
}

/// Whether a text without a scheme is an address in numbers, or this machine.
fn is_bare(text: &str) -> bool {
    let host = text
        .rsplit_once(':')
        .filter(|(_, port)| port.parse::<u16>().is_ok());
    text.parse::<SocketAddr>().is_ok()
        || text.parse::<IpAddr>().is_ok()
        || host.map_or(text, |(host, _)| host) == "localhost"
}

const HIDDEN: &str = "***";
