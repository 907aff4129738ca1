//! Requests on their way to the server: pending, in flight, or kept for the next connection.
//!
//! # An idle connection that is dead
//!
//! Firewalls and load balancers forget connections that are idle. They notify neither end, and drop
//! what is sent. So a request that follows an idle time is watched:
//!
//! ```text
//! acquire 1      sent over the old connection, which was idle for more than 5 s
//! -              no response within four round trips: a second connection is dialled
//! response       a response over the old connection wins, and the second one is dropped
//!
//! second ready   the old one is closed, and killed over the second one
//!
//! killed         acquire 1 was carried out, or never will be
//!   release 1    undoes it, if it was carried out
//!   acquire 1    is sent again; its caller does not notice
//!
//! not killed     acquire 1 may still be carried out: it fails as if the connection had been lost
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::Value;
use tokio::time::Instant;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::connect::ready_connection::ReadyConnection;
use crate::node::redis::protocol::batch::Batch;
use crate::node::redis::protocol::counter_ttl::CounterTtls;
use crate::node::redis::protocol::dialect::Dialect;
use crate::node::redis::protocol::request::{Request, Settled, Waiters};
use crate::node::redis::session::in_flight::InFlight;
use crate::node::redis::session::pending_releases::PendingReleases;
use crate::node::redis::session::server::Server;
use crate::node::redis::session::shared::Shared;
use crate::node::redis::session::waiting_lists::WaitingLists;
use crate::node::{Command, Identity, Ping};
use crate::time::clock::Moment;

/// The requests of one session that have no response yet.
pub(crate) struct Outbox {
    pub(super) server: Arc<Server>,
    pub(super) shared: Arc<Shared>,
    /// Requests to send before anything from the queue.
    pub(super) pending: VecDeque<Request>,
    pub(super) in_flight: InFlight,
    pub(super) pending_releases: PendingReleases,
    pub(super) lists: WaitingLists,
    pub(super) counter_ttls: CounterTtls,
    /// The forms that the server supports and permits, as far as it has not refused them.
    pub(super) dialect: Dialect,
    identity: Identity,
    /// When the server last responded, or when the first batch in flight was sent, if that is
    /// later.
    pub(super) responded_at: Instant,
    /// Pings that wait until no release is left.
    pub(super) barriers: Vec<Ping>,
}

impl Outbox {
    pub(crate) fn new(server: Arc<Server>, shared: Arc<Shared>) -> Self {
        Self {
            lists: WaitingLists::new(&server, &shared),
            server,
            shared,
            pending: VecDeque::new(),
            in_flight: InFlight::default(),
            pending_releases: PendingReleases::default(),
            counter_ttls: CounterTtls::default(),
            dialect: Dialect::default(),
            identity: Identity::default(),
            responded_at: Instant::now(),
            barriers: Vec::new(),
        }
    }

    /// Adds the requests from the queue to the pending ones. `requests` is empty then.
    pub(crate) fn accept(&mut self, requests: &mut VecDeque<Request>) {
        if !self.lists.are_quiet() || !requests.iter().all(Request::is_plain) {
            requests.drain(..).for_each(|it| self.push(it.command));
        } else if self.pending.is_empty() {
            // Nearly always. A request is large, and each further step would move it once more.
            std::mem::swap(&mut self.pending, requests);
        } else {
            self.pending.append(requests);
        }
    }

    /// Adds a command to the pending requests.
    pub(crate) fn push(&mut self, command: Command) {
        match command {
            Command::Ping(ping) if ping.after_releases => self.barriers.push(ping),
            command => {
                let request = self.lists.request(command, &self.dialect);
                request.into_iter().for_each(|it| self.queue(it));
            }
        }
    }

    /// Adds a request to the pending ones.
    fn queue(&mut self, request: Request) {
        self.lists.register(&request);
        self.pending.push_back(request);
    }

    /// Sends the pings that have waited until no release is left, if none is.
    ///
    /// A release may be sent again behind later commands: its script was not loaded, or the server refused
    /// it for a while. A ping that is merely behind it in the queue would show nothing.
    pub(crate) fn push_barriers(&mut self) {
        if self.barriers.is_empty() || self.has_releases() {
            return;
        }
        let barriers = std::mem::take(&mut self.barriers).into_iter();
        self.pending
            .extend(barriers.map(|it| Request::new(Command::Ping(it))));
    }

    /// Whether a release is pending or in flight.
    fn has_releases(&self) -> bool {
        let is_release = |request: &Request| request.command.as_release().is_some();
        !self.pending_releases.is_empty()
            || self.pending.iter().any(is_release)
            || self.in_flight.requests().any(is_release)
    }

    /// Adds what is due to be sent again: releases, or hints.
    pub(crate) fn push_repeat(&mut self) {
        self.pending.extend(self.pending_releases.take_repeats());
        self.pending.extend(self.lists.pop_repeat());
    }

    /// Returns when the next release or hint is due to be sent again.
    pub(crate) fn next_repeat(&self) -> Option<Moment> {
        let releases = self.pending_releases.next_repeat();
        releases.into_iter().chain(self.lists.next_repeat()).min()
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    /// Returns when the server will have been silent for this long.
    pub(crate) fn silence_ends(&self, limit: Duration) -> Instant {
        self.responded_at + limit
    }

    /// Requeues a batch, ahead of the pending requests.
    ///
    /// The requests fail only if no new connection can be made.
    pub(super) fn requeue(&mut self, batch: Batch) {
        let mut first = batch.restarted();
        first.append(&mut self.pending);
        self.pending = first;
        self.shared.stop_pushes();
    }

    /// Adopts the facts about a new connection. Releases that an earlier connection could not
    /// deliver precede all pending requests.
    ///
    /// Requests are still in flight if the connection takes the place of one that was given up.
    pub(crate) fn on_connected(&mut self, ready: &ReadyConnection) {
        if ready.previous_is_settled {
            let batches: Vec<_> = self.in_flight.take().collect();
            for batch in batches.into_iter().rev() {
                self.requeue(batch);
            }
        } else if !self.in_flight.is_empty() {
            let text = "no response over a connection that was idle";
            self.fail_in_flight(&NodeError::new(NodeErrorKind::Unresponsive, text));
        }
        self.responded_at = Instant::now();
        // Invalidations for the previous connection are lost.
        self.server.invalidations().notify_all();
        self.identity = ready.identity.clone();
        self.counter_ttls.clear();
        self.dialect = ready.dialect;
        self.dialect.waiting = self.lists.on_connected();
        self.pending_releases.adopt(self.server.take_left_behind());
        let mut first = self
            .pending_releases
            .take_due_on_connect(ready.previous_is_settled);
        first.append(&mut self.pending);
        self.pending = first;
    }

    /// Fails what a new connection has made outdated.
    ///
    /// Acquires that are pending were requested of the server at the end of an earlier connection. Their
    /// callers decide whether this one has a vote. Identifications were submitted again when the connection
    /// was reported, and the responses to the former ones would be ignored.
    pub(crate) fn return_outdated(&mut self) {
        let is_outdated = |request: &Request| {
            let is_identify = matches!(request.command, Command::Identify(_));
            is_identify || request.command.as_acquire().is_some()
        };
        let (outdated, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(is_outdated);
        self.pending = others;
        for request in outdated {
            let error = NodeError::unsent(NodeErrorKind::Reconnected, "");
            request.fail(&error);
        }
    }

    /// Settles the first batch in flight, to which these are the responses. Returns why the
    /// connection must end, if it must.
    pub(crate) fn settle(&mut self, values: &mut Vec<Value>) -> Option<NodeError> {
        let (mut batch, sent_at) = self.in_flight.pop()?;
        self.responded_at = Instant::now();
        self.shared
            .observe_round_trip(self.responded_at.saturating_duration_since(sent_at));
        if let Some(subscribes) = batch.waiting_probe {
            let form = &mut self.dialect.waiting;
            return self.lists.settle_probe(form, subscribes, values);
        }
        let (identity, mut displaced) = (std::mem::take(&mut self.identity), Vec::new());
        batch.settle(values, &identity, |settled| match settled {
            Settled::Done => {}
            // Nearly all releases.
            Settled::Released(_, Waiters::None) if !self.pending_releases.is_affected() => {}
            Settled::Displaced(command, cause) => displaced.push((command, cause)),
            settled => self.on_settled(settled),
        });
        self.identity = identity;
        self.in_flight.recycle(batch);
        let first = displaced.first().map(|(_, cause)| cause.clone());
        for (command, cause) in displaced {
            self.refuse(command, &cause);
        }
        first
    }

    fn on_settled(&mut self, settled: Settled) {
        match settled {
            Settled::Done | Settled::Displaced(..) => {}
            Settled::Resend(request) => self.queue(request),
            Settled::Unsupported(request) => {
                self.dialect.delete = None;
                self.queue(request);
            }
            Settled::Denied(rights) => self.shared.add_missing_rights(rights),
            Settled::Untracked => self.shared.set_notifies(false),
            Settled::Identified { are_pushed } => self.lists.on_identified(are_pushed),
            Settled::Busy(keys) => self.lists.on_contended(&keys),
            Settled::Unlisted(keys) => self.lists.on_unlisted(&keys, &mut self.dialect.waiting),
            Settled::LabelsDenied => self.dialect.labels_are_denied = true,
            Settled::ListsDenied => self.lists.on_denied(&mut self.dialect.waiting),
            Settled::Hinted(keys) => self.lists.on_hinted(&keys),
            Settled::NotTogether => {
                self.dialect.is_clustered = true;
                self.server.invalidations().set_clustered();
            }
            Settled::Refused(release, error) => {
                if self.pending_releases.add_refused(release) {
                    let node = self.shared.name();
                    tracing::warn!(%node, %error, "node refuses to release a lock; retrying until it is gone");
                }
            }
            Settled::Released(release, waiters) => {
                if waiters != Waiters::None {
                    let hint = self.lists.on_released(&release, waiters);
                    self.pending.extend(hint);
                }
                if self.pending_releases.is_affected() {
                    self.pending_releases.on_released(release);
                }
            }
        }
    }

    /// Fails all requests. Returns the error of those that were not sent.
    ///
    /// Whether those in flight were carried out is unknown.
    pub(crate) fn fail_all(&mut self, cause: &NodeError) -> NodeError {
        self.fail_in_flight(&NodeError::new(cause.kind(), cause.message()));
        let unsent = NodeError::unsent(cause.kind(), cause.message());
        for ping in std::mem::take(&mut self.barriers) {
            ping.responder.send(Err(unsent.clone()));
        }
        // Releases among them are kept.
        for request in std::mem::take(&mut self.pending) {
            let error = request.error_before_sending(&unsent);
            self.refuse(request.command, &error);
        }
        unsent
    }

    fn fail_in_flight(&mut self, cause: &NodeError) {
        let batches: Vec<Batch> = self.in_flight.take().collect();
        if cause.kind() == NodeErrorKind::Unresponsive
            && batches.iter().any(|it| it.waiting_probe == Some(true))
        {
            self.lists.on_unconfirmed();
        }
        for request in batches.into_iter().flat_map(Batch::into_requests) {
            if let Some(lease) = request.command.may_set() {
                self.pending_releases.add_unknown(lease);
            }
            self.refuse(request.command, cause);
        }
    }

    /// Fails a command for which there is no connection. Its watch is notified at the next one.
    pub(crate) fn refuse(&mut self, command: Command, cause: &NodeError) {
        if let Some(acquire) = command.as_acquire()
            && let Some(waiter) = acquire.contender()
        {
            let keys = acquire.keys.as_slice();
            self.server.invalidations().register(keys, &waiter.watch);
        }
        self.pending_releases.refuse(command, cause);
    }

    /// Whether no request is left. Discards expired releases.
    pub(crate) fn try_finish(&mut self) -> bool {
        let is_idle =
            self.pending.is_empty() && self.in_flight.is_empty() && self.barriers.is_empty();
        if is_idle {
            self.pending_releases.discard_expired();
        }
        is_idle && self.pending_releases.is_empty()
    }
}
