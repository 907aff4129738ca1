//! Signals that end a wait or are forwarded to the running command.

use std::future::poll_fn;
use std::task::Poll;

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

use crate::failure::Failure;

/// Signals that are caught instead of ending this process.
#[derive(Debug)]
pub(crate) struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    /// Starts to catch signals, except those that were ignored when this process started, as under
    /// `nohup`. The command that it runs inherits the ignored signals.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let mut signals = Self(Vec::new());
        signals.add(&CAUGHT)?;
        Ok(signals)
    }

    /// Starts to catch the signals that stop and continue this process too.
    pub(crate) fn add_job_control(&mut self) -> Result<(), Failure> {
        self.add(&JOB_CONTROL)
    }

    fn add(&mut self, signals: &[Signal]) -> Result<(), Failure> {
        let ignored = ignored();
        for signal in signals.iter().filter(|it| ignored & mask(**it) == 0) {
            let listener = unix::signal(SignalKind::from_raw(signal.as_raw()))
                .map_err(|error| Failure::system(format!("cannot catch signals: {error}")))?;
            self.0.push((*signal, listener));
        }
        Ok(())
    }

    /// Waits for the next signal.
    ///
    /// Cancel safe: no signal is lost.
    pub(crate) async fn next(&mut self) -> Signal {
        poll_fn(|cx| {
            for (signal, listener) in &mut self.0 {
                if listener.poll_recv(cx).is_ready() {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Returns the mask of ignored signals. It is known on Linux and assumed empty elsewhere.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or_default()
}

fn mask(signal: Signal) -> u64 {
    1 << (signal.as_raw() - 1)
}

/// The signals that would end this process and leave its command running without supervision.
const CAUGHT: [Signal; 6] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
];

/// The signals that stop and continue jobs.
const JOB_CONTROL: [Signal; 2] = [Signal::TSTP, Signal::CONT];
