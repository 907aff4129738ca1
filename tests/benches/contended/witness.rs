//! A witness of overlapping critical sections.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::{io, process};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Detector of overlapping critical sections, across processes, and of changes of the holder.
///
/// It takes an exclusive `flock` on a file that each contender opens for itself. The file contains
/// the last holder's number. This costs four system calls per turn, and no lock stays behind when a
/// process ends.
#[derive(Debug)]
pub(crate) struct Witness {
    file: File,
    number: [u8; 8],
}

/// The holder before a contender.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Before {
    Itself,
    Another,
    /// A contender that is still in its critical section, which no lock may allow.
    Present,
}

impl Witness {
    /// Opens `file` for the `index`th contender of this process.
    pub(crate) fn new(file: &Path, index: u32) -> io::Result<Self> {
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true);
        let number = u64::from(process::id()) << 32 | u64::from(index);
        Ok(Self {
            file: options.open(file)?,
            number: number.to_ne_bytes(),
        })
    }

    /// Records the start of a critical section.
    pub(crate) fn enter(&self) -> io::Result<Before> {
        match flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(Before::Present),
            Err(error) => return Err(error.into()),
        }
        let mut last = [0; 8];
        // The file is empty before the first turn.
        let read = self.file.read_at(&mut last, 0)?;
        if read == last.len() && last == self.number {
            return Ok(Before::Itself);
        }
        self.file.write_all_at(&self.number, 0)?;
        Ok(Before::Another)
    }

    /// Records the end of a critical section. Must be called before the lock is released.
    pub(crate) fn leave(&self) -> io::Result<()> {
        Ok(flock(&self.file, FlockOperation::Unlock)?)
    }
}
