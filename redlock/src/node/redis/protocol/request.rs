//! A command, and its encoding for the server.

use std::sync::Arc;
use std::time::Duration;

use crate::error::NodeError;
use crate::lease_id::LeaseId;
use crate::node::command::MaySet;
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::{Command, Extend, Keys, Release, Responder, Waiter, Watch};
use crate::time::clock::Moment;
use crate::time::validity;

/// A command with the encoding in which it is sent.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) encoding: Encoding,
}

/// The form in which a command is sent to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Native commands of the server.
    Native,
    /// The server's native command for a release.
    CompareDelete(CompareDelete),
    /// A script by its hash. Releases share one call, as do extensions.
    Evalsha,
    /// A script by its hash, not shared with other requests.
    ///
    /// Used after one request made a shared call fail, or after the server refused its native
    /// command for a release.
    EvalshaAlone,
    /// A script by its text, because the server no longer has it.
    Eval,
    /// A script by its hash that leaves waiting lists alone, after the server refused access to one of
    /// the keys.
    WithoutLists,
    /// A query for the holder and its remaining time, after a native acquire was refused.
    Inspect,
    /// A script that moves the counter, after a native acquire was granted but its proposal was not
    /// beyond the counter.
    Stamp,
}

/// The state of a request after its responses were read.
#[derive(Debug)]
pub(crate) enum Settled {
    /// The response was sent to the caller.
    Done,
    /// The request must be sent again, with another encoding.
    Resend(Request),
    /// The server refuses its native command for a release. This request must be sent again as a
    /// script, and later releases must use scripts too.
    Unsupported(Request),
    /// These rules would allow what the server has refused while it was identified.
    Denied(Vec<Arc<str>>),
    /// The server refuses to track keys, so it pushes no invalidations.
    Untracked,
    /// The server was identified. Whether its pushes arrive.
    Identified { are_pushed: bool },
    /// An acquire of these keys was refused, and the response was sent to the caller.
    Busy(Keys),
    /// The same. The server refuses to keep waiting lists.
    Unlisted(Keys),
    /// The keys of several requests cannot be in one call, because the server is a member of
    /// a cluster.
    NotTogether,
    /// The server is not, or no longer, a master with its data. The command fails with this error,
    /// and the connection must end.
    Displaced(Command, NodeError),
    /// The server permits a request without waiting lists, and has refused it with them.
    ListsDenied,
    /// The server has extended a lease, but the user may not write its label.
    LabelsDenied,
    /// The departure of a waiter has hinted another one for one of these keys.
    Hinted(Keys),
    /// The server has refused a release with this error, which was sent to the caller. The keys may
    /// still be there.
    Refused(Release, NodeError),
    /// The response to a release was sent to the caller. Other processes may wait for its keys.
    Released(Release, Waiters),
}

impl Settled {
    /// Sends the server's error for a command to its caller. A release is needed all the more.
    pub(crate) fn failed(command: Command, error: NodeError) -> Self {
        let Command::Release(mut release) = command else {
            command.fail(error);
            return Self::Done;
        };
        let responder = std::mem::replace(&mut release.responder, Responder::ignored());
        responder.send(Err(error.clone()));
        Self::Refused(release, error)
    }
}

/// What a release has learnt about waiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiters {
    /// There are none, as far as it is known.
    None,
    /// One was hinted.
    Hinted,
    /// There are some, to be hinted by a script.
    ToHint,
}

impl Request {
    /// Chooses the first encoding of a command.
    #[inline]
    pub(crate) fn new(command: Command) -> Self {
        let encoding = match &command {
            // Native commands cost the server a third of the script, and suffice when a grant is
            // likely. Under contention they would move the counter without a grant. Several keys
            // need a script: commands one after the other could take some of them.
            Command::Acquire(it) if !it.contended && it.keys.as_one().is_some() => Encoding::Native,
            Command::Ping(_) => Encoding::Native,
            _ => Encoding::Evalsha,
        };
        Self { command, encoding }
    }

    /// Whether the request stays as it is while no contenders are known: it adds none to a list, removes
    /// none, and waits for nothing.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        match &self.command {
            Command::Acquire(_) => self.encoding == Encoding::Native,
            Command::Release(_) => true,
            _ => false,
        }
    }

    /// Chooses the encoding for keys that other processes wait for: a script, which respects and
    /// hints waiters.
    pub(crate) fn contended(mut self, delete: Option<CompareDelete>) -> Self {
        let is_native_release = delete.is_some() && self.command.as_release().is_some();
        match self.encoding {
            Encoding::Native if self.command.as_acquire().is_some() => {
                self.encoding = Encoding::Evalsha;
            }
            Encoding::Evalsha if is_native_release => self.encoding = Encoding::EvalshaAlone,
            _ => {}
        }
        self
    }

    /// Returns the script that hints the first waiter for keys, if they are free. It is a release of
    /// nothing: no key holds an id that was just drawn. A fixed one could be the value of a lock of
    /// another library.
    pub(crate) fn hint(keys: Keys) -> Self {
        let hint = Release::new(keys, LeaseId::draw(), Moment::now(), Responder::ignored());
        Self {
            command: Command::Release(hint),
            encoding: Encoding::EvalshaAlone,
        }
    }

    /// Whether the request names waiting lists, although it can do without.
    pub(crate) fn names_lists(&self) -> bool {
        let is_script = matches!(
            self.encoding,
            Encoding::Evalsha | Encoding::EvalshaAlone | Encoding::Eval | Encoding::Inspect
        );
        let has_lists = matches!(
            self.command,
            Command::Acquire(_) | Command::Release(_) | Command::Inspect(_)
        );
        is_script && has_lists
    }

    /// Returns the contender that the request may add to a waiting list.
    pub(crate) fn waiter(&self) -> Option<Waiter> {
        match (&self.command, self.encoding) {
            (Command::Acquire(it), Encoding::Evalsha | Encoding::Eval) => it.contender(),
            _ => None,
        }
    }

    /// Returns the error with which the request fails before it is sent in this form. An earlier form of an
    /// acquire may have set keys, so it does not count as unsent.
    pub(crate) fn error_before_sending(&self, error: &NodeError) -> NodeError {
        match self.encoding {
            Encoding::Stamp | Encoding::WithoutLists => {
                NodeError::new(error.kind(), error.message())
            }
            _ => error.clone(),
        }
    }

    /// Fails the request before it is sent in this form.
    pub(crate) fn fail(self, error: &NodeError) {
        let error = self.error_before_sending(error);
        self.command.fail(error);
    }

    /// Whether the request should still be sent.
    pub(crate) fn is_wanted(&self) -> bool {
        self.command.is_wanted()
    }

    /// Returns the keys of the command.
    pub(crate) fn keys(&self) -> &[Arc<[u8]>] {
        self.command.keys()
    }

    /// Chooses the cheapest encoding if this is a simple release: one that deletes a single key, lists
    /// no contender, and need not be sent alone. Returns whether it is.
    #[inline]
    pub(crate) fn optimize_simple_release(&mut self, delete: Option<CompareDelete>) -> bool {
        let Command::Release(it) = &self.command else {
            return false;
        };
        let may_change = matches!(
            self.encoding,
            Encoding::Evalsha | Encoding::CompareDelete(_)
        );
        let is_simple = may_change
            && it.requeue.is_none()
            && it.keys.as_one().is_some()
            && it.return_to.is_none()
            && expiry_delay(it).is_none();
        if is_simple {
            self.encoding = delete.map_or(Encoding::Evalsha, Encoding::CompareDelete);
        }
        is_simple
    }

    /// Returns the extension, if it can share a call: it has a single key, and need not be sent alone.
    #[inline]
    pub(crate) fn as_simple_extension(&self) -> Option<&Extend> {
        match &self.command {
            Command::Extend(it) if self.encoding == Encoding::Evalsha => {
                it.keys.as_one().map(|_| it)
            }
            _ => None,
        }
    }

    /// Returns the keys and the watch of an extension that registers for later changes.
    pub(crate) fn as_watched_extension(&self) -> Option<(&Keys, &Watch)> {
        match &self.command {
            Command::Extend(it) => Some((&it.keys, self.watch()?)),
            _ => None,
        }
    }

    /// Estimates the server's time for the command, in units of two microseconds.
    #[inline]
    pub(crate) fn cost(&self) -> usize {
        let keys = || self.keys().len();
        match &self.command {
            // Nearly all, therefore first.
            Command::Acquire(it) if self.encoding == Encoding::Native => {
                1 + usize::from(it.fence.is_some())
            }
            Command::Release(_) if matches!(self.encoding, Encoding::CompareDelete(_)) => 1,
            Command::Release(it) => 1 + it.keys.as_slice().len(),
            // `INFO` takes a server about as long as twenty scripts.
            Command::Identify(_) => 64,
            Command::Ping(_) => 1,
            Command::Acquire(_) | Command::Rearm(_) | Command::Adopt(_) => 1 + 4 * keys(),
            Command::Extend(it) => {
                let keys = keys();
                let tracked = usize::from(it.watch.is_some()) * keys;
                match self.as_simple_extension() {
                    // It most likely shares a call.
                    Some(_) => 1 + tracked,
                    None => 1 + 2 * keys + tracked,
                }
            }
            _ => 1 + 2 * keys(),
        }
    }

    /// Returns the watch for which the server must track the keys, if there is one.
    pub(crate) fn watch(&self) -> Option<&Watch> {
        match self.encoding {
            // Tracking is too expensive when a grant is likely, and useless after one.
            Encoding::Native | Encoding::Stamp => None,
            _ => match &self.command {
                Command::Look(it) => it.watch.as_ref(),
                Command::Extend(it) => it.watch.as_ref(),
                Command::Identify(it) => it.watch.as_ref(),
                _ => None,
            },
        }
    }

    /// Returns the request in the form in which it begins, to be sent again from the start: the
    /// later forms of an acquire rely on what came before.
    pub(crate) fn restarted(self) -> Self {
        match self.encoding {
            Encoding::Inspect | Encoding::Stamp => Self::new(self.command),
            _ => self,
        }
    }

    /// Whether the request postpones the expiry of a lease that is held.
    pub(crate) fn is_extension(&self) -> bool {
        matches!(self.command, Command::Extend(_))
    }

    /// Returns a release that undoes this request if it is an acquire or an adoption that may have
    /// been carried out.
    pub(crate) fn compensating_release(&self) -> Option<Self> {
        // A re-arm that meets its own keys only extends them.
        if let Command::Rearm(_) = &self.command {
            return None;
        }
        let MaySet {
            keys,
            id,
            ttl,
            return_to,
        } = self.command.may_set()?;
        let gone_by = validity::gone_by(Moment::now(), ttl, 0.0);
        let release = Release::new(keys.clone(), id.clone(), gone_by, Responder::ignored())
            .return_to(return_to.cloned());
        // By its text: without the script, a call by hash would be sent again behind the acquire,
        // whose key it would then delete.
        Some(Self {
            command: Command::Release(release),
            encoding: Encoding::Eval,
        })
    }
}

impl From<Command> for Request {
    #[inline]
    fn from(command: Command) -> Self {
        Self::new(command)
    }
}

/// Returns how long the keys of a release should still stay, or `None` if they should be deleted.
pub(crate) fn expiry_delay(release: &Release) -> Option<Duration> {
    let left = validity::remaining(release.keep_until?, Moment::now());
    (!left.is_zero()).then_some(left)
}
