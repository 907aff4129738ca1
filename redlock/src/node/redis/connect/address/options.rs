//! The options behind the `?` of an address.

use ::url::Url;

use super::mistake::Mistake;

/// The options of an address, by the names that this and other libraries give them.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) database: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) is_resp2: bool,
}

impl Options {
    /// Reads the options. One that is unknown is an error: without it, the node would not be the one
    /// that was meant.
    pub(super) fn read(url: &Url) -> Result<Self, Mistake> {
        let mut options = Self::default();
        let (mut protocol, mut follows_password) = (None, false);
        let query = url.query().unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        for (pair, (name, value)) in pairs.zip(url.query_pairs()) {
            let (known, option) = match &*name {
                "db" => ("db", &mut options.database),
                "username" | "user" => ("username", &mut options.username),
                "password" | "pass" => ("password", &mut options.password),
                "protocol" => ("protocol", &mut protocol),
                // What looks like a name may be a piece of the password.
                _ if follows_password => return Err(Mistake::NamelessOption),
                name => return Err(unknown(name, pair)),
            };
            // Also in the value of another option: behind a second `?`, for one.
            follows_password |= pair.contains("pass");
            if value.is_empty() {
                return Err(Mistake::OptionEmpty(known));
            }
            // Decoders differ in whether a plus sign is a blank.
            if pair.contains('+') {
                return Err(Mistake::OptionPlus(known));
            }
            if value.contains('\u{fffd}') {
                return Err(Mistake::NotUtf8);
            }
            if option.replace(value.into_owned()).is_some() {
                return Err(Mistake::OptionTwice(known));
            }
        }
        options.is_resp2 = match protocol.map(|it| it.to_ascii_lowercase()).as_deref() {
            Some("2" | "resp2") => true,
            Some("3" | "resp3") | None => false,
            Some(_) => return Err(Mistake::Protocol),
        };
        Ok(options)
    }
}

/// Returns the mistake of an unknown option. Text that does not look like a name is not repeated.
fn unknown(name: &str, pair: &str) -> Mistake {
    let is_name = |it: u8| it.is_ascii_lowercase() || it == b'_' || it == b'-';
    if !pair.contains('=') || name.len() > 32 || !name.bytes().all(is_name) {
        return Mistake::NamelessOption;
    }
    if name.starts_with("ssl") || name.starts_with("tls") {
        return Mistake::TlsOption(name.into());
    }
    if name.contains("timeout") {
        return Mistake::TimeoutOption(name.into());
    }
    Mistake::Option(name.into())
}
