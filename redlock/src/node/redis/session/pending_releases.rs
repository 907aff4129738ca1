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
//!
//! # After a refusal
//!
//! A server that responds with an error has not carried out the release: it has too few replicas, say, or
//! is busy with a script. One release at a time tries again, with increasing delays. When one succeeds, the
//! others follow at once:
//!
//! ```text
//! release 1, 2, 3   refused
//! release 1         50 ms later: refused again
//! release 2         100 ms later: carried out
//! release 3, 1      sent at once
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
    /// Releases that the server has refused.
    refused: VecDeque<Request>,
    /// When the next of these is sent again. `None` while one is in flight.
    retry_at: Option<Moment>,
    /// The number of retries since a release was last carried out, which sets their delay.
    retry_count: u32,
    /// The number of waiting releases at which those whose keys have expired are discarded.
    sweep_at: usize,
}

/// What sessions have left whose runtime has ended, for the next one.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind {
    releases: VecDeque<Request>,
    unsettled: HashMap<LeaseId, Moment>,
    sweep_at: usize,
}

impl LeftBehind {
    pub(crate) fn add(&mut self, release: Release) {
        self.releases
            .push_back(Request::new(Command::Release(release)));
        if self.releases.len() >= self.sweep_at {
            let now = Moment::now();
            self.unsettled.retain(|_, until| *until > now);
            let unsettled = &self.unsettled;
            self.releases.retain(|it| {
                let release = it.command.as_release();
                release.is_some_and(|it| it.gone_by > now || unsettled.contains_key(&it.id))
            });
            self.sweep_at = 2 * self.releases.len().max(MIN_SWEEP);
        }
    }

    pub(crate) fn add_unsettled(&mut self, unsettled: HashMap<LeaseId, Moment>) {
        self.unsettled.extend(unsettled);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.releases.is_empty()
    }
}

impl PendingReleases {
    /// Takes over what other sessions have left.
    pub(crate) fn adopt(&mut self, left: LeftBehind) {
        self.due_on_connect.extend(left.releases);
        self.unsettled.extend(left.unsettled);
    }

    /// Returns the acquires that the server may still carry out, each with the end of its keys.
    pub(crate) fn take_unsettled(&mut self) -> HashMap<LeaseId, Moment> {
        let now = Moment::now();
        let mut unsettled = std::mem::take(&mut self.unsettled);
        let unknown = self.unknown.drain();
        unsettled.extend(unknown.map(|(id, ttl)| (id, validity::gone_by(now, ttl, 0.0))));
        unsettled
    }

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
        if let Some(request) = self.kept(release) {
            self.due_on_connect.push_back(request);
            self.sweep();
        }
    }

    /// Keeps a release that the server has refused, to be sent again. Its caller has received the
    /// error. Returns whether it is the first refusal in a row.
    pub(crate) fn add_refused(&mut self, release: Release) -> bool {
        if let Some(request) = self.kept(release) {
            self.refused.push_back(request);
            self.sweep();
        }
        if self.retry_at.is_some() || self.refused.is_empty() {
            return false;
        }
        self.retry_at = Moment::now().checked_add(reconnect_delay(self.retry_count));
        self.retry_count = self.retry_count.saturating_add(1);
        self.retry_count == 1
    }

    /// Returns a release in the form in which it is sent later, if there may be something to delete.
    fn kept(&self, mut release: Release) -> Option<Request> {
        // The contender may have stopped waiting by then.
        release.requeue = None;
        let request = Request::new(Command::Release(release));
        self.is_needed(&request, Moment::now()).then_some(request)
    }

    /// Whether a release may have something to delete. The server may still carry out an acquire that is
    /// unknown, however late.
    fn is_needed(&self, request: &Request, now: Moment) -> bool {
        let release = request.command.as_release();
        release.is_some_and(|it| {
            let is_unknown = || self.unknown.contains_key(&it.id);
            it.gone_by > now || is_unknown() || self.unsettled.contains_key(&it.id)
        })
    }

    /// Discards releases whose keys have expired, once their number has doubled.
    fn sweep(&mut self) {
        if self.due_on_connect.len() + self.refused.len() >= self.sweep_at {
            self.discard_unneeded();
            self.sweep_at = 2 * (self.due_on_connect.len() + self.refused.len()).max(MIN_SWEEP);
        }
        if self.refused.len() > MAX_REFUSED {
            self.refused.pop_front();
        }
    }

    fn discard_unneeded(&mut self) {
        let now = Moment::now();
        let mut due = std::mem::take(&mut self.due_on_connect);
        due.retain(|it| self.is_needed(it, now));
        self.due_on_connect = due;
        let mut refused = std::mem::take(&mut self.refused);
        refused.retain(|it| self.is_needed(it, now));
        self.refused = refused;
    }

    /// Returns the releases to send first over a new connection.
    ///
    /// `previous_is_settled`: whether every acquire of the previous connection was carried out or
    /// never will be.
    pub(crate) fn take_due_on_connect(&mut self, previous_is_settled: bool) -> VecDeque<Request> {
        self.discard_unneeded();
        let now = Moment::now();
        for (id, ttl) in self.unknown.drain().filter(|_| !previous_is_settled) {
            self.unsettled.insert(id, validity::gone_by(now, ttl, 0.0));
        }
        (self.retry_at, self.retry_count) = (None, 0);
        let mut due = std::mem::take(&mut self.due_on_connect);
        due.append(&mut self.refused);
        due
    }

    /// Whether a release that is carried out has an effect on others.
    pub(crate) fn is_affected(&self) -> bool {
        self.retry_count > 0 || !self.unsettled.is_empty()
    }

    /// Records that a release was carried out. Schedules a repeat if a command over a lost connection
    /// may still set its keys.
    pub(crate) fn on_released(&mut self, release: Release) {
        if self.retry_count > 0 {
            // The server carries out releases again: those that it has refused are due now.
            self.retry_count = 0;
            self.retry_at = (!self.refused.is_empty()).then(Moment::now);
        }
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
        let release = Command::Release(release.gone_by(until));
        self.repeats.push_back((due, Request::new(release)));
    }

    /// Returns when the next release is due to be sent again.
    pub(crate) fn next_repeat(&self) -> Option<Moment> {
        let repeat = self.repeats.front().map(|(due, _)| *due);
        repeat.into_iter().chain(self.retry_at).min()
    }

    /// Removes and returns the releases that are due to be sent again.
    pub(crate) fn take_repeats(&mut self) -> impl Iterator<Item = Request> + use<> {
        let now = Moment::now();
        let mut due = VecDeque::new();
        while self.repeats.front().is_some_and(|(at, _)| *at <= now) {
            due.extend(self.repeats.pop_front().map(|(_, request)| request));
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.discard_unneeded();
            let count = if self.retry_count == 0 {
                self.refused.len()
            } else {
                self.refused.len().min(1)
            };
            due.extend(self.refused.drain(..count));
        }
        due.into_iter()
    }

    /// Discards all releases whose keys have expired: the session was dropped, and must end.
    pub(crate) fn discard_expired(&mut self) {
        let now = Moment::now();
        let is_live = |it: &Request| it.command.as_release().is_some_and(|it| it.gone_by > now);
        self.due_on_connect.retain(is_live);
        self.refused.retain(is_live);
        // Without a connection nothing else takes them.
        self.repeats.retain(|(_, request)| is_live(request));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.due_on_connect.is_empty() && self.repeats.is_empty() && self.refused.is_empty()
    }

    /// Removes and returns all releases.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Request> + use<> {
        let repeats = std::mem::take(&mut self.repeats)
            .into_iter()
            .map(|(_, request)| request);
        let due = std::mem::take(&mut self.due_on_connect).into_iter();
        due.chain(std::mem::take(&mut self.refused)).chain(repeats)
    }
}

/// The smallest number of waiting releases at which expired ones are looked for.
const MIN_SWEEP: usize = 64;

/// The largest number of refused releases that are kept. A server that refuses so many does so for
/// longer than their keys live, most likely.
const MAX_REFUSED: usize = 64 * 1024;

#[cfg(test)]
mod tests;
