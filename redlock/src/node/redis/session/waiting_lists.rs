//! The part that a session takes in the waiting lists of its server.

use std::sync::Arc;

use deadpool_redis::redis::Value;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::protocol::batch::Batch;
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::protocol::contended_keys::ContendedKeys;
use crate::node::redis::protocol::dialect::Dialect;
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::request::{Request, Waiters};
use crate::node::redis::protocol::waiting::{SessionName, WaitingForm};
use crate::node::redis::session::hint_repeats::HintRepeats;
use crate::node::redis::session::listening::Listening;
use crate::node::redis::session::server::Server;
use crate::node::redis::session::shared::Shared;
use crate::node::{Command, Keys, Leave, Release};
use crate::time::clock::Moment;

/// The part that a session takes in the waiting lists of its server: its name there, the keys that
/// others wait for, and the hints that it repeats.
pub(crate) struct WaitingLists {
    server: Arc<Server>,
    shared: Arc<Shared>,
    /// The name of the session on the lists.
    name: SessionName,
    contended_keys: ContendedKeys,
    listening: Listening,
    hint_repeats: HintRepeats,
}

impl WaitingLists {
    pub(crate) fn new(server: &Arc<Server>, shared: &Arc<Shared>) -> Self {
        Self {
            server: Arc::clone(server),
            shared: Arc::clone(shared),
            name: SessionName::draw(),
            contended_keys: ContendedKeys::default(),
            listening: Listening::default(),
            hint_repeats: HintRepeats::default(),
        }
    }

    /// Returns the form in which a new connection begins: without hints, until it is known whether
    /// they arrive.
    pub(crate) fn on_connected(&mut self) -> WaitingForm {
        self.listening.on_connected();
        self.shared.stop_hints();
        WaitingForm::new(self.name)
    }

    /// Returns the request for a command, in the form that respects waiters. Returns `None` for a leave
    /// that has nothing to do.
    pub(crate) fn request(&self, command: Command, dialect: &Dialect) -> Option<Request> {
        let command = match command {
            Command::Leave(leave) => {
                let leave = self.unless_succeeded(&leave);
                Command::Leave(leave.filter(|_| !dialect.waiting.lists_are_denied)?.into())
            }
            command => command,
        };
        let request = Request::new(command);
        if self.contended_keys.contains_any(request.keys()) {
            return Some(request.contended(dialect.delete));
        }
        Some(request)
    }

    /// Removes from a leave the keys for which another contender of this session waits by now. The
    /// list knows both by the name of the session, so the leave would remove the other one.
    fn unless_succeeded(&self, leave: &Leave) -> Option<Leave> {
        let invalidations = self.server.invalidations();
        let keys = leave.keys.iter().filter(|key| {
            let is_succeeded = invalidations.is_succeeded(self.name, key, &leave.watch);
            !is_succeeded
        });
        let keys = Keys::try_from(keys.map(Arc::clone).collect::<Vec<_>>()).ok()?;
        Some(Leave::new(keys, leave.watch.clone()))
    }

    /// Registers the contender that a request may add to a list, so that hints reach it.
    pub(crate) fn register(&self, request: &Request) {
        if let Some(waiter) = request.waiter() {
            let invalidations = self.server.invalidations();
            invalidations.register_contender(self.name, request.keys(), &waiter.watch);
        }
    }

    /// Records whether pushes of the server arrive.
    pub(crate) fn on_identified(&mut self, are_pushed: bool) {
        self.listening.on_identified(are_pushed);
    }

    /// Whether it is due to find out how waiters are hinted.
    pub(crate) fn is_probe_due(&self) -> bool {
        self.listening.is_due()
    }

    /// Whether the request for a command of nearly any kind is the usual one: no contenders are known.
    pub(crate) fn are_quiet(&self) -> bool {
        self.contended_keys.is_empty()
    }

    /// Returns the batch that finds out how waiters are hinted, if it is due, and adds its commands to
    /// `calls`.
    pub(crate) fn probe(&mut self, form: &WaitingForm, calls: &mut Calls) -> Option<Batch> {
        let subscribes = self.listening.take_due()?;
        if subscribes {
            let (invalidations, heard) = (self.server.invalidations(), self.shared.heard());
            invalidations.open_channel(self.name.channel(), heard);
        }
        Some(Batch::probe_waiting(form, subscribes, calls))
    }

    /// Reads the responses to these commands. Returns why the connection must end, if it must.
    pub(crate) fn settle_probe(
        &mut self,
        form: &mut WaitingForm,
        subscribes: bool,
        values: &[Value],
    ) -> Option<NodeError> {
        let rights = values.iter().filter_map(error::missing_right);
        self.shared.add_missing_rights(rights);
        if let Some(can_join) = form.read_probe(values, subscribes) {
            // The place on a list is counted by the clock of the server.
            form.can_join = can_join && self.shared.time_of_day().is_some();
            if !form.can_join {
                self.shared.stop_hints();
            }
            return None;
        }
        self.listening.give_up();
        let text = "the confirmation of a subscription is missing";
        Some(NodeError::new(NodeErrorKind::Server, text))
    }

    /// Whether the session's channel may have a subscription over this connection.
    pub(crate) fn may_be_subscribed(&self) -> bool {
        self.listening.may_be_subscribed()
    }

    /// Records that the server did not respond to these commands.
    pub(crate) fn on_unconfirmed(&mut self) {
        self.listening.on_unconfirmed();
    }

    /// Records that other processes contend for keys.
    pub(crate) fn on_contended(&mut self, keys: &Keys) {
        self.contended_keys.add(keys.as_slice());
    }

    /// Records that the server refused to list a contender.
    pub(crate) fn on_unlisted(&mut self, keys: &Keys, form: &mut WaitingForm) {
        self.on_contended(keys);
        if form.can_join {
            form.can_join = false;
            self.shared.stop_hints();
        }
    }

    /// Records that the user may not access the keys of waiting lists.
    pub(crate) fn on_denied(&self, form: &mut WaitingForm) {
        form.deny_lists();
        self.shared.stop_hints();
    }

    /// Records that a waiter for one of these keys was hinted.
    pub(crate) fn on_hinted(&mut self, keys: &Keys) {
        self.hint_repeats.add(keys);
    }

    /// Records what a release has learnt about waiters. Returns the hint that it could not give.
    pub(crate) fn on_released(&mut self, release: &Release, waiters: Waiters) -> Option<Request> {
        if waiters == Waiters::None {
            return None;
        }
        self.on_contended(&release.keys);
        if waiters == Waiters::ToHint {
            return Some(Request::hint(release.keys.clone()));
        }
        if release.repeats_hint {
            self.on_hinted(&release.keys);
        }
        None
    }

    /// Returns when the next hint is due to be repeated.
    pub(crate) fn next_repeat(&self) -> Option<Moment> {
        self.hint_repeats.next()
    }

    /// Removes and returns the next hint, if it is due.
    pub(crate) fn pop_repeat(&mut self) -> Option<Request> {
        self.hint_repeats.pop_due()
    }
}
