//! A lease without a guard, on its way from one holder to the next.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::lease_id::LeaseId;
use crate::resource::{Resource, Resources};
use crate::time::clock::Moment;
use crate::time::validity;
use crate::token::FencingToken;

/// A lease that is no longer extended, returned by [`LockGuard::detach`](crate::LockGuard::detach)
/// for another process to [adopt](crate::Redlock::adopt_lease) or
/// [release](crate::Redlock::unlock_lease).
///
/// As text (`Display`, `FromStr`) it is one line without spaces. It keeps the resources and the
/// lease id, whatever bytes they contain.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let redlock = redlock::Redlock::in_memory(3);
/// let text = redlock.lock("upload").await?.detach().to_string();
///
/// // In another process:
/// let lease: redlock::Lease = text.parse()?;
/// let guard = redlock.adopt_lease(&lease).await?;
/// assert!(guard.is_held());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "the lease stays until its ttl; without its id it cannot be released"]
pub struct Lease {
    resources: Resources,
    lease_id: LeaseId,
    token: Option<FencingToken>,
    deadline: Option<Moment>,
}

impl Lease {
    pub(crate) fn new(
        resources: Resources,
        lease_id: LeaseId,
        token: Option<FencingToken>,
        deadline: Option<Moment>,
    ) -> Self {
        Self {
            resources,
            lease_id,
            token,
            deadline,
        }
    }

    /// All locked resources, in the form that the operations take.
    pub(crate) fn all(&self) -> &Resources {
        &self.resources
    }

    /// The locked resource; of several, the first in byte order.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        self.resources.first()
    }

    /// All locked resources, in byte order.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        self.resources.as_slice()
    }

    /// The value under the key.
    #[must_use]
    pub fn lease_id(&self) -> &LeaseId {
        &self.lease_id
    }

    /// The fencing token of the guard that was detached. Adopting the lease mints a larger one.
    #[must_use]
    pub fn token(&self) -> Option<FencingToken> {
        self.token
    }

    /// The time left of the lease, as far as it is known here. Zero if it was lost before, or was
    /// parsed from text.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.map_or(Duration::ZERO, |deadline| {
            validity::remaining(deadline, Moment::now())
        })
    }
}

impl PartialEq for Lease {
    /// Compares resources, lease id and token, but not the time left.
    fn eq(&self, other: &Self) -> bool {
        self.resources == other.resources
            && self.lease_id == other.lease_id
            && self.token == other.token
    }
}

impl Eq for Lease {}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}")?;
        escape(f, self.lease_id.as_bytes())?;
        match self.token {
            Some(token) => write!(f, "/{token}/")?,
            None => f.write_str("/-/")?,
        }
        for (index, resource) in self.resources.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            escape(f, resource.as_bytes())?;
        }
        Ok(())
    }
}

impl FromStr for Lease {
    type Err = ParseLeaseError;

    fn from_str(text: &str) -> Result<Self, ParseLeaseError> {
        let rest = text.strip_prefix(PREFIX).ok_or(ParseLeaseError(()))?;
        let mut parts = rest.splitn(3, '/');
        let mut part = || parts.next().ok_or(ParseLeaseError(()));
        let (id, token, resources) = (part()?, part()?, part()?);
        let id = unescape(id)?;
        let token = match token {
            "-" => None,
            token => Some(token.parse().map_err(|_| ParseLeaseError(()))?),
        };
        let resources = resources.split(',').map(unescape);
        let resources = resources.collect::<Result<Vec<_>, _>>()?;
        let resources = Resources::all(resources).map_err(|_| ParseLeaseError(()))?;
        resources.validate().map_err(|_| ParseLeaseError(()))?;
        if id.is_empty() {
            return Err(ParseLeaseError(()));
        }
        Ok(Self::new(resources, id.into(), token, None))
    }
}

/// The error of parsing a text that is not a [`Lease`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a lease: expected {PREFIX}<lease id>/<token>/<resource>,…")]
pub struct ParseLeaseError(());

/// The version of the text format.
const PREFIX: &str = "redlock1:";

/// Writes bytes as in a URL: bytes other than letters, digits and a few marks become `%xx`.
fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' | b'{' | b'}' => {
                write!(f, "{}", char::from(*byte))?;
            }
            _ => write!(f, "%{byte:02x}")?,
        }
    }
    Ok(())
}

fn unescape(text: &str) -> Result<Vec<u8>, ParseLeaseError> {
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            plain.push(byte);
            continue;
        }
        let digits = [bytes.next(), bytes.next()];
        let mut value = 0;
        for digit in digits {
            let digit = digit.and_then(|digit| char::from(digit).to_digit(16));
            value = value * 16 + digit.ok_or(ParseLeaseError(()))?;
        }
        plain.push(u8::try_from(value).map_err(|_| ParseLeaseError(()))?);
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_a_round_trip_through_text() {
        let resource = Resource::from((0..=255).collect::<Vec<u8>>());
        for token in [None, Some(FencingToken::new(7))] {
            for id in [&b"id with / and % and \xc3\xbc"[..], resource.as_bytes()] {
                let lease = Lease::new(resource.clone().into(), id.into(), token, None);
                let text = lease.to_string();
                assert!(!text.contains(char::is_whitespace), "{text}");
                assert_eq!(text.parse::<Lease>(), Ok(lease));
            }
        }
    }

    #[test]
    fn several_resources_survive_separators_in_their_names() {
        let names = [&b"a,b"[..], b"a", b",", b"/", b"%2c", b" ", b"\xff"];
        let resources = Resources::all(names).unwrap();
        let lease = Lease::new(resources, "id".into(), None, None);
        let text = lease.to_string();
        assert_eq!(text, "redlock1:id/-/%20,%252c,%2c,%2f,a,a%2cb,%ff");
        assert_eq!(text.parse::<Lease>(), Ok(lease));
    }

    #[test]
    fn text_that_is_not_a_lease_is_rejected() {
        let structure = [
            "",
            "redlock1:",
            "redlock1:a",
            "redlock1:a/1/",
            "redlock1:/1/a",
            "a/1/b",
        ];
        let lists = [
            "redlock1:a/1/,",
            "redlock1:a/1/b,",
            "redlock1:a/1/,b",
            "redlock1:a/1/b,,c",
        ];
        let parts = ["redlock1:a//b", "redlock1:a/x/b", "redlock1:a/-1/b"];
        let escapes = ["redlock1:%/1/a", "redlock1:%4/1/a", "redlock1:%zz/1/a"];
        for text in structure
            .into_iter()
            .chain(lists)
            .chain(parts)
            .chain(escapes)
        {
            assert_eq!(text.parse::<Lease>(), Err(ParseLeaseError(())), "{text}");
        }
    }
}
