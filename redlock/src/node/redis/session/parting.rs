//! The releases of a session whose runtime has ended.
//!
//! The task of the session is dropped with its runtime, and nothing drives the connection any more. Its
//! socket is still open, so releases are written to it once, without waiting for a response:
//!
//! ```text
//! main ends          the guard is dropped: its release is queued
//! the runtime ends   the task is dropped: it ends its subscription to hints, writes the queued releases,
//!                    and leaves the connection
//!                    a guard in another task is dropped later: its release is written, too
//! the manager ends   the connection is closed. The server carries out what it has received
//! ```
//!
//! None of them is known to be carried out. Other sessions of the same manager therefore send them again:
//! those that are open, and the next one.

use std::collections::HashMap;

use crate::error::NodeError;
use crate::lease_id::LeaseId;
use crate::node::redis::protocol::batch::Batch;
use crate::node::redis::session::outbox::Outbox;
use crate::node::redis::session::reconnect::State;
use crate::node::redis::session::shared;
use crate::node::redis::wire::Wire;
use crate::node::{Command, Release};
use crate::time::clock::Moment;

/// A connection whose runtime has ended.
pub(crate) struct Parting {
    outbox: Outbox,
    wire: Wire,
}

/// What a session leaves when its runtime ends.
pub(crate) struct Remains {
    pub(crate) releases: Vec<Release>,
    /// Acquires that the server may still carry out, each with the end of its keys.
    pub(crate) unsettled: HashMap<LeaseId, Moment>,
    /// All other commands, with the errors with which they fail.
    pub(crate) others: Vec<(Command, NodeError)>,
}

impl Parting {
    /// Takes over a connection. Returns `None` if there is none.
    pub(crate) fn new(outbox: Outbox, state: State) -> Option<Self> {
        match state {
            State::Up(wire) => {
                let wire = wire.without_runtime()?;
                Some(Self { outbox, wire })
            }
            State::Down { .. } => None,
        }
    }

    /// Gives up the channel on which the session is hinted. Its waiters are gone: a server skips those
    /// that are still listed, once the channel has no subscriber. Never blocks.
    pub(crate) fn unsubscribe(&mut self) {
        if self.outbox.lists.may_be_subscribed() {
            let waiting = self.outbox.dialect.waiting;
            waiting.encode_unsubscribe(self.wire.calls());
            let _ended = self.wire.send();
        }
    }

    /// Writes releases to the socket. Never blocks.
    pub(crate) fn write<'a>(&mut self, releases: impl Iterator<Item = &'a Release>) {
        for release in releases {
            self.outbox.push(Command::Release(release.copy()));
        }
        // Batches of limited size, and perhaps a probe that must be alone.
        let mut stalls = 0;
        while !self.outbox.pending.is_empty() && stalls < 2 {
            let before = self.outbox.pending.len();
            self.outbox.send(&mut self.wire);
            // No response is read, so that these would never leave.
            self.outbox.in_flight.take().for_each(drop);
            let is_stalled = self.outbox.pending.len() == before;
            stalls = if is_stalled { stalls + 1 } else { 0 };
        }
        // The connection has ended: the others are left to another session.
        self.outbox.pending.clear();
    }
}

impl Outbox {
    /// Removes all requests. Acquires that are in flight count as unknown.
    pub(crate) fn take_remains(&mut self) -> Remains {
        let (unsent, barriers) = (shared::ended(), std::mem::take(&mut self.barriers));
        let barriers = barriers.into_iter().map(Command::Ping);
        let mut remains = Remains {
            releases: Vec::new(),
            unsettled: HashMap::new(),
            others: barriers.map(|it| (it, unsent.clone())).collect(),
        };
        let in_flight = self.in_flight.take().flat_map(Batch::into_requests);
        for request in in_flight {
            if let Some(lease) = request.command.may_set() {
                self.pending_releases.add_unknown(lease);
            }
            let error = NodeError::new(unsent.kind(), unsent.message());
            remains.add(request.command, error);
        }
        let pending = std::mem::take(&mut self.pending).into_iter();
        for request in pending.chain(self.pending_releases.take()) {
            let error = request.error_before_sending(&unsent);
            remains.add(request.command, error);
        }
        remains.unsettled = self.pending_releases.take_unsettled();
        remains
    }
}

impl Remains {
    fn add(&mut self, command: Command, error: NodeError) {
        match command {
            Command::Release(release) => self.releases.push(release),
            other => self.others.push((other, error)),
        }
    }
}
