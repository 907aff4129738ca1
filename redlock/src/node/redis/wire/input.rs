//! Bytes that have arrived, and the values in them.

use deadpool_redis::redis::{ErrorKind, RedisError, RedisResult, Value, parse_redis_value};

use crate::node::redis::wire::frame::{Frame, FrameError};
use crate::node::redis::wire::scalar;

/// The bytes that have arrived and are not read yet.
#[derive(Debug, Default)]
pub(super) struct Input {
    bytes: Vec<u8>,
    /// The bytes from here to `end` have arrived. Behind them is room.
    start: usize,
    end: usize,
    /// The measure of the first value, which is not complete.
    frame: Frame,
}

impl Input {
    /// Returns room for more bytes. [`add`](Self::add) says how many have arrived there.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > MAX_KEPT {
                self.bytes = Vec::new();
            }
        }
        if self.bytes.len() - self.end < MIN_ROOM && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.bytes.len() - self.end < MIN_ROOM {
            let length = (self.bytes.len() * 2).max(MIN_LENGTH);
            self.bytes.resize(length, 0);
        }
        &mut self.bytes[self.end..]
    }

    /// Records that bytes have arrived in the room.
    pub(super) fn add(&mut self, count: usize) {
        self.end += count;
    }

    /// Removes the next value if it is the invalidation of one key, as it usually arrives, and calls
    /// `on_changed` with the key. Returns whether it was one.
    pub(super) fn take_invalidation(&mut self, on_changed: impl FnOnce(&[u8])) -> bool {
        if !self.frame.is_new() {
            return false;
        }
        let Some((key, length)) = scalar::invalidated(&self.bytes[self.start..self.end]) else {
            return false;
        };
        on_changed(key);
        self.start += length;
        true
    }

    /// Removes and returns the next value, once it is complete.
    pub(super) fn next(&mut self) -> RedisResult<Option<Value>> {
        let bytes = &self.bytes[self.start..self.end];
        if bytes.is_empty() {
            return Ok(None);
        }
        if self.frame.is_new()
            && let Some((value, length)) = scalar::read(bytes)
        {
            self.start += length;
            return Ok(Some(value));
        }
        let length = match self.frame.measure(bytes) {
            Ok(Some(length)) => length,
            Ok(None) => return Ok(None),
            Err(FrameError::TooLong) => return Err(error("a response is too long")),
            // The parser describes what is wrong.
            Err(FrameError::Invalid) => match parse_redis_value(bytes) {
                Err(cause) if cause.kind() == ErrorKind::Parse => return Err(cause),
                _ => return Err(error("a response is not of the protocol")),
            },
        };
        let value = parse_redis_value(&bytes[..length])?;
        self.start += length;
        self.frame = Frame::default();
        Ok(Some(value))
    }
}

fn error(text: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Parse, "invalid response", text.to_owned()))
}

/// The least room for a read.
const MIN_ROOM: usize = 1024;

/// The first length of the buffer. Doubled as long as a value does not fit.
const MIN_LENGTH: usize = 4 * 1024;

/// The maximum length of a buffer that is kept when it is empty.
const MAX_KEPT: usize = 64 * 1024;

#[cfg(test)]
mod tests;
