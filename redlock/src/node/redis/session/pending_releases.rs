//! What a node is still owed: releases that must reach it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::error::NodeError;
use crate::lease_id::LeaseId;
use crate::node::redis::protocol::request::Request;
use crate::node::{Acquire, Command, Release, Responder};
use crate::time::clock::Moment;
use crate::time::jitter::reconnect_delay;
use crate::time::validity;

/// Releases that wait for a connection, and acquires whose fate is unknown.
///
/// An acquire that was under way when its connection broke may still be carried out: the server
/// may be hung with the command in its buffers. Its release must come after it, or the key stays
/// for a whole ttl and the node is of no use for the resource meanwhile.
#[derive(Debug, Default)]
pub(crate) struct PendingReleases {
    /// Releases to be sent first when there is a connection.
    owed: VecDeque<Request>,
    /// Acquires of unknown fate, with their ttl.
    unknown: HashMap<LeaseId, Duration>,
    /// The same, after a reconnect that could not stop the old connection: until when a release
    /// that finds nothing must be repeated.
    unsettled: HashMap<LeaseId, Moment>,
    /// Such releases, in the order in which they are due.
    repeats: VecDeque<(Moment, Request)>,
    /// How many repeats there have been, to slow them down.
    attempts: u32,
}

impl PendingReleases {
    /// An acquire was under way when its connection broke.
    pub(crate) fn unknown(&mut self, acquire: &Acquire) {
        self.unknown.insert(acquire.id.clone(), acquire.ttl);
    }

    /// There is no connection for `command`. It fails; but a release is kept all the same.
    pub(crate) fn refuse(&mut self, command: Command, cause: &NodeError) {
        let Command::Release(mut release) = command else {
            return command.fail(cause.clone());
        };
        let responder = std::mem::replace(&mut release.responder, Responder::ignored());
        responder.send(Err(NodeError::new(cause.kind(), cause.message())));
        if release.until > Moment::now() || self.unknown.contains_key(&release.id) {
            self.owed.push_back(Request::new(Command::Release(release)));
        }
    }

    /// There is a connection: what has to be sent over it before anything else.
    pub(crate) fn due_on_connect(&mut self, previous_is_settled: bool) -> VecDeque<Request> {
        let now = Moment::now();
        for (id, ttl) in self.unknown.drain().filter(|_| !previous_is_settled) {
            self.unsettled.insert(id, validity::gone_by(now, ttl, 0.0));
        }
        std::mem::take(&mut self.owed)
    }

    /// A release found nothing. If the acquire may still come, the release is due again later.
    pub(crate) fn found_nothing(&mut self, release: Release) {
        let now = Moment::now();
        self.unsettled.retain(|_, until| *until > now);
        let Some(until) = self.unsettled.get(&release.id).copied() else {
            return;
        };
        self.attempts = self.attempts.saturating_add(1);
        let due = now
            .checked_add(reconnect_delay(self.attempts))
            .unwrap_or(until)
            .min(until);
        let release = Release { until, ..release };
        self.repeats
            .push_back((due, Request::new(Command::Release(release))));
    }

    /// When the next repeat is due.
    pub(crate) fn next_repeat(&self) -> Option<Moment> {
        self.repeats.front().map(|(due, _)| *due)
    }

    /// The repeat that is due now.
    pub(crate) fn pop_repeat(&mut self) -> Option<Request> {
        let due = self.next_repeat()? <= Moment::now();
        due.then(|| self.repeats.pop_front())
            .flatten()
            .map(|(_, request)| request)
    }

    /// Forgets what time has settled. Whether anything is still owed.
    pub(crate) fn remain(&mut self) -> bool {
        let now = Moment::now();
        self.owed.retain(|request| match &request.command {
            Command::Release(release) => release.until > now,
            _ => false,
        });
        !self.owed.is_empty() || !self.repeats.is_empty()
    }

    /// Everything that is owed, for somebody else to pay.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Request> + use<> {
        let repeats = std::mem::take(&mut self.repeats)
            .into_iter()
            .map(|(_, request)| request);
        std::mem::take(&mut self.owed).into_iter().chain(repeats)
    }
}
