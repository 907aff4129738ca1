//! The fencing token: a number that a protected system can check.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// A number that grows with every acquisition of a resource.
///
/// A protected system remembers the largest token it has seen, and refuses smaller ones. It is then
/// safe from a holder that was paused for longer than its lease. This is the classic remedy for the
/// limits of any lock with a timeout (Martin Kleppmann, "How to do distributed locking", 2016).
///
/// # Examples
///
/// ```
/// use redlock::FencingToken;
///
/// let older = FencingToken::new(7);
/// let newer = FencingToken::new(8);
/// assert!(older < newer);
/// assert_eq!("8".parse(), Ok(newer));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FencingToken(u64);

impl FencingToken {
    /// The largest token that is minted. Servers count in floating-point numbers, which are exact
    /// up to 2^53. Some room is left below that.
    pub const MAX: Self = Self(9_007_199_254_740_000);

    /// Wraps a number read back from a protected system.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as databases store it. Tokens stay below 2^53, so the conversion is exact. A
    /// larger number that was made with [`new`](Self::new) saturates.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for FencingToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u64> for FencingToken {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl From<FencingToken> for u64 {
    fn from(token: FencingToken) -> Self {
        token.0
    }
}

impl FromStr for FencingToken {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}
