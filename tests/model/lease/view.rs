//! A manager's view of the nodes, and what it may do by it.

use super::link::{Link, Sight};
use super::manager::Manager;
use super::node::Node;
use super::record::{Record, Ticks};
use super::rules::MaxTtl;
use super::state::State;
use super::system::System;
use crate::state::NODES;

/// A manager's view of the system: its own state, and what it has read.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(super) system: &'a System,
    pub(super) state: &'a State,
    pub(super) manager: usize,
}

impl System {
    pub(crate) fn view<'a>(&'a self, state: &'a State, manager: usize) -> View<'a> {
        View {
            system: self,
            state,
            manager,
        }
    }
}

impl<'a> View<'a> {
    pub(super) fn own(&self) -> &'a Manager {
        &self.state.managers[self.manager]
    }

    pub(super) fn own_max_ttl(&self) -> Ticks {
        self.system.max_ttls[self.manager]
    }

    pub(super) fn link(&self, node: usize) -> &'a Link {
        &self.state.nodes[node].links[self.manager]
    }

    pub(super) fn sights(&self) -> impl Iterator<Item = Option<Sight>> {
        (0..NODES).map(|node| self.link(node).sight)
    }

    /// The records that it has read.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        self.sights().filter_map(|sight| sight?.record)
    }

    /// The records of its deployment that it has read.
    pub(super) fn members(&self) -> impl Iterator<Item = Record> {
        let id = self.own().deployment;
        self.records()
            .filter(move |it| id.is_some() && it.complete_id() == id)
    }

    /// Whether an acquire may be sent to a node.
    pub(crate) fn may_ask(&self, node: usize) -> bool {
        self.link(node).sight.is_some_and(|sight| {
            let is_member = |it: Record| {
                it.is_complete()
                    && Some(it.id) == self.own().deployment
                    && it.run == sight.run
                    && it.quarantine == 0
                    && it.max_ttl >= self.own_max_ttl()
            };
            sight.record.is_some_and(is_member)
        })
    }

    /// Whether enough nodes are known to be complete.
    pub(crate) fn is_formed(&self) -> bool {
        self.members().count() >= self.system.rules.forming.complete
    }

    /// The length of a quarantine that it would write. `None` if it does not know yet.
    pub(super) fn quarantine(&self) -> Option<Ticks> {
        let largest = self
            .members()
            .map(|it| it.max_ttl)
            .fold(self.own_max_ttl(), Ticks::max);
        match self.system.rules.max_ttl {
            MaxTtl::Own => Some(self.own_max_ttl()),
            MaxTtl::OfRead => Some(largest),
            MaxTtl::OfAll => self.is_current().then_some(largest),
        }
    }

    /// Whether it has read a record of its deployment since it last changed, or all nodes. Such a
    /// read has the same result as one after the loss.
    fn is_current(&self) -> bool {
        let is_read = |node: &Node| node.links[self.manager].sight == Some(node.sight());
        let is_member = |node: &Node| {
            let id = self.own().deployment;
            node.record
                .is_some_and(|it| it.complete_id() == id && it.run == node.run)
        };
        let mut nodes = self.state.nodes.iter();
        nodes.any(|node| is_read(node) && is_member(node)) || self.state.nodes.iter().all(is_read)
    }

    /// Whether all records name its `max_ttl`, as far as it differs from that of others.
    pub(crate) fn is_named(&self) -> bool {
        let own = self.own_max_ttl();
        let is_common = self.system.max_ttls.iter().all(|it| *it >= own);
        let named = self.members().filter(|it| it.max_ttl >= own).count();
        is_common || self.system.rules.max_ttl != MaxTtl::OfAll || named == NODES
    }
}
