//! A command, and the form in which it goes to the server.

use std::sync::Arc;
use std::time::Duration;

use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::{Command, Release, Responder, Watch};
use crate::time::clock::Moment;
use crate::time::validity;

/// A command in the form in which it goes to the server.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) encoding: Encoding,
}

/// How a command is put to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As commands of the server's own.
    Native,
    /// A release, as the server's own command for it.
    CompareDelete(CompareDelete),
    /// As a script that the server has; releases share one.
    Evalsha,
    /// The same, but not shared with others, one of which has made it fail; also what comes after
    /// a command of the server's own that it did not carry out.
    EvalshaAlone,
    /// As a script that the server had forgotten, by its text.
    Eval,
    /// A native acquire was refused; now ask who has the key and for how long.
    Inspect,
    /// A native acquire was granted, and its proposal was not beyond the counter.
    Stamp,
}

/// What an answer means for the command.
#[derive(Debug)]
pub(crate) enum Settled {
    /// The answer was given to whoever asked.
    Done,
    /// The command goes to the server once more, in another form.
    Resend(Request),
    /// The server will not have its own command for a release: this one goes once more, as a
    /// script, and so do those that follow.
    Unsupported(Request),
    /// The server will not remember who has asked, and so tells nobody.
    Untracked,
    /// A release found no key of ours; the answer was given.
    NothingReleased(Release),
}

impl Request {
    pub(crate) fn new(command: Command) -> Self {
        let encoding = match &command {
            // A third of the script's cost on the server, and as good where a grant is likely.
            // Where it is not, it would move the counter for nothing. Several keys are only ever
            // taken by a script: commands one after the other could take some of them.
            Command::Acquire(it) if !it.contended && it.keys.as_one().is_some() => Encoding::Native,
            Command::Ping(_) => Encoding::Native,
            _ => Encoding::Evalsha,
        };
        Self { command, encoding }
    }

    /// Whether somebody still wants this to be sent.
    pub(crate) fn is_wanted(&self) -> bool {
        match &self.command {
            Command::Acquire(acquire) => acquire.responder.is_wanted(),
            _ => true,
        }
    }

    /// The release that this is.
    pub(crate) fn as_release(&self) -> Option<&Release> {
        match &self.command {
            Command::Release(it) => Some(it),
            _ => None,
        }
    }

    /// Puts a release that deletes its one key into the form that costs the server least. Says
    /// whether this is such a release.
    pub(crate) fn tune_release(&mut self, delete: Option<CompareDelete>) -> bool {
        let Command::Release(it) = &self.command else {
            return false;
        };
        let is_simple = matches!(
            self.encoding,
            Encoding::Evalsha | Encoding::CompareDelete(_)
        ) && it.keys.as_one().is_some()
            && keep(it).is_none();
        if is_simple {
            self.encoding = delete.map_or(Encoding::Evalsha, Encoding::CompareDelete);
        }
        is_simple
    }

    /// About how much of a server's time the command takes, in units of two microseconds.
    pub(crate) fn cost(&self) -> usize {
        let keys = self.keys().len();
        match (&self.command, self.encoding) {
            (Command::Ping(_), _) | (_, Encoding::CompareDelete(_)) => 1,
            (Command::Acquire(it), Encoding::Native) => 1 + usize::from(it.fence.is_some()),
            (Command::Release(_), _) => 1 + keys,
            (Command::Acquire(_), _) => 1 + 3 * keys,
            _ => 1 + 2 * keys,
        }
    }

    /// The keys that the command is about.
    pub(crate) fn keys(&self) -> &[Arc<[u8]>] {
        match &self.command {
            Command::Acquire(it) => it.keys.as_slice(),
            Command::Extend(it) => it.keys.as_slice(),
            Command::Raise(it) => it.keys.as_slice(),
            Command::Release(it) => it.keys.as_slice(),
            Command::Inspect(it) => std::slice::from_ref(&it.key),
            Command::Ping(_) => &[],
        }
    }

    /// Whom to tell when the keys change, if the server is to remember that they were asked for.
    pub(crate) fn watch(&self) -> Option<&Watch> {
        match (&self.command, self.encoding) {
            // Not worth it where a grant is likely, and too late where there was one.
            (_, Encoding::Native | Encoding::Stamp) => None,
            (Command::Acquire(it), _) => it.watch.as_ref(),
            _ => None,
        }
    }

    /// What undoes this command, if it may have been carried out.
    pub(crate) fn undo(&self) -> Option<Self> {
        let Command::Acquire(it) = &self.command else {
            return None;
        };
        let until = validity::gone_by(Moment::now(), it.ttl, 0.0);
        let (keys, id, responder) = (it.keys.clone(), it.id.clone(), Responder::ignored());
        let command = Command::Release(Release::new(keys, id, until, responder));
        // By its text: a server without the script would have it sent once more, behind the
        // command that follows, whose key it would then delete.
        Some(Self {
            command,
            encoding: Encoding::Eval,
        })
    }
}

/// For how long the keys of a release are still to stay; `None` if they are to be deleted.
pub(crate) fn keep(release: &Release) -> Option<Duration> {
    let left = validity::remaining(release.keep_until?, Moment::now());
    (!left.is_zero()).then_some(left)
}
