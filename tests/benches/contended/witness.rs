use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::{io, process};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Sees whether two contenders, of whatever processes, are in their critical sections at once, and
/// whose turn was the last.
///
/// It is an exclusive lock of the operating system on a file that each contender opens for itself,
/// and the last holder's number in there: four system calls a turn, and no lock stays behind when a
/// process ends.
#[derive(Debug)]
pub(crate) struct Witness {
    file: File,
    number: [u8; 8],
}

/// Whom a contender follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Before {
    Itself,
    Another,
    /// Somebody who is still there, which no lock must allow.
    Present,
}

impl Witness {
    /// Opens `file` for a contender, which is the `index`th of this process.
    pub(crate) fn new(file: &Path, index: u32) -> io::Result<Self> {
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let number = u64::from(process::id()) << 32 | u64::from(index);
        Ok(Self {
            file: options.open(file)?,
            number: number.to_ne_bytes(),
        })
    }

    /// Notes that a critical section begins.
    pub(crate) fn enter(&self) -> io::Result<Before> {
        match flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(Before::Present),
            Err(error) => return Err(error.into()),
        }
        let mut last = [0; 8];
        // Nothing is in there before the first.
        let read = self.file.read_at(&mut last, 0)?;
        if read == last.len() && last == self.number {
            return Ok(Before::Itself);
        }
        self.file.write_all_at(&self.number, 0)?;
        Ok(Before::Another)
    }

    /// Notes that a critical section ends. To be called before the lock is released.
    pub(crate) fn leave(&self) -> io::Result<()> {
        Ok(flock(&self.file, FlockOperation::Unlock)?)
    }
}
