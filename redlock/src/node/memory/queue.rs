//! Commands that wait for a node, in order.

use std::collections::VecDeque;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::memory::contending;
use crate::node::memory::fault::Fault;
use crate::node::memory::shared::{Shared, State};
use crate::node::{
    Adopted, Command, Extension, Identify, Identity, Keys, Removal, Responder, Vote, Watch, watch,
};
use crate::time::clock::Moment;

/// The command queue of one session.
#[derive(Default)]
pub(super) struct CommandQueue {
    waiting: VecDeque<Queued>,
    /// When the node became silent: the first command without a response.
    silent_since: Option<Moment>,
    /// Whether a task is draining the queue.
    pub(super) is_draining: bool,
}

struct Queued {
    due: Moment,
    command: Command,
}

/// The result of one step through the queue.
pub(super) enum Step {
    /// A command was handled. The closure sends its response, and must run without a lock.
    Respond(Respond),
    /// A command has to wait, at most until then. `None`: until the fault changes.
    Wait(Option<Moment>),
    /// No command is waiting.
    Empty,
}

/// Sends the response to a command, and the notifications that it causes.
type Respond = Box<dyn FnOnce() + Send>;

/// The treatment of a command under a fault.
enum Treatment {
    CarryOut,
    /// Carry out the command, but lose its response.
    LoseResponse,
    /// Lose the command on its way to the node.
    LoseRequest,
    Fail,
    /// Hold the command back until then. `None`: until the fault changes.
    HoldBack(Option<Moment>),
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
        let due = now.saturating_add(delay);
        self.waiting.push_back(Queued { due, command });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Returns an error if the node has been silent for at least `silence_limit`.
    pub(super) fn unresponsive(
        &self,
        fault: Option<Fault>,
        silence_limit: Duration,
    ) -> Option<NodeError> {
        let since = self.silent_since?;
        let silent = Moment::now().saturating_since(since);
        (is_silent(fault) && silent >= silence_limit).then(|| {
            let message = format!("no response for {silence_limit:?}");
            NodeError::unsent(NodeErrorKind::Unresponsive, message)
        })
    }

    /// Handles the next command that need not wait.
    pub(super) fn step(&mut self, node: &Shared) -> Step {
        if self.is_empty() {
            return Step::Empty;
        }
        let mut state = node.lock();
        let now = Moment::now();
        let mut wait = None;
        // Only a release is overtaken: it is kept until the node is back, while others fail.
        for index in 0..self.waiting.len() {
            let treatment = self.waiting[index].treatment(state.fault, now);
            if let Treatment::HoldBack(until) = treatment {
                wait = wait.or(Some(until));
                if self.waiting[index].command.as_release().is_some() {
                    continue;
                }
                break;
            }
            let Some(next) = self.waiting.remove(index) else {
                break;
            };
            return Step::Respond(self.handle(next.command, &treatment, &mut state));
        }
        wait.map_or(Step::Empty, Step::Wait)
    }

    fn handle(&mut self, command: Command, treatment: &Treatment, state: &mut State) -> Respond {
        match treatment {
            Treatment::CarryOut => {
                self.silent_since = None;
                carry_out(state, command)
            }
            Treatment::LoseResponse => {
                drop(carry_out(state, command));
                Box::new(|| ())
            }
            Treatment::Fail => Box::new(|| command.fail(crashed())),
            Treatment::LoseRequest | Treatment::HoldBack(_) => Box::new(|| drop(command)),
        }
    }
}

impl Queued {
    fn treatment(&self, fault: Option<Fault>, now: Moment) -> Treatment {
        let release = self.command.as_release();
        let kept_until = release
            .map(|it| it.gone_by)
            .filter(|gone_by| *gone_by > now);
        match fault {
            Some(Fault::Hang) => Treatment::HoldBack(None),
            Some(Fault::Crash | Fault::DropRequests) if kept_until.is_some() => {
                Treatment::HoldBack(kept_until)
            }
            Some(Fault::Crash) => Treatment::Fail,
            Some(Fault::DropRequests) => Treatment::LoseRequest,
            _ if self.due > now => Treatment::HoldBack(Some(self.due)),
            Some(Fault::LoseReplies) => Treatment::LoseResponse,
            Some(Fault::Delay(_)) | None => Treatment::CarryOut,
        }
    }
}

/// The error of every command at a crashed node.
pub(super) fn crashed() -> NodeError {
    NodeError::unsent(NodeErrorKind::Unreachable, "node has crashed")
}

/// Whether commands get no response under a fault.
fn is_silent(fault: Option<Fault>) -> bool {
    matches!(
        fault,
        Some(Fault::Hang | Fault::DropRequests | Fault::LoseReplies)
    )
}

/// Carries out one command, and returns what sends its response.
fn carry_out(state: &mut State, command: Command) -> Respond {
    // Checked under the node's lock: the release of a lease that ends now comes after this command.
    if !command.is_wanted() {
        let error = NodeError::unsent(NodeErrorKind::Closed, "no longer wanted");
        return Box::new(|| command.fail(error));
    }
    match command {
        command if !is_record_unchanged(state, &command) => {
            let error = NodeError::new(NodeErrorKind::DataLost, "the identity record has changed");
            Box::new(|| command.fail(error))
        }
        Command::Acquire(it) => {
            let (vote, hinted) = contending::acquire(state, &it);
            let is_changed = matches!(vote, Vote::Granted { .. });
            let notified = state.watches.take_if(is_changed, &it.keys);
            hint_and_send(hinted, notified, it.responder, vote)
        }
        Command::Extend(it) => {
            let (store, watches) = (&mut state.store, &mut state.watches);
            let extension = store.extend(&it);
            let is_changed = extension == Extension::Confirmed;
            let notified = watches.take_if(is_changed, &it.keys);
            // Behind the extension, which is a change itself.
            if let (true, Some(watch)) = (is_changed, &it.watch) {
                watches.add(it.keys.as_slice(), watch);
            }
            notify_and_send(notified, it.responder, extension)
        }
        Command::Raise(it) => send(
            it.responder,
            state.store.raise(&it.keys, &it.id, it.token, it.retention),
        ),
        Command::Rearm(it) => send(
            it.responder,
            state.store.rearm(&it.keys, &it.id, it.ttl, it.fence),
        ),
        Command::Adopt(it) => {
            let adopted = state.store.adopt(&it);
            let is_changed = matches!(adopted, Adopted::Changed { .. });
            let notified = state.watches.take_if(is_changed, &it.keys);
            notify_and_send(notified, it.responder, adopted)
        }
        Command::Release(it) => {
            let (removal, hinted) = contending::release(state, &it);
            let is_changed = removal == Removal::Deleted;
            let notified = state.watches.take_if(is_changed, &it.keys);
            hint_and_send(hinted, notified, it.responder, removal)
        }
        Command::Leave(it) => {
            let hinted = contending::leave(state, &it.keys, &it.watch);
            Box::new(move || hint_all(&hinted))
        }
        Command::Look(it) => {
            let sight = contending::look(state, &it);
            send(it.responder, sight)
        }
        Command::Inspect(it) => {
            let waiters = state.waiting.len(&it.key);
            send(it.responder, state.store.inspect(&it.key).waiters(waiters))
        }
        Command::Identify(it) => identify(state, *it),
        Command::Ping(it) => send(it.responder, Identity::default()),
    }
}

fn is_record_unchanged(state: &State, command: &Command) -> bool {
    let check = command.record_check();
    check.is_none_or(|check| state.identity.is_unchanged(check))
}

fn identify(state: &mut State, it: Identify) -> Respond {
    let is_change = it.change.is_some();
    let now = state.store.now();
    let identified = state.identity.identify(it.change, now);
    let key = Keys::from(it.key);
    let watches = state.record_watches.take_if(is_change, &key);
    if let Some(watch) = &it.watch {
        state.record_watches.add(key.as_slice(), watch);
    }
    notify_and_send(watches, it.responder, identified)
}

fn send<T: Send + 'static>(responder: Responder<T>, response: T) -> Respond {
    Box::new(move || responder.send(Ok(response)))
}

fn hint_all(watches: &[Watch]) {
    for watch in watches {
        let _was_hinted = watch.hint();
    }
}

fn hint_and_send<T: Send + 'static>(
    hinted: Vec<Watch>,
    notified: Vec<Watch>,
    responder: Responder<T>,
    response: T,
) -> Respond {
    Box::new(move || {
        hint_all(&hinted);
        watch::notify_all(&notified);
        responder.send(Ok(response));
    })
}

fn notify_and_send<T: Send + 'static>(
    watches: Vec<Watch>,
    responder: Responder<T>,
    response: T,
) -> Respond {
    Box::new(move || {
        watch::notify_all(&watches);
        responder.send(Ok(response));
    })
}
