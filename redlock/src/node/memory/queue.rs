//! The commands that wait for a node, in order.

use std::collections::VecDeque;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::memory::fault::Fault;
use crate::node::memory::shared::{Shared, State};
use crate::node::{Command, Extension, Identity, Removal, Responder, Vote, Watch, watch};
use crate::time::clock::Moment;

/// The queue of one session.
#[derive(Default)]
pub(super) struct CommandQueue {
    waiting: VecDeque<Queued>,
    /// Since when commands have gone unanswered.
    silent_since: Option<Moment>,
    /// Whether a task looks after the queue.
    pub(super) is_draining: bool,
}

struct Queued {
    due: Moment,
    command: Command,
}

/// What became of the next command.
pub(super) enum Step {
    /// It is done; this gives the answer, once no lock is held.
    Done(Box<dyn FnOnce() + Send>),
    /// It has to wait, at most until then.
    Wait(Option<Moment>),
    /// There is none.
    Empty,
}

/// What a fault does to a command.
enum Fate {
    CarriedOut,
    /// Carried out, and the answer is lost.
    Unheard,
    /// Lost on the way.
    Lost,
    Failed,
    /// Held back until then, or until the fault changes.
    HeldBack(Option<Moment>),
}

impl CommandQueue {
    pub(super) fn push(&mut self, command: Command, fault: Option<Fault>) {
        let now = Moment::now();
        let delay = match fault {
            Some(Fault::Delay(delay)) => delay,
            _ => Duration::ZERO,
        };
        if is_silent(fault) {
            self.silent_since.get_or_insert(now);
        }
        let due = now.checked_add(delay).unwrap_or(now);
        self.waiting.push_back(Queued { due, command });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Why the node counts as failed, if it has been silent for longer than `patience`.
    pub(super) fn unresponsive(
        &self,
        fault: Option<Fault>,
        silence_limit: Duration,
    ) -> Option<NodeError> {
        let since = self.silent_since?;
        let silent = Moment::now().saturating_since(since);
        (is_silent(fault) && silent >= silence_limit)
            .then(|| NodeError::unsent(NodeErrorKind::Unresponsive, "no answer for too long"))
    }

    /// Deals with the next command that need not wait.
    pub(super) fn step(&mut self, node: &Shared) -> Step {
        if self.is_empty() {
            return Step::Empty;
        }
        let mut state = node.lock();
        let now = Moment::now();
        let mut wait = None;
        // Only a release lets others past it: it stays until the node is back, they fail.
        for index in 0..self.waiting.len() {
            let fate = self.waiting[index].fate(state.fault, now);
            if let Fate::HeldBack(until) = fate {
                wait = wait.or(Some(until));
                if matches!(self.waiting[index].command, Command::Release(_)) {
                    continue;
                }
                break;
            }
            let Some(next) = self.waiting.remove(index) else {
                break;
            };
            return Step::Done(self.meet(next.command, &fate, &mut state));
        }
        wait.map_or(Step::Empty, Step::Wait)
    }

    fn meet(
        &mut self,
        command: Command,
        fate: &Fate,
        state: &mut State,
    ) -> Box<dyn FnOnce() + Send> {
        match fate {
            Fate::CarriedOut => {
                self.silent_since = None;
                apply(state, command)
            }
            Fate::Unheard => {
                drop(apply(state, command));
                Box::new(|| ())
            }
            Fate::Failed => Box::new(|| command.fail(crashed())),
            Fate::Lost | Fate::HeldBack(_) => Box::new(|| drop(command)),
        }
    }
}

impl Queued {
    fn fate(&self, fault: Option<Fault>, now: Moment) -> Fate {
        let kept_until = match &self.command {
            Command::Release(release) => Some(release.until).filter(|until| *until > now),
            _ => None,
        };
        match fault {
            Some(Fault::Hang) => Fate::HeldBack(None),
            Some(Fault::Crash | Fault::DropRequests) if kept_until.is_some() => {
                Fate::HeldBack(kept_until)
            }
            Some(Fault::Crash) => Fate::Failed,
            Some(Fault::DropRequests) => Fate::Lost,
            _ if self.due > now => Fate::HeldBack(Some(self.due)),
            Some(Fault::LoseReplies) => Fate::Unheard,
            Some(Fault::Delay(_)) | None => Fate::CarriedOut,
        }
    }
}

/// The failure of every command at a node that has crashed.
pub(super) fn crashed() -> NodeError {
    NodeError::unsent(NodeErrorKind::Unreachable, "the node has crashed")
}

/// Whether a fault leaves commands without an answer.
fn is_silent(fault: Option<Fault>) -> bool {
    matches!(
        fault,
        Some(Fault::Hang | Fault::DropRequests | Fault::LoseReplies)
    )
}

/// Carries one command out and returns the giving of its answer.
fn apply(state: &mut State, command: Command) -> Box<dyn FnOnce() + Send> {
    fn send<T: Send + 'static>(responder: Responder<T>, response: T) -> Box<dyn FnOnce() + Send> {
        Box::new(move || responder.send(Ok(response)))
    }
    fn notify_and_send<T: Send + 'static>(
        watches_due: Vec<Watch>,
        responder: Responder<T>,
        response: T,
    ) -> Box<dyn FnOnce() + Send> {
        Box::new(move || {
            watch::notify_all(&watches_due);
            responder.send(Ok(response));
        })
    }
    let (store, watches) = (&mut state.store, &mut state.watches);
    match command {
        Command::Acquire(it) => {
            let vote = store.acquire(&it.keys, &it.id, it.ttl, it.fence);
            if let (Vote::Busy { .. }, Some(watch)) = (&vote, &it.watch) {
                watches.add(it.keys.as_slice(), watch);
            }
            send(it.responder, vote)
        }
        Command::Extend(it) => {
            let extension = store.extend(&it.keys, &it.id, it.ttl, it.fence_retention);
            let is_changed = extension == Extension::Confirmed;
            notify_and_send(
                watches.take_if(is_changed, &it.keys),
                it.responder,
                extension,
            )
        }
        Command::Raise(it) => send(
            it.responder,
            store.raise(&it.keys, &it.id, it.token, it.retention),
        ),
        Command::Release(it) => {
            let removal = store.release(&it.keys, &it.id, it.keep_until);
            let is_changed = removal == Removal::Deleted;
            notify_and_send(watches.take_if(is_changed, &it.keys), it.responder, removal)
        }
        Command::Inspect(it) => send(it.responder, store.inspect(&it.key)),
        Command::Ping(it) => send(it.responder, Identity::default()),
    }
}
