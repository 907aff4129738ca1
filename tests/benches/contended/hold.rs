//! A precise timer for the time that a lock is held.

use std::io;
use std::time::Duration;

/// Timer with a precision of 0.1 ms, for the time that a contender holds the lock.
///
/// The runtime's own timer counts whole milliseconds, so a hold of 2 ms may take 3 ms.
///
/// On Linux a kernel timer wakes the existing reactor. It needs no thread and a few microseconds of
/// CPU time. A sleeping thread would be as precise, but waking it, and waking the task from it,
/// would take CPU time from the measured code.
#[derive(Debug)]
pub(crate) struct Hold(imp::Timer);

impl Hold {
    /// Creates the timer of one contender.
    pub(crate) fn new() -> io::Result<Self> {
        imp::Timer::new().map(Self)
    }

    /// Waits for `time`. Returns at once if it is zero.
    pub(crate) async fn pass(&self, time: Duration) -> io::Result<()> {
        if time.is_zero() {
            return Ok(());
        }
        self.0.pass(time).await
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            // The replacement is unsafe, for descriptors that are not owned. This one is owned.
            #[allow(deprecated)]
            AsyncFd::new(timer).map(Self)
        }

        pub(super) async fn pass(&self, time: Duration) -> io::Result<()> {
            let once = Itimerspec {
                it_interval: Timespec::default(),
                it_value: Timespec::try_from(time).map_err(io::Error::other)?,
            };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
            loop {
                let mut ready = self.0.readable().await?;
                let mut expirations = [0; 8];
                let read =
                    |timer: &AsyncFd<OwnedFd>| Ok(rustix::io::read(timer, &mut expirations)?);
                if let Ok(read) = ready.try_io(read) {
                    return read.map(|_| ());
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use std::time::Duration;
    use std::{io, thread};

    use tokio::task::spawn_blocking;

    #[derive(Debug)]
    pub(super) struct Timer;

    impl Timer {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn pass(&self, time: Duration) -> io::Result<()> {
            spawn_blocking(move || thread::sleep(time))
                .await
                .map_err(io::Error::other)
        }
    }
}
