//! A lease that is on its way from one holder to the next.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::clock::Moment;
use crate::lease_id::LeaseId;
use crate::resource::Resource;
use crate::validity;

/// A lease that nobody extends: what [`LockGuard::detach`](crate::LockGuard::detach) leaves, for
/// another process to [adopt](crate::Redlock::adopt) or [release](crate::Redlock::unlock).
///
/// As text (`Display`, `FromStr`) it is one line without spaces that keeps the resource and the
/// lease id, whatever bytes they have.
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
/// let guard = redlock.adopt(lease.resource(), lease.lease_id()).await?;
/// assert!(guard.is_held());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "the lease stays until its ttl; without its id nobody can release it"]
pub struct Lease {
    resource: Resource,
    lease_id: LeaseId,
    deadline: Option<Moment>,
}

impl Lease {
    pub(crate) fn new(resource: Resource, lease_id: LeaseId, deadline: Option<Moment>) -> Self {
        Self {
            resource,
            lease_id,
            deadline,
        }
    }

    /// What is locked.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// The value under the key.
    #[must_use]
    pub fn lease_id(&self) -> &LeaseId {
        &self.lease_id
    }

    /// How much is left of the lease, as far as it is known here: zero if it had been lost, or was
    /// read from text.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.map_or(Duration::ZERO, |deadline| {
            validity::remaining(deadline, Moment::now())
        })
    }
}

impl PartialEq for Lease {
    /// The same resource under the same lease id, however much is left.
    fn eq(&self, other: &Self) -> bool {
        self.resource == other.resource && self.lease_id == other.lease_id
    }
}

impl Eq for Lease {}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}")?;
        escape(f, self.lease_id.as_str().as_bytes())?;
        f.write_str("/")?;
        escape(f, self.resource.as_bytes())
    }
}

impl FromStr for Lease {
    type Err = ParseLeaseError;

    fn from_str(text: &str) -> Result<Self, ParseLeaseError> {
        let parts = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('/'));
        let (id, resource) = parts.ok_or(ParseLeaseError(()))?;
        let id = String::from_utf8(unescape(id)?).map_err(|_| ParseLeaseError(()))?;
        let resource = Resource::from(unescape(resource)?);
        resource.validate().map_err(|_| ParseLeaseError(()))?;
        if id.is_empty() {
            return Err(ParseLeaseError(()));
        }
        Ok(Self::new(resource, id.into(), None))
    }
}

/// A text that is not a [`Lease`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a lease: expected {PREFIX}<lease id>/<resource>")]
pub struct ParseLeaseError(());

/// Marks the format, for the day it needs another field.
const PREFIX: &str = "redlock1:";

/// Writes bytes as in a URL: what is not plainly readable becomes `%xx`.
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
    fn every_byte_survives_the_way_through_text() {
        let resource = Resource::from((0..=255).collect::<Vec<u8>>());
        let lease = Lease::new(resource, "id with / and % and ü".into(), None);
        let text = lease.to_string();
        assert!(!text.contains(char::is_whitespace), "{text}");
        assert_eq!(text.parse::<Lease>(), Ok(lease));
    }

    #[test]
    fn what_is_no_lease_is_refused() {
        for text in [
            "",
            "redlock1:",
            "redlock1:a",
            "redlock1:a/",
            "redlock1:/a",
            "a/b",
        ] {
            assert_eq!(text.parse::<Lease>(), Err(ParseLeaseError(())), "{text}");
        }
        for text in [
            "redlock1:%/a",
            "redlock1:%4/a",
            "redlock1:%zz/a",
            "redlock1:%ff/a",
        ] {
            assert_eq!(text.parse::<Lease>(), Err(ParseLeaseError(())), "{text}");
        }
    }
}
