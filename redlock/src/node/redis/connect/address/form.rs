//! The form of an address: mistakes that a URL parser does not see, or takes for something else.

use super::mistake::Mistake;

/// A scheme that leads to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Tcp,
    Tls,
    Unix,
}

impl Scheme {
    pub(super) fn of(name: &str) -> Result<Self, Mistake> {
        match name.to_ascii_lowercase().as_str() {
            "redis" | "valkey" => Ok(Self::Tcp),
            "rediss" | "valkeys" => Ok(Self::Tls),
            "redis+unix" | "valkey+unix" | "unix" => Ok(Self::Unix),
            "redis+tls" | "redis+ssl" | "valkey+tls" | "valkey+ssl" | "tls" | "ssl" => {
                Err(Mistake::TlsScheme)
            }
            "redis-socket" | "redis+socket" | "valkey-socket" | "valkey+socket" | "file" => {
                Err(Mistake::SocketScheme)
            }
            name if name.contains("sentinel") => Err(Mistake::Sentinel),
            name if name.contains("cluster") => Err(Mistake::Cluster),
            _ => Err(Mistake::Scheme),
        }
    }
}

/// Checks the form of a trimmed text, and returns its scheme.
pub(super) fn check(text: &str) -> Result<Scheme, Mistake> {
    if text.is_empty() {
        return Err(Mistake::Empty);
    }
    if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        return Err(Mistake::Quotes);
    }
    if is_list(text) {
        return Err(Mistake::Several);
    }
    if text.contains(|it: char| it.is_whitespace() || it.is_control()) {
        return Err(Mistake::Blank);
    }
    let scheme = scheme(text)?;
    if !has_valid_escapes(text) {
        return Err(Mistake::Percent);
    }
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    if has_late_at(scheme, rest) {
        return Err(Mistake::Delimiter);
    }
    check_host(host(rest))?;
    Ok(scheme)
}

/// Whether an `@` follows the end of the authority, which is at the first `/`, `?` or `#`.
///
/// One of these is then probably part of a password. A URL parser would take the user name for the
/// host, and what follows for a port, a path or an option.
pub(super) fn has_late_at(scheme: Scheme, rest: &str) -> bool {
    let authority = authority(rest);
    // The path of a socket may contain an `@`, and so may the options behind it.
    let is_path = scheme == Scheme::Unix && authority.is_empty();
    !is_path && rest[authority.len()..].contains('@')
}

/// Returns what stands between `://` and the path.
pub(super) fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Returns the host and the port.
fn host(rest: &str) -> &str {
    let authority = authority(rest);
    authority.rsplit('@').next().unwrap_or_default()
}

fn check_host(host: &str) -> Result<(), Mistake> {
    if host.contains([',', ';']) {
        return Err(Mistake::Several);
    }
    if host.contains(['$', '{', '}', '<', '>']) {
        return Err(Mistake::Placeholder);
    }
    if !host.contains('[') && host.matches(':').count() > 1 {
        return Err(Mistake::Brackets);
    }
    Ok(())
}

fn scheme(text: &str) -> Result<Scheme, Mistake> {
    let Some((name, rest)) = text.split_once(':') else {
        return Err(match text.starts_with('/') {
            true => Mistake::BarePath,
            false => Mistake::NoScheme,
        });
    };
    let scheme = Scheme::of(name);
    match (rest.starts_with("//"), scheme) {
        (true, Err(Mistake::Scheme)) if name.is_empty() => Err(Mistake::NoScheme),
        (true, scheme) => scheme,
        (false, Ok(Scheme::Unix)) if rest.starts_with('/') => Ok(Scheme::Unix),
        (false, Ok(_)) => Err(Mistake::Slashes),
        (false, Err(_)) => Err(Mistake::NoScheme),
    }
}

/// Whether a separator is followed by a further URL.
fn is_list(text: &str) -> bool {
    let starts = text.match_indices(|it: char| matches!(it, ',' | ';') || it.is_whitespace());
    starts
        .map(|(at, _)| &text[at..])
        .map(|rest| {
            rest.trim_start_matches(|it: char| matches!(it, ',' | ';') || it.is_whitespace())
        })
        .filter_map(|rest| rest.split_once("://"))
        .any(|(name, _)| Scheme::of(name).is_ok())
}

fn has_valid_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.by_ref().count() == 2
    })
}

pub(super) const QUOTES: [char; 3] = ['"', '\'', '`'];
