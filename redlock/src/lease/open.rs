//! Extensions without a response, by node.

use crate::quorum::per_node::{PerNode, Selection};
use crate::time::clock::Moment;

/// The extensions without a response at one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Open {
    /// When the latest extension was sent, until its response.
    pub(super) in_flight: Option<Moment>,
    /// When the first extension without any response since was sent.
    pub(super) silent_since: Option<Moment>,
    /// Whether a change was reported that an extension in flight does not explain.
    pub(super) was_changed: bool,
    /// When the latest regular extension was sent, until its response.
    pub(super) extending: Option<Moment>,
}

/// What is open at the nodes of a lease. At one of them at least, something is.
#[derive(Debug)]
pub(super) enum OpenNodes {
    /// Nearly always: one extension, which was sent at this moment, without an allocation.
    One(Moment, OneExtension),
    Several(Box<PerNode<Open>>),
}

/// One extension that was sent to several nodes, with a bit for each of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OneExtension {
    /// The nodes that have not responded.
    silent: u16,
    /// Those of them that owe the response to a regular extension, or one that is not recorded yet.
    extending: u16,
    was_changed: u16,
}

impl OpenNodes {
    /// Nothing is open yet at any of `count` nodes.
    pub(super) fn none(count: usize, sent: Moment) -> Self {
        if count > u16::BITS as usize {
            return Self::Several(Box::new(PerNode::new(count, Open::default)));
        }
        Self::One(sent, OneExtension::default())
    }

    /// Records extensions that are about to be sent to these of `count` nodes.
    pub(super) fn sent(
        &mut self,
        nodes: &Selection,
        count: usize,
        sent: Moment,
        are_regular: bool,
    ) {
        for node in nodes.iter() {
            self.change(node, count, |open| {
                open.in_flight = Some(sent);
                open.silent_since.get_or_insert(sent);
                open.extending = are_regular.then_some(sent).or(open.extending);
            });
        }
    }

    /// What is open at a node.
    pub(super) fn get(&self, node: usize) -> Open {
        match self {
            Self::One(sent, one) => one.get(*sent, node),
            Self::Several(nodes) => nodes[node],
        }
    }

    /// Changes what is open at one of `count` nodes.
    pub(super) fn change<T>(
        &mut self,
        node: usize,
        count: usize,
        change: impl FnOnce(&mut Open) -> T,
    ) -> T {
        let mut open = self.get(node);
        let changed = change(&mut open);
        match self {
            Self::One(sent, one) => {
                if !one.set(*sent, node, open) {
                    let mut nodes = one.nodes(*sent, count);
                    nodes[node] = open;
                    *self = Self::Several(Box::new(nodes));
                }
            }
            Self::Several(nodes) => nodes[node] = open,
        }
        changed
    }

    /// Whether nothing is open at any node.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::One(_, one) => one.silent | one.extending | one.was_changed == 0,
            Self::Several(nodes) => nodes.iter().all(|it| *it == Open::default()),
        }
    }
}

impl OneExtension {
    fn get(self, sent: Moment, node: usize) -> Open {
        let sent = |nodes: u16| (nodes & bit(node) != 0).then_some(sent);
        Open {
            in_flight: sent(self.silent),
            silent_since: sent(self.silent),
            was_changed: self.was_changed & bit(node) != 0,
            extending: sent(self.extending),
        }
    }

    /// What is open at each of `count` nodes.
    fn nodes(self, sent: Moment, count: usize) -> PerNode<Open> {
        let mut nodes = PerNode::new(count, Open::default);
        for (node, open) in nodes.iter_mut().enumerate() {
            *open = self.get(sent, node);
        }
        nodes
    }

    /// Sets what is open at a node. Returns `false` if that is more than one extension.
    fn set(&mut self, sent: Moment, node: usize, open: Open) -> bool {
        let of_this = |other: Option<Moment>| other.is_none_or(|other| other == sent);
        let is_one = of_this(open.in_flight)
            && of_this(open.extending)
            && open.silent_since == open.in_flight;
        if is_one {
            let parts = [
                (&mut self.silent, open.in_flight.is_some()),
                (&mut self.extending, open.extending.is_some()),
                (&mut self.was_changed, open.was_changed),
            ];
            for (nodes, is_set) in parts {
                *nodes = *nodes & !bit(node) | if is_set { bit(node) } else { 0 };
            }
        }
        is_one
    }
}

fn bit(node: usize) -> u16 {
    1 << node
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Whatever is open can be read again, and an extension is small only as long as it is the only one.
    #[test]
    fn what_is_open_is_kept_in_both_forms() {
        let first = Moment::now();
        let second = first.saturating_add(Duration::from_millis(1));
        let moments = [None, Some(first), Some(second)];
        for count in [2, 16, 17] {
            for in_flight in moments {
                for silent_since in moments {
                    for extending in moments {
                        let open = Open {
                            in_flight,
                            silent_since,
                            was_changed: extending == in_flight,
                            extending,
                        };
                        let mut nodes = OpenNodes::none(count, first);
                        assert!(nodes.is_over());
                        nodes.change(0, count, |it| it.extending = Some(first));
                        nodes.change(count - 1, count, |it| *it = open);
                        assert_eq!(nodes.get(count - 1), open);
                        assert_eq!(nodes.get(0).extending, Some(first));
                        assert_eq!(nodes.get(0).in_flight, None);
                        nodes.change(0, count, |it| *it = Open::default());
                        nodes.change(count - 1, count, |it| *it = Open::default());
                        assert!(nodes.is_over());
                    }
                }
            }
        }
    }
}
