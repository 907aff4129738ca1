//! The length of a value in bytes that arrive piece by piece.

/// Measures one value, however its bytes are cut. No byte is looked at twice, so that a long value in
/// many pieces costs no more than its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// The end of what is measured: the beginning of the next line, or of what is missing.
    end: usize,
    /// The end of what was searched for the end of this line.
    searched: usize,
    /// The number of values that are still to come, those within others included.
    open: usize,
}

/// The bytes are no value, or one that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameError {
    Invalid,
    TooLong,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            end: 0,
            searched: 0,
            open: 1,
        }
    }
}

impl Frame {
    /// Whether nothing was measured yet.
    pub(super) fn is_new(&self) -> bool {
        self.searched == 0 && self.end == 0
    }

    /// Continues with `bytes`, which begin as they did in the last call. Returns the length of the value
    /// once it is complete.
    pub(super) fn measure(&mut self, bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        while self.open > 0 {
            let Some(next) = self.next_line(bytes)? else {
                return Ok(None);
            };
            self.open -= 1;
            self.take(&bytes[self.end..next - 2], next)?;
            // The shortest value has three bytes.
            let least = self.open.saturating_mul(3).saturating_add(self.end);
            if least > MAX_LENGTH {
                return Err(FrameError::TooLong);
            }
        }
        Ok((self.end <= bytes.len()).then_some(self.end))
    }

    /// Finds the end of the current line.
    fn next_line(&mut self, bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        if self.end > bytes.len() {
            return Ok(None);
        }
        let from = self.searched.max(self.end);
        let found = bytes[from..].windows(2).position(|it| it == b"\r\n");
        if let Some(found) = found {
            return Ok(Some(from + found + 2));
        }
        if bytes.len() > MAX_LENGTH {
            return Err(FrameError::TooLong);
        }
        // The last byte may be the first half of the end.
        self.searched = bytes.len().saturating_sub(1).max(self.end);
        Ok(None)
    }

    /// Takes a line, behind which the next one begins at `next`.
    fn take(&mut self, line: &[u8], next: usize) -> Result<(), FrameError> {
        self.end = next;
        let (kind, rest) = line.split_first().ok_or(FrameError::Invalid)?;
        match kind {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => {}
            b'$' | b'!' | b'=' => {
                let is_null = |length: &i64| *kind == b'$' && *length < 0;
                let length = Some(number(rest)?).filter(|it| !is_null(it));
                if let Some(length) = length {
                    let end = self.end.checked_add(size(length)?);
                    self.end = end
                        .and_then(|end| end.checked_add(2))
                        .ok_or(FrameError::TooLong)?;
                }
            }
            b'*' | b'~' | b'>' => {
                // Negative: null.
                let count = number(rest)?.max(0);
                self.expect(size(count)?, 1, 0)?;
            }
            b'%' => self.expect(size(number(rest)?)?, 2, 0)?,
            // Attributes precede the value to which they belong.
            b'|' => self.expect(size(number(rest)?)?, 2, 1)?,
            _ => return Err(FrameError::Invalid),
        }
        Ok(())
    }

    /// Expects `count` times `each` values, and `more`.
    fn expect(&mut self, count: usize, each: usize, more: usize) -> Result<(), FrameError> {
        let values = count.checked_mul(each).and_then(|it| it.checked_add(more));
        self.open = values
            .and_then(|it| it.checked_add(self.open))
            .ok_or(FrameError::TooLong)?;
        Ok(())
    }
}

/// Reads a number as the client library's parser does.
fn number(text: &[u8]) -> Result<i64, FrameError> {
    let text = std::str::from_utf8(text).map_err(|_| FrameError::Invalid)?;
    text.trim().parse().map_err(|_| FrameError::Invalid)
}

fn size(number: i64) -> Result<usize, FrameError> {
    usize::try_from(number).map_err(|_| FrameError::Invalid)
}

/// The maximum length of a value, with which the connection ends. The commands of a lock receive some
/// kilobytes, unless its key holds something else: that may be long, but is not read at any price.
pub(super) const MAX_LENGTH: usize = 64 * 1024 * 1024;
