//! The responses that nearly all commands of a lock receive, and the message that a held one causes.

use deadpool_redis::redis::{PushKind, Value};

/// Reads a complete value at the start of `bytes`, if it is a scalar, a list of scalars or the
/// invalidation of one key, as they usually arrive. Returns it with its length.
///
/// Everything else, and everything that is not quite of this form, is left to the client library's parser.
pub(super) fn read(bytes: &[u8]) -> Option<(Value, usize)> {
    match bytes.first()? {
        b'*' => list(bytes),
        b'>' => invalidation(bytes),
        _ => scalar(bytes),
    }
}

fn list(bytes: &[u8]) -> Option<(Value, usize)> {
    let (count, mut end) = integer(bytes)?;
    let count = usize::try_from(count).ok().filter(|it| *it <= MAX_LIST)?;
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        let (value, length) = scalar(&bytes[end..])?;
        values.push(value);
        end += length;
    }
    Some((Value::Array(values), end))
}

fn invalidation(bytes: &[u8]) -> Option<(Value, usize)> {
    let (key, length) = invalidated(bytes)?;
    let push = Value::Push {
        kind: PushKind::Invalidate,
        data: vec![Value::Array(vec![Value::BulkString(key.to_vec())])],
    };
    Some((push, length))
}

/// Reads the invalidation of one key at the start of `bytes`. Returns the key with the length of the value.
///
/// Each extension of a lease causes one at each node.
pub(super) fn invalidated(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (key, length) = text(bytes.strip_prefix(INVALIDATION)?)?;
    Some((key, INVALIDATION.len() + length))
}

fn scalar(bytes: &[u8]) -> Option<(Value, usize)> {
    match bytes.first()? {
        b'+' if bytes.starts_with(b"+OK\r\n") => Some((Value::Okay, 5)),
        b':' => integer(bytes).map(|(number, end)| (Value::Int(number), end)),
        b'_' if bytes.starts_with(b"_\r\n") => Some((Value::Nil, 3)),
        b'$' if bytes.starts_with(b"$-1\r\n") => Some((Value::Nil, 5)),
        b'$' => text(bytes).map(|(text, end)| (Value::BulkString(text.to_vec()), end)),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Option<(&[u8], usize)> {
    if bytes.first()? != &b'$' {
        return None;
    }
    let (length, start) = integer(bytes)?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    let text = bytes.get(start..end)?;
    let is_closed = bytes.get(end..end.checked_add(2)?)? == b"\r\n";
    is_closed.then_some((text, end + 2))
}

/// Reads the number in the first line, behind its type. Returns it with the length of the line.
fn integer(bytes: &[u8]) -> Option<(i64, usize)> {
    let is_negative = *bytes.get(1)? == b'-';
    let start = 1 + usize::from(is_negative);
    let mut number = 0;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'0'..=b'9' if at < start + MAX_DIGITS => number = number * 10 + i64::from(byte - b'0'),
            b'\r' if at > start && bytes.get(at + 1)? == &b'\n' => {
                return Some((if is_negative { -number } else { number }, at + 2));
            }
            _ => return None,
        }
    }
    None
}

/// The beginning of the invalidation of one key, which follows.
const INVALIDATION: &[u8] = b">2\r\n$10\r\ninvalidate\r\n*1\r\n";

/// The number of digits that always fit.
const MAX_DIGITS: usize = 18;

/// The maximum number of values in a list that is read here. The longest usual one answers the releases
/// that share a script.
const MAX_LIST: usize = 256;
