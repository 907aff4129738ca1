//! A filter for RESP3 pushes.

/// The pushes that a [`Proxy`](crate::Proxy) removes from the server's responses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Removed {
    #[default]
    None,
    /// Invalidations and published messages.
    Notifications,
    /// The confirmations of subscriptions.
    Confirmations,
    /// Everything that is pushed, including the confirmation of a subscription.
    All,
}

impl Removed {
    /// Whether `frame`, which is complete, is removed.
    fn covers(self, frame: &[u8]) -> bool {
        frame.starts_with(b">")
            && match self {
                Self::None => false,
                Self::Notifications => NOTIFICATIONS.contains(&kind(frame)),
                Self::Confirmations => kind(frame) == b"subscribe",
                Self::All => true,
            }
    }
}

/// Filter that removes pushes from a server's byte stream.
///
/// It imitates a proxy that does not know RESP3 pushes. All other bytes pass unchanged, each frame
/// once it is complete. Bytes that begin no frame pass as they are, until the next read.
#[derive(Debug, Default)]
pub(crate) struct PushFilter {
    /// The beginning of a frame.
    held: Vec<u8>,
    taken: usize,
}

impl PushFilter {
    /// Returns the bytes that pass, out of `bytes` and those held back before.
    pub(crate) fn pass(&mut self, bytes: &[u8], removed: Removed) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let mut passed = Vec::with_capacity(self.held.len());
        let mut start = 0;
        loop {
            let rest = &self.held[start..];
            match frame(rest) {
                Frame::Complete(length) if removed.covers(&rest[..length]) => {
                    self.taken += 1;
                    start += length;
                }
                Frame::Complete(length) => {
                    passed.extend_from_slice(&rest[..length]);
                    start += length;
                }
                Frame::Incomplete => break,
                Frame::Malformed => {
                    passed.extend_from_slice(rest);
                    start = self.held.len();
                    break;
                }
            }
        }
        self.held.drain(..start);
        passed
    }

    /// Returns the number of pushes removed so far.
    #[cfg(test)]
    fn taken(&self) -> usize {
        self.taken
    }
}

/// The frame at the beginning of some bytes.
enum Frame {
    Complete(usize),
    Incomplete,
    Malformed,
}

/// Finds the end of the frame at the beginning of `bytes`.
fn frame(bytes: &[u8]) -> Frame {
    let (mut at, mut missing) = (0, 1);
    while missing > 0 {
        let Some(&first) = bytes.get(at) else {
            return Frame::Incomplete;
        };
        if !b"+-:,#(_$=!*~%|>".contains(&first) {
            return Frame::Malformed;
        }
        let Some(number) = line(bytes, &mut at) else {
            return Frame::Incomplete;
        };
        missing -= 1;
        match first {
            b'$' | b'=' | b'!' => at += number.map_or(0, |length| length + 2),
            b'*' | b'~' | b'>' => missing += number.unwrap_or(0),
            b'%' => missing += 2 * number.unwrap_or(0),
            // Attributes precede the value that they belong to.
            b'|' => missing += 2 * number.unwrap_or(0) + 1,
            _ => {}
        }
    }
    if at <= bytes.len() {
        Frame::Complete(at)
    } else {
        Frame::Incomplete
    }
}

/// Moves past one line. Returns the number in it, or `None` inside if there is none, as in a null.
fn line(bytes: &[u8], at: &mut usize) -> Option<Option<usize>> {
    let rest = bytes.get(*at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    *at += end + 2;
    Some(
        std::str::from_utf8(&rest[1..end])
            .ok()
            .and_then(|number| number.parse().ok()),
    )
}

/// Returns the first element of a push, which names its kind.
fn kind(push: &[u8]) -> &[u8] {
    let mut at = 0;
    line(push, &mut at);
    let length = line(push, &mut at).flatten().unwrap_or(0);
    push.get(at..at + length).unwrap_or_default()
}

const NOTIFICATIONS: [&[u8]; 4] = [b"invalidate", b"message", b"pmessage", b"smessage"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notifications_are_removed_however_the_bytes_are_split() {
        let passed = check(Removed::Notifications, 3);
        assert_eq!(passed, [PLAIN, CONFIRMED, LATER].concat());
    }

    #[test]
    fn confirmations_are_removed_however_the_bytes_are_split() {
        let passed = check(Removed::Confirmations, 1);
        assert_eq!(passed, [PLAIN, INVALID, MESSAGE, FLUSHED, LATER].concat());
    }

    #[test]
    fn all_pushes_are_removed_however_the_bytes_are_split() {
        assert_eq!(check(Removed::All, 4), [PLAIN, LATER].concat());
    }

    #[test]
    fn bytes_outside_a_frame_pass_until_the_next_read() {
        let mut filter = PushFilter::default();
        for (bytes, passed) in [
            (&b"of a value\r\n"[..], &b"of a value\r\n"[..]),
            (MESSAGE, b""),
        ] {
            assert_eq!(filter.pass(bytes, Removed::All), passed);
        }
    }

    /// Returns what passes, which does not depend on the size of the reads.
    fn check(removed: Removed, taken: usize) -> Vec<u8> {
        let stream = [PLAIN, INVALID, MESSAGE, CONFIRMED, FLUSHED, LATER].concat();
        let pass = |size| {
            let mut filter = PushFilter::default();
            let reads = stream.chunks(size);
            let passed: Vec<u8> = reads.flat_map(|it| filter.pass(it, removed)).collect();
            assert_eq!(filter.taken(), taken, "{size}");
            passed
        };
        let whole = pass(stream.len());
        for size in 1..stream.len() {
            assert_eq!(pass(size), whole, "{size}");
        }
        whole
    }

    const PLAIN: &[u8] =
        b"+OK\r\n*2\r\n$2\r\n>2\r\n%1\r\n+a\r\n$-1\r\n|1\r\n+b\r\n:1\r\n_\r\n*-1\r\n";
    const LATER: &[u8] = b":1\r\n$9\r\n>1\r\n+mess\r\n*0\r\n";
    const INVALID: &[u8] = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nk\r\n\r\n";
    const FLUSHED: &[u8] = b">2\r\n$10\r\ninvalidate\r\n_\r\n";
    const MESSAGE: &[u8] = b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nk\r\n";
    const CONFIRMED: &[u8] = b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
}
