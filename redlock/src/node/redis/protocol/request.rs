//! A command, and its encoding for the server.

use std::sync::Arc;
use std::time::Duration;

use crate::error::NodeError;
use crate::node::command::MaySet;
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::{Command, Release, Responder, Watch};
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
    /// A script by its hash. Releases share one call.
    Evalsha,
    /// A script by its hash, not shared with other releases.
    ///
    /// Used after one release made a shared call fail, or after the server refused its native
    /// command for a release.
    EvalshaAlone,
    /// A script by its text, because the server no longer has it.
    Eval,
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
    /// The server refuses to track keys, so it pushes no invalidations.
    Untracked,
    /// The keys of several requests cannot be tracked by one call, because the server is a member of
    /// a cluster.
    NotTogether,
    /// The server is not, or no longer, a master with its data. The command fails with this error,
    /// and the connection must end.
    Displaced(Command, NodeError),
    /// The response to a release was sent to the caller.
    Released(Release),
}

impl Request {
    /// Chooses the first encoding of a command.
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

    /// Whether the request should still be sent.
    pub(crate) fn is_wanted(&self) -> bool {
        self.command.is_wanted()
    }

    /// Returns the keys of the command.
    pub(crate) fn keys(&self) -> &[Arc<[u8]>] {
        self.command.keys()
    }

    /// Chooses the cheapest encoding if this is a simple release: one that deletes a single key and
    /// need not be sent alone. Returns whether it is.
    pub(crate) fn optimize_simple_release(&mut self, delete: Option<CompareDelete>) -> bool {
        let may_change = matches!(
            self.encoding,
            Encoding::Evalsha | Encoding::CompareDelete(_)
        );
        let is_simple = may_change
            && self
                .command
                .as_release()
                .is_some_and(|it| it.keys.as_one().is_some() && expiry_delay(it).is_none());
        if is_simple {
            self.encoding = delete.map_or(Encoding::Evalsha, Encoding::CompareDelete);
        }
        is_simple
    }

    /// Estimates the server's time for the command, in units of two microseconds.
    pub(crate) fn cost(&self) -> usize {
        let keys = self.keys().len();
        match (&self.command, self.encoding) {
            // `INFO` takes a server about as long as twenty scripts.
            (Command::Identify(_), _) => 64,
            (Command::Ping(_), _) | (_, Encoding::CompareDelete(_)) => 1,
            (Command::Acquire(it), Encoding::Native) => 1 + usize::from(it.fence.is_some()),
            (Command::Release(_), _) => 1 + keys,
            (Command::Acquire(_) | Command::Rearm(_), _) => 1 + 3 * keys,
            (Command::Extend(it), _) if it.watch.is_some() => 1 + 3 * keys,
            _ => 1 + 2 * keys,
        }
    }

    /// Returns the watch for which the server must track the keys, if there is one.
    pub(crate) fn watch(&self) -> Option<&Watch> {
        match self.encoding {
            // Tracking is too expensive when a grant is likely, and useless after one.
            Encoding::Native | Encoding::Stamp => None,
            _ => match &self.command {
                Command::Acquire(it) => it.watch.as_ref(),
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

    /// Returns a release that undoes this request if it is an acquire that may have been carried
    /// out.
    pub(crate) fn compensating_release(&self) -> Option<Self> {
        // A re-arm that meets its own keys only extends them.
        if let Command::Rearm(_) = &self.command {
            return None;
        }
        let MaySet { keys, id, ttl } = self.command.may_set()?;
        let gone_by = validity::gone_by(Moment::now(), ttl, 0.0);
        let release = Release::new(keys.clone(), id.clone(), gone_by, Responder::ignored());
        // By its text: without the script, a call by hash would be sent again behind the acquire,
        // whose key it would then delete.
        Some(Self {
            command: Command::Release(release),
            encoding: Encoding::Eval,
        })
    }
}

/// Returns how long the keys of a release should still stay, or `None` if they should be deleted.
pub(crate) fn expiry_delay(release: &Release) -> Option<Duration> {
    let left = validity::remaining(release.keep_until?, Moment::now());
    (!left.is_zero()).then_some(left)
}
