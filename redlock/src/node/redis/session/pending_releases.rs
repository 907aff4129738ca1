//! Releases waiting for a connection.
//!
//! # After a lost connection
//!
//! A connection breaks with an acquire in flight. The server may be hung, with the acquire in its
//! buffers, so the release must follow it:
//!
//! ```text
//! acquire 1      in flight: fails, and is recorded as unknown
//! release 1      no connection: fails, but is kept
//! reconnect      the handshake kills the previous connection
//!
//! killed         acquire 1 was carried out, or never will be
//!   release 1    sent before new commands; final, whatever it finds
//!
//! not killed     acquire 1 may still be carried out
//!   release 1    sent before new commands, and finds no key
//!   release 1    repeated with increasing delays, until it deletes the key
//!                or the ttl of acquire 1 has passed
//! ```

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::error::NodeError;
use crate::lease_id::LeaseId;
use crate::node::command::MaySet;
use crate::node::redis::protocol::request::Request;
use crate::node::{Command, Release, Responder};
use crate::time::clock::Moment;
use crate::time::jitter::reconnect_delay;
use crate::time::validity;

/// Releases waiting for a connection, and acquires that may still be carried out.
///
/// Without such a release, the key stays for a whole ttl, and the node is of no use for the
/// resource meanwhile.
#[derive(Debug, Default)]
pub(crate) struct PendingReleases {
    /// Releases to send first over the next connection.
    due_on_connect: VecDeque<Request>,
    /// Acquires that were in flight on a lost connection, with their ttl.
    unknown: HashMap<LeaseId, Duration>,
    /// Acquires whose connection could not be killed. Until this moment, a release that finds no
    /// key must be repeated.
    unsettled: HashMap<LeaseId, Moment>,
    /// Releases to repeat, in the order in which they are due.
    repeats: VecDeque<(Moment, Request)>,
    /// The number of repeats so far, which sets their delay.
    repeat_count: u32,
}

impl PendingReleases {
    /// Records a lease with a command in flight that may set keys, when its connection broke.
    pub(crate) fn add_unknown(&mut self, lease: MaySet<'_>) {
        self.unknown.insert(lease.id.clone(), lease.ttl);
    }

    /// Fails a command for which there is no connection. A release is kept for the next one.
    pub(crate) fn refuse(&mut self, command: Command, cause: &NodeError) {
        let Command::Release(mut release) = command else {
            return command.fail(cause.clone());
        };
        let responder = std::mem::replace(&mut release.responder, Responder::ignored());
        // Not as unsent: the release will be sent.
        responder.send(Err(NodeError::new(cause.kind(), cause.message())));
        // The contender may have stopped waiting by then.
        release.requeue = None;
        if release.gone_by > Moment::now() || self.unknown.contains_key(&release.id) {
            let request = Request::new(Command::Release(release));
            self.due_on_connect.push_back(request);
        }
    }

    /// Returns the releases to send first over a new connection.
    ///
    /// `previous_is_settled`: whether every acquire of the previous connection was carried out or
    /// never will be.
    pub(crate) fn take_due_on_connect(&mut self, previous_is_settled: bool) -> VecDeque<Request> {
        let now = Moment::now();
        for (id, ttl) in self.unknown.drain().filter(|_| !previous_is_settled) {
            self.unsettled.insert(id, validity::gone_by(now, ttl, 0.0));
        }
        std::mem::take(&mut self.due_on_connect)
    }

    /// Schedules a repeat of a release, if a command over a lost connection may still set its keys.
    pub(crate) fn on_released(&mut self, release: Release) {
        if self.unsettled.is_empty() {
            return;
        }
        let now = Moment::now();
        self.unsettled.retain(|_, until| *until > now);
        let Some(until) = self.unsettled.get(&release.id).copied() else {
            return;
        };
        self.repeat_count = self.repeat_count.saturating_add(1);
        let due = now
            .checked_add(reconnect_delay(self.repeat_count))
            .unwrap_or(until)
            .min(until);
        let release = Release {
            gone_by: until,
            ..release
        };
        self.repeats
            .push_back((due, Request::new(Command::Release(release))));
    }

    /// Returns when the next repeat is due.
    pub(crate) fn next_repeat(&self) -> Option<Moment> {
        self.repeats.front().map(|(due, _)| *due)
    }

    /// Removes and returns the next repeat, if it is due.
    pub(crate) fn pop_repeat(&mut self) -> Option<Request> {
        let is_due = self.next_repeat()? <= Moment::now();
        is_due
            .then(|| self.repeats.pop_front())
            .flatten()
            .map(|(_, request)| request)
    }

    /// Discards releases whose keys have expired.
    pub(crate) fn discard_expired(&mut self) {
        let now = Moment::now();
        self.due_on_connect.retain(|request| {
            let release = request.command.as_release();
            release.is_some_and(|release| release.gone_by > now)
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.due_on_connect.is_empty() && self.repeats.is_empty()
    }

    /// Removes and returns all releases, for another session to send.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Request> + use<> {
        let repeats = std::mem::take(&mut self.repeats)
            .into_iter()
            .map(|(_, request)| request);
        std::mem::take(&mut self.due_on_connect)
            .into_iter()
            .chain(repeats)
    }
}
