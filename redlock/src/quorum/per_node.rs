//! Values of each node, without an allocation for the usual number of nodes.

use std::fmt;
use std::ops::{Deref, DerefMut};

/// One value for each node, in the order of the nodes.
#[derive(Clone)]
pub(crate) struct PerNode<T>(Repr<T>);

#[derive(Clone)]
enum Repr<T> {
    /// The values of this many nodes, and some that count for nothing.
    Few(u8, [T; FEW]),
    Many(Box<Many<T>>),
}

/// A pointer of two words would make most values larger.
#[derive(Clone)]
struct Many<T>(Box<[T]>);

impl<T> PerNode<T> {
    /// Creates the values of `nodes` nodes. `value` may be called for more.
    pub(crate) fn new(nodes: usize, value: impl Fn() -> T) -> Self {
        Self(match u8::try_from(nodes) {
            Ok(count) if nodes <= FEW => Repr::Few(count, std::array::from_fn(|_| value())),
            _ => Repr::Many(Box::new(Many((0..nodes).map(|_| value()).collect()))),
        })
    }
}

impl<T> Deref for PerNode<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Repr::Few(count, values) => &values[..usize::from(*count)],
            Repr::Many(values) => &values.0,
        }
    }
}

impl<T> DerefMut for PerNode<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Repr::Few(count, values) => &mut values[..usize::from(*count)],
            Repr::Many(values) => &mut values.0,
        }
    }
}

impl<'a, T> IntoIterator for &'a PerNode<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for PerNode<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.deref().fmt(f)
    }
}

/// Some of the nodes.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    is_selected: PerNode<bool>,
    count: usize,
}

impl Selection {
    /// Selects those of `nodes` nodes for which `is_selected` returns true.
    pub(crate) fn of(nodes: usize, is_selected: impl Fn(usize) -> bool) -> Self {
        let mut selected = PerNode::new(nodes, || false);
        let mut count = 0;
        for (node, it) in selected.iter_mut().enumerate() {
            *it = is_selected(node);
            count += usize::from(*it);
        }
        Self {
            is_selected: selected,
            count,
        }
    }

    /// The number of nodes that are selected.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn contains(&self, node: usize) -> bool {
        self.is_selected[node]
    }

    /// The nodes that are selected, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        let nodes = self.is_selected.iter().enumerate();
        nodes.filter_map(|(node, is_selected)| is_selected.then_some(node))
    }
}

/// The largest number of nodes whose values are stored inline. Larger deployments are rare.
const FEW: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_value_for_each_node_however_many() {
        for nodes in [0, 1, FEW - 1, FEW, FEW + 1, 300] {
            let mut values = PerNode::new(nodes, || 7);
            assert_eq!(*values, vec![7; nodes][..]);
            for (node, value) in values.iter_mut().enumerate() {
                *value = node;
            }
            assert_eq!(values.clone().iter().sum::<usize>(), (0..nodes).sum());
        }
    }

    #[test]
    fn a_selection_keeps_the_order_of_the_nodes() {
        let odd = Selection::of(8, |node| node % 2 == 1);
        assert_eq!(odd.iter().collect::<Vec<_>>(), [1, 3, 5, 7]);
        assert_eq!(odd.len(), 4);
        assert!(odd.contains(1) && !odd.contains(2));
    }
}
