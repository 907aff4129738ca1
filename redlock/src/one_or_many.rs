//! A sorted set of one or more values.

use std::fmt;
use std::sync::Arc;

/// A sorted set of at least one value, without duplicates. Cloning does not copy the values of a
/// larger set.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct OneOrMany<T>(Repr<T>);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr<T> {
    /// The common case, without an allocation.
    One(T),
    Several(Arc<[T]>),
}

impl<T> OneOrMany<T> {
    /// Sorts the values and removes duplicates. Returns `None` if there are no values.
    pub(crate) fn of(mut values: Vec<T>) -> Option<Self>
    where
        T: Ord,
    {
        values.sort_unstable();
        values.dedup();
        if values.len() > 1 {
            return Some(Self(Repr::Several(values.into())));
        }
        values.pop().map(Self::from)
    }

    /// The values, of which there is at least one.
    pub(crate) fn as_slice(&self) -> &[T] {
        match &self.0 {
            Repr::One(value) => std::slice::from_ref(value),
            Repr::Several(values) => values,
        }
    }

    /// The value, if it is the only one.
    pub(crate) fn as_one(&self) -> Option<&T> {
        match &self.0 {
            Repr::One(value) => Some(value),
            Repr::Several(_) => None,
        }
    }

    /// The smallest value, which represents all where there is room for one.
    pub(crate) fn first(&self) -> &T {
        match &self.0 {
            Repr::One(value) => value,
            Repr::Several(values) => &values[0],
        }
    }

    /// Iterates over the values.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.as_slice().iter()
    }

    /// Applies `f` to each value. `f` must keep the order, and map different values to different
    /// ones.
    pub(crate) fn map<U>(&self, f: impl Fn(&T) -> U) -> OneOrMany<U> {
        OneOrMany(match &self.0 {
            Repr::One(value) => Repr::One(f(value)),
            Repr::Several(values) => Repr::Several(values.iter().map(f).collect()),
        })
    }
}

impl<T> From<T> for OneOrMany<T> {
    fn from(value: T) -> Self {
        Self(Repr::One(value))
    }
}

impl<T: fmt::Debug> fmt::Debug for OneOrMany<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::One(value) => value.fmt(f),
            Repr::Several(values) => values.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_sorted_without_duplicates() {
        let values = OneOrMany::of(vec!["b", "a", "b"]).unwrap();
        assert_eq!(values.as_slice(), ["a", "b"]);
        assert_eq!(values.first(), &"a");
        assert_eq!(values.as_one(), None);
        assert_eq!(values.map(|value| value.len()).as_slice(), [1, 1]);
    }

    #[test]
    fn equal_values_are_one_value() {
        let values = OneOrMany::of(vec!["a", "a"]).unwrap();
        assert_eq!(values, OneOrMany::from("a"));
        assert_eq!(values.as_one(), Some(&"a"));
        assert_eq!(OneOrMany::<&str>::of(Vec::new()), None);
    }
}
