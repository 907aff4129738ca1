//! Resource names, and the set of them that one lease covers.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::invalid::InvalidRequest;
use crate::one_or_many::OneOrMany;

/// The name of what is locked: any bytes, not empty, at most 64 KiB.
///
/// On the servers a resource is the key `<prefix><resource>`. Text and bytes convert into a
/// resource without a check. A request with an invalid name fails with
/// [`LockError::Invalid`](crate::LockError::Invalid) before anything is sent.
///
/// Implement `From<InvoiceId> for Resource` to lock by an identifier of your own.
///
/// ```
/// use redlock::Resource;
///
/// let text = Resource::from("invoice:42");
/// let bytes = Resource::from(&[0xff, 0x00][..]);
/// assert_eq!(text, "invoice:42");
/// assert_eq!(bytes.as_str(), None);
/// assert_eq!(bytes.to_string(), r"\xff\x00");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource(Arc<[u8]>);

impl Resource {
    /// The maximum length of a name, in bytes.
    pub const MAX_LEN: usize = 64 * 1024;

    /// The maximum number of names that can be [locked together](crate::Redlock::lock_all).
    ///
    /// A server handles all of them in one step, and nothing else meanwhile. This many take several
    /// milliseconds, which other clients do not notice. Four times as many take longer than the
    /// shortest node timeout.
    pub const MAX_TOGETHER: usize = 1024;

    /// The bytes of the name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Validates the name: not empty, not too long, not a name of a token counter.
    pub(crate) fn validate(&self) -> Result<(), InvalidRequest> {
        if self.0.is_empty() {
            return Err(InvalidRequest::EmptyResource);
        }
        let (len, max) = (self.0.len(), Self::MAX_LEN);
        if len > max {
            return Err(InvalidRequest::ResourceTooLong { len, max });
        }
        if RESERVED_SUFFIXES
            .iter()
            .any(|suffix| self.0.ends_with(suffix))
        {
            return Err(InvalidRequest::ReservedResource);
        }
        Ok(())
    }

    /// The key of this resource on the servers. Without a prefix it shares the bytes of the name.
    pub(crate) fn key(&self, prefix: &str) -> Arc<[u8]> {
        if prefix.is_empty() {
            return Arc::clone(&self.0);
        }
        let (start, length) = (prefix.len(), prefix.len() + self.0.len());
        let mut short = [0; 128];
        let Some(key) = short.get_mut(..length) else {
            return [prefix.as_bytes(), &self.0].concat().into();
        };
        // Nearly all: one allocation.
        key[..start].copy_from_slice(prefix.as_bytes());
        key[start..].copy_from_slice(&self.0);
        Arc::from(&*key)
    }
}

/// The resources of one lease, which are acquired, extended and released together.
pub(crate) type Resources = OneOrMany<Resource>;

impl Resources {
    /// Collects `resources`, without duplicates. There must be at least one.
    pub(crate) fn all(
        resources: impl IntoIterator<Item = impl Into<Resource>>,
    ) -> Result<Self, InvalidRequest> {
        let resources = resources.into_iter().map(Into::into).collect();
        Self::of(resources).ok_or(InvalidRequest::NoResources)
    }

    /// Validates the number of resources, and each name.
    pub(crate) fn validate(&self) -> Result<(), InvalidRequest> {
        let (count, max) = (self.as_slice().len(), Resource::MAX_TOGETHER);
        if count > max {
            return Err(InvalidRequest::TooManyResources { count, max });
        }
        self.iter().try_for_each(Resource::validate)
    }

    /// The keys of the resources on the servers. The prefix is the same for all, so the order is
    /// too.
    pub(crate) fn keys(&self, prefix: &str) -> OneOrMany<Arc<[u8]>> {
        self.map(|resource| resource.key(prefix))
    }

    /// The number of resources besides the first.
    pub(crate) fn others(&self) -> u16 {
        u16::try_from(self.as_slice().len() - 1).unwrap_or(u16::MAX)
    }
}

/// Displays the first name and the number of others, of which there may be a thousand.
impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first().fmt(f)?;
        match self.others() {
            0 => Ok(()),
            1 => f.write_str(" and another"),
            others => write!(f, " and {others} others"),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Some(text) => f.write_str(text),
            None => write!(f, "{}", self.0.escape_ascii()),
        }
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Some(text) => write!(f, "Resource({text:?})"),
            None => write!(f, "Resource(b\"{}\")", self.0.escape_ascii()),
        }
    }
}

impl PartialEq<str> for Resource {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Resource {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl From<&Self> for Resource {
    fn from(value: &Self) -> Self {
        value.clone()
    }
}

impl<const N: usize> From<&[u8; N]> for Resource {
    fn from(value: &[u8; N]) -> Self {
        Self(value.as_slice().into())
    }
}

impl From<Cow<'_, str>> for Resource {
    fn from(value: Cow<'_, str>) -> Self {
        Self(value.as_bytes().into())
    }
}

/// Implements `From` for the types of text and bytes that callers usually have.
macro_rules! from_bytes {
    ($($source:ty => |$value:ident| $bytes:expr;)+) => {$(
        impl From<$source> for Resource {
            fn from($value: $source) -> Self {
                Self($bytes.into())
            }
        }
    )+};
}

from_bytes! {
    &str => |value| value.as_bytes();
    &&str => |value| value.as_bytes();
    String => |value| value.into_bytes();
    &String => |value| value.as_bytes();
    Arc<str> => |value| value;
    Box<str> => |value| value.into_boxed_bytes();
    &[u8] => |value| value;
    Vec<u8> => |value| value;
    &Vec<u8> => |value| value.as_slice();
}

/// The endings of the keys of token counters, of waiting lists and hinted waiters, of adoptions, of
/// labels, and
/// of identity records.
const RESERVED_SUFFIXES: [&[u8]; 12] = [
    b":fence",
    b":fence!",
    b"}:wait",
    b":wait!",
    b"}:next",
    b":next!",
    b"}:adopted",
    b":adopted!",
    b"}:holder",
    b":holder!",
    b"redlock:node",
    b"redlock:node:push",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_convert_to_the_same_name() {
        let expected = Resource::from("a:1");
        assert_eq!(Resource::from(&"a:1"), expected);
        assert_eq!(Resource::from(String::from("a:1")), expected);
        assert_eq!(Resource::from(&String::from("a:1")), expected);
        assert_eq!(Resource::from(Cow::from("a:1")), expected);
        assert_eq!(Resource::from(Arc::<str>::from("a:1")), expected);
        assert_eq!(Resource::from(Box::<str>::from("a:1")), expected);
        assert_eq!(Resource::from(b"a:1"), expected);
        assert_eq!(Resource::from(b"a:1".as_slice()), expected);
        assert_eq!(Resource::from(b"a:1".to_vec()), expected);
        assert_eq!(Resource::from(&b"a:1".to_vec()), expected);
        assert_eq!(Resource::from(&expected), expected);
        assert_eq!(expected, *"a:1");
    }

    #[test]
    fn empty_long_and_reserved_names_are_invalid() {
        assert!(matches!(
            Resource::from("").validate(),
            Err(InvalidRequest::EmptyResource)
        ));
        let long = Resource::from(vec![b'x'; Resource::MAX_LEN + 1]);
        assert!(matches!(
            long.validate(),
            Err(InvalidRequest::ResourceTooLong { len: 65_537, .. })
        ));
        assert!(
            Resource::from(vec![b'x'; Resource::MAX_LEN])
                .validate()
                .is_ok()
        );
        for reserved in [
            "{a}:fence",
            "a{b}c:fence!",
            "{a}:wait",
            "a{b}c:wait!",
            "{a}:next",
            "a{b}c:next!",
            "{a}:adopted",
            "a{b}c:adopted!",
            "{a}:holder",
            "a{b}c:holder!",
            "redlock:node",
        ] {
            let result = Resource::from(reserved).validate();
            assert!(
                matches!(result, Err(InvalidRequest::ReservedResource)),
                "{reserved}"
            );
        }
    }

    #[test]
    fn ordinary_names_may_end_like_other_keys() {
        for name in ["jobs:next", "wait", "a:wait"] {
            assert!(Resource::from(name).validate().is_ok(), "{name}");
        }
    }

    #[test]
    fn a_prefix_is_part_of_the_key_but_not_of_the_name() {
        let resource = Resource::from("a");
        assert_eq!(&*resource.key("app:"), b"app:a");
        assert_eq!(&*resource.key(""), b"a");
        assert_eq!(resource, "a");
    }
}
