//! The end of this process, as the shell that started it sees it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use rustix::process::{
    Resource, Rlimit, Signal, WaitStatus, getpid, getrlimit, kill_process, setrlimit,
};

use crate::itself;

/// How this process ends.
///
/// The end of a command by a signal is passed on as one: a shell then ends its loop at Ctrl-C, and
/// systemd takes a service that it has stopped for a clean exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Code(u8),
    Signal(Signal),
}

impl Ending {
    /// Ends this process with the signal, or returns the exit code.
    pub(crate) fn take_place(self) -> ExitCode {
        if let Self::Signal(signal) = self {
            // This process catches the signal. Exec restores what it does by default.
            let number = signal.as_raw().to_string();
            // It fails if the program is gone. The exit code then says the same.
            let _error = itself::with_verb(VERB).arg(number).exec();
        }
        ExitCode::from(self.code())
    }

    /// Converts an exit status. A signal without a name stays the exit code of shells for it.
    pub(crate) fn of(status: WaitStatus) -> Self {
        let Some(number) = status.terminating_signal() else {
            return Self::Code(code_of(status.exit_status().unwrap_or_default()));
        };
        Signal::from_named_raw(number)
            .map_or_else(|| Self::Code(code_of(128 + number)), Self::Signal)
    }

    /// The exit code, or that of shells for the signal.
    fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => code_of(128 + signal.as_raw()),
        }
    }
}

impl From<u8> for Ending {
    fn from(code: u8) -> Self {
        Self::Code(code)
    }
}

fn code_of(number: i32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// Carries out the hidden verb: sends a signal to this process, and returns the exit code if that is
/// ignored.
pub(crate) fn hidden_verb(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    args.next().filter(|verb| verb == VERB)?;
    let signal = Signal::from_named_raw(args.next()?.to_str()?.parse().ok()?)?;
    // The dump of the command has been written.
    let limit = Rlimit {
        current: Some(0),
        ..getrlimit(Resource::Core)
    };
    setrlimit(Resource::Core, limit).ok();
    kill_process(getpid(), signal).ok();
    Some(Ending::Signal(signal).code().into())
}

const VERB: &str = "__end";
