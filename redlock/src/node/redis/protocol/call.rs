//! A command while its words are added.

use deadpool_redis::redis::Cmd;

/// A command to which words are added.
pub(crate) struct Call<'a>(Form<'a>);

enum Form<'a> {
    /// Packed at the end of a buffer.
    Packed {
        bytes: &'a mut Vec<u8>,
        /// The beginning of the command, with room for a header.
        start: usize,
        words: usize,
    },
    /// A command of the client library.
    Listed(&'a mut Cmd),
}

/// A word of a command.
pub(crate) trait Word {
    /// The number of bytes.
    fn len(&self) -> usize;

    /// Appends the bytes.
    fn append(&self, bytes: &mut Vec<u8>);
}

impl<'a> Call<'a> {
    /// Starts a command behind others in a buffer. It is complete after [`finish`](Self::finish).
    pub(super) fn packed(bytes: &'a mut Vec<u8>) -> Self {
        let start = bytes.len();
        bytes.extend_from_slice(SHORT_HEADER);
        Self(Form::Packed {
            bytes,
            start,
            words: 0,
        })
    }

    /// Starts a command of the client library.
    pub(crate) fn listed(command: &'a mut Cmd) -> Self {
        Self(Form::Listed(command))
    }

    /// Adds a word.
    pub(crate) fn arg(&mut self, word: impl Word) -> &mut Self {
        match &mut self.0 {
            Form::Packed { bytes, words, .. } => {
                *words += 1;
                pack(bytes, word);
            }
            Form::Listed(command) => {
                let mut bytes = Vec::with_capacity(word.len());
                word.append(&mut bytes);
                command.arg(bytes);
            }
        }
        self
    }

    /// Adds this number of words, as [`pack`] has packed them.
    pub(super) fn packed_words(&mut self, packed: &[u8], count: usize) -> &mut Self {
        match &mut self.0 {
            Form::Packed { bytes, words, .. } => {
                *words += count;
                bytes.extend_from_slice(packed);
            }
            Form::Listed(command) => {
                for word in unpack(packed) {
                    command.arg(word);
                }
            }
        }
        self
    }

    /// Lets `write` append bytes behind a position, to copy them. They do not become part of the command.
    pub(super) fn aside<T>(&mut self, write: impl FnOnce(&mut Vec<u8>, usize) -> T) -> T {
        let mut none = Vec::new();
        let bytes = match &mut self.0 {
            Form::Packed { bytes, .. } => &mut **bytes,
            Form::Listed(_) => &mut none,
        };
        let start = bytes.len();
        let written = write(bytes, start);
        bytes.truncate(start);
        written
    }

    /// Adds several words, which are separated by spaces.
    pub(crate) fn words(&mut self, text: &str) -> &mut Self {
        for word in text.split(' ') {
            self.arg(word);
        }
        self
    }

    /// Completes the command: the number of words precedes them.
    pub(super) fn finish(self) {
        let Form::Packed {
            bytes,
            start,
            words,
        } = self.0
        else {
            return;
        };
        match u8::try_from(words) {
            Ok(words @ 0..10) => bytes[start + 1] = b'0' + words,
            _ => {
                let mut header = Vec::new();
                push_header(&mut header, b'*', words);
                bytes.splice(start..start + SHORT_HEADER.len(), header);
            }
        }
    }
}

/// Appends a word as it stands in a command.
pub(super) fn pack(bytes: &mut Vec<u8>, word: impl Word) {
    push_header(bytes, b'$', word.len());
    word.append(bytes);
    bytes.extend_from_slice(b"\r\n");
}

/// Returns the words that were packed one behind the other.
fn unpack(packed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        let header = rest.iter().position(|byte| *byte == b'\n')? + 1;
        let length = std::str::from_utf8(rest.get(1..header - 2)?).ok()?;
        let end = header + length.parse::<usize>().ok()?;
        let word = rest.get(header..end)?;
        rest = rest.get(end + 2..)?;
        Some(word)
    })
}

/// The header of a command of less than ten words, with the place of their number.
const SHORT_HEADER: &[u8] = b"*0\r\n";

fn push_header(bytes: &mut Vec<u8>, kind: u8, number: usize) {
    match u8::try_from(number) {
        // Nearly all: written at once.
        Ok(number @ 0..10) => bytes.extend_from_slice(&[kind, b'0' + number, b'\r', b'\n']),
        Ok(number @ 10..100) => {
            let (tens, ones) = (b'0' + number / 10, b'0' + number % 10);
            bytes.extend_from_slice(&[kind, tens, ones, b'\r', b'\n']);
        }
        _ => {
            bytes.push(kind);
            number.append(bytes);
            bytes.extend_from_slice(b"\r\n");
        }
    }
}

impl Word for &[u8] {
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    fn append(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }
}

impl<const N: usize> Word for &[u8; N] {
    fn len(&self) -> usize {
        N
    }

    fn append(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(*self);
    }
}

impl Word for &str {
    fn len(&self) -> usize {
        str::len(self)
    }

    fn append(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_bytes());
    }
}

/// The digits of a number.
impl Word for u64 {
    fn len(&self) -> usize {
        self.checked_ilog10().map_or(1, |log| log as usize + 1)
    }

    fn append(&self, bytes: &mut Vec<u8>) {
        let (mut digits, mut start, mut rest) = ([b'0'; 20], 20, *self);
        loop {
            start -= 1;
            // Less than ten.
            digits[start] += (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return bytes.extend_from_slice(&digits[start..]);
            }
        }
    }
}

impl Word for usize {
    fn len(&self) -> usize {
        Word::len(&(*self as u64))
    }

    fn append(&self, bytes: &mut Vec<u8>) {
        (*self as u64).append(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes the same words in both forms. Returns the bytes that the client library packs.
    fn packed(write: impl Fn(&mut Call<'_>)) -> Vec<u8> {
        let (mut bytes, mut command) = (b"before".to_vec(), Cmd::new());
        let mut call = Call::packed(&mut bytes);
        write(&mut call);
        call.finish();
        write(&mut Call::listed(&mut command));
        let expected = command.get_packed_command();
        assert_eq!(bytes, [b"before", &*expected].concat());
        expected
    }

    #[test]
    fn packed_words_are_the_words() {
        let words = [&b""[..], b"a", b"b\r\nc", b"$1\r\n", &[b'd'; 12345]];
        let mut together = Vec::new();
        for word in words {
            pack(&mut together, word);
        }
        assert!(unpack(&together).eq(words));
        let one_by_one = packed(|call| {
            call.arg("X");
            for word in words {
                call.arg(word);
            }
        });
        let all = packed(|call| {
            call.arg("X").packed_words(&together, words.len());
        });
        assert_eq!(all, one_by_one);
    }

    #[test]
    fn commands_are_packed_as_the_library_packs_them() {
        let short = packed(|call| {
            call.arg("SET").arg(b"k").arg(&b""[..]).arg(30_u64);
        });
        assert_eq!(
            short,
            b"*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n$2\r\n30\r\n"
        );
        for count in 1..300_usize {
            packed(|call| {
                for number in 0..count {
                    call.arg(&*vec![b'\n'; number]).words("a bc");
                }
            });
        }
        for number in (0..64).map(|shift| u64::MAX >> shift) {
            packed(|call| {
                call.arg(number)
                    .arg(number / 10 * 10)
                    .arg(number.to_string().as_str());
            });
        }
    }
}
