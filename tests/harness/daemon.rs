//! Servers of other kinds.

use std::ffi::OsStr;
use std::fs::{File, read_to_string};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{io, thread};

use tempfile::TempDir;

use crate::port::Port;
use crate::process::Process;

/// A directory and two loopback ports for a [`Daemon`].
#[derive(Debug)]
pub struct Place {
    dir: TempDir,
    ports: [Port; 2],
}

/// A server of another kind, such as a database to compare with.
///
/// Dropping it stops the process and removes the directory.
#[derive(Debug)]
pub struct Daemon {
    // Before `place`: fields drop in declaration order, and the process must end first.
    process: Process,
    place: Place,
}

impl Place {
    /// Creates the directory and reserves the ports.
    pub fn reserve() -> Self {
        Self {
            dir: TempDir::with_prefix("redlock-daemon-").unwrap(),
            ports: [Port::reserve(), Port::reserve()],
        }
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the ports.
    pub fn ports(&self) -> [u16; 2] {
        self.ports.each_ref().map(Port::number)
    }

    /// Starts `program` in the directory. Its output goes to a file there.
    ///
    /// # Panics
    ///
    /// Panics if the program does not exist.
    pub fn start<A: AsRef<OsStr>>(
        self,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Daemon {
        let log = File::create(self.log_file()).unwrap();
        let output = (log.try_clone().unwrap().into(), log.into());
        let process = Process::spawn(program, args, output, Some(self.dir()));
        Daemon {
            process: process.unwrap(),
            place: self,
        }
    }

    fn log_file(&self) -> PathBuf {
        self.dir().join("daemon.log")
    }
}

impl Daemon {
    /// Returns the ports.
    pub fn ports(&self) -> [u16; 2] {
        self.place.ports()
    }

    /// Waits until `attempt` succeeds, such as a first connection.
    ///
    /// # Panics
    ///
    /// Panics with the log if the process ends, or if it takes half a minute.
    pub fn until_ready<T>(&self, mut attempt: impl FnMut() -> io::Result<T>) -> T {
        let start = Instant::now();
        loop {
            match attempt() {
                Ok(result) => return result,
                Err(error) => assert!(
                    !self.process.has_ended() && start.elapsed() < PATIENCE,
                    "the server did not start: {error}\n{}",
                    read_to_string(self.place.log_file()).unwrap_or_default()
                ),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A database that is killed leaves shared memory behind, so it may shut down first.
        self.process.interrupt();
        let start = Instant::now();
        while !self.process.has_ended() && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Longest time a server may take to start or to stop. Generous, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
