//! A filter for invalidation pushes.

/// Filter that removes invalidation pushes from a server's byte stream.
///
/// It imitates a proxy that does not know RESP3 pushes. All other bytes pass unchanged.
#[derive(Debug, Default)]
pub(crate) struct PushFilter {
    /// Bytes held back because they may begin a push.
    held: Vec<u8>,
    taken: usize,
}

impl PushFilter {
    /// Returns the bytes that pass, out of `bytes` and those held back before.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let mut passed = Vec::with_capacity(self.held.len());
        loop {
            let start = self.find_start();
            passed.extend(self.held.drain(..start));
            match message(&self.held) {
                Some(length) => {
                    self.held.drain(..length);
                    self.taken += 1;
                }
                None => return passed,
            }
        }
    }

    /// Returns the number of pushes removed so far.
    #[cfg(test)]
    fn taken(&self) -> usize {
        self.taken
    }

    /// Returns the offset of the first push or possible push; the length if there is none.
    fn find_start(&self) -> usize {
        (0..self.held.len())
            .find(|at| {
                let rest = &self.held[*at..];
                rest.starts_with(HEAD) || HEAD.starts_with(rest)
            })
            .unwrap_or(self.held.len())
    }
}

/// Returns the length of the push at the beginning of `bytes`, or `None` if it is incomplete.
fn message(bytes: &[u8]) -> Option<usize> {
    let mut at = bytes.starts_with(HEAD).then_some(HEAD.len())?;
    let (kind, count) = line(bytes, &mut at)?;
    // A null (`_`) in place of the array means that all keys are invalid: there are no elements.
    let keys = if kind == b'*' { count } else { 0 };
    for _ in 0..keys {
        let (_, length) = line(bytes, &mut at)?;
        at += length + 2;
    }
    (at <= bytes.len()).then_some(at)
}

/// Reads one RESP header line and returns its type byte and its number.
fn line(bytes: &[u8], at: &mut usize) -> Option<(u8, usize)> {
    let rest = bytes.get(*at..)?;
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    *at += end + 2;
    let number = std::str::from_utf8(&rest[1..end]).unwrap_or_default();
    Some((rest[0], number.parse().unwrap_or(0)))
}

const HEAD: &[u8] = b">2\r\n$10\r\ninvalidate\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_are_removed_however_the_bytes_are_split() {
        let message = b">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nk\r\n\r\n";
        let flushed = b">2\r\n$10\r\ninvalidate\r\n_\r\n";
        let stream = [
            b"+OK\r\n",
            &message[..],
            b":1\r\n$2\r\n>2\r\n",
            flushed,
            b":2\r\n",
        ]
        .concat();
        for size in 1..=stream.len() {
            let mut filter = PushFilter::default();
            let passed: Vec<u8> = stream.chunks(size).flat_map(|it| filter.pass(it)).collect();
            assert_eq!(passed, b"+OK\r\n:1\r\n$2\r\n>2\r\n:2\r\n", "{size}");
            assert_eq!(filter.taken(), 2);
        }
    }
}
