//! The signals that ask the command to end, or mean something to what it runs.

use std::future::poll_fn;
use std::task::Poll;

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

use crate::failure::Failure;

/// Signals that are caught instead of ending this process.
#[derive(Debug)]
pub(crate) struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    /// Catches signals from now on, except those that this process was started with orders to
    /// ignore, as by `nohup`: a command that it runs inherits these orders.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let ignored = ignored();
        let signals = CAUGHT
            .into_iter()
            .filter(|signal| ignored & mask(*signal) == 0)
            .map(|signal| {
                let listener = unix::signal(SignalKind::from_raw(signal.as_raw()))?;
                Ok((signal, listener))
            })
            .collect::<std::io::Result<_>>();
        signals
            .map(Self)
            .map_err(|error| Failure::system(format!("cannot catch signals: {error}")))
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

/// The signals that are ignored, as a mask: known on Linux, and taken for none elsewhere.
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

/// Those that would end this process and leave what it runs without anybody to guard it.
const CAUGHT: [Signal; 6] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::TERM,
    Signal::USR1,
    Signal::USR2,
];
