//! Tests of values that arrive piece by piece, against the client library's parser.

use deadpool_redis::redis::Parser;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;
use crate::node::redis::wire::frame::MAX_LENGTH;

/// Reads everything that `bytes` contain, in pieces of up to `piece` bytes. Also returns whether they end
/// in an error.
fn read(mut bytes: &[u8], mut piece: impl FnMut() -> usize) -> (Vec<Value>, bool) {
    let (mut input, mut values) = (Input::default(), Vec::new());
    while !bytes.is_empty() {
        let room = input.room();
        let count = piece().clamp(1, bytes.len()).min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        input.add(count);
        bytes = &bytes[count..];
        loop {
            match input.next() {
                Ok(Some(value)) => values.push(value),
                Ok(None) => break,
                Err(_) => return (values, true),
            }
        }
    }
    (values, false)
}

/// Reads everything with the client library's parser.
fn expected(mut bytes: &[u8]) -> Vec<Value> {
    let mut parser = Parser::new();
    let mut values = Vec::new();
    // It keeps what it has read ahead.
    while let Ok(value) = parser.parse_value(&mut bytes) {
        values.push(value);
    }
    values
}

/// Writes a random value. `depth`: how deep others may be within it.
fn write_value(random: &mut impl Rng, depth: u32, out: &mut Vec<u8>) {
    let kinds = if depth == 0 { 13 } else { 19 };
    let number = random.random_range(-3..300);
    let text: Vec<u8> = match random.random_range(0..4) {
        0 => b"\r\n$5\r\n".to_vec(),
        1 => Vec::new(),
        _ => (0..random.random_range(0..40))
            .map(|_| random.random())
            .collect(),
    };
    let mut blob = |kind: &str, text: &[u8]| {
        out.extend(format!("{kind}{}\r\n", text.len()).bytes());
        out.extend_from_slice(text);
        out.extend_from_slice(b"\r\n");
    };
    match random.random_range(0..kinds) {
        0 | 1 => out.extend_from_slice(b"+OK\r\n"),
        2 | 3 => out.extend(format!(":{number}\r\n").bytes()),
        4 => out.extend(format!(":{}\r\n", i64::MIN + 3 + number).bytes()),
        5 => out.extend_from_slice(b"$-1\r\n"),
        6 => out.extend_from_slice(b"_\r\n"),
        7 | 8 => blob("$", &text),
        9 => out.extend_from_slice(b"+PONG\r\n"),
        10 => out.extend_from_slice(b"-NOSCRIPT No matching script.\r\n"),
        11 => out.extend_from_slice(b"#t\r\n,1.5\r\n(123\r\n*-1\r\n"),
        12 => {
            blob("!", b"ERR in a blob");
            blob("=", b"txt:some");
        }
        13 => {
            let start = ">2\r\n$10\r\ninvalidate\r\n*1\r\n";
            out.extend(format!("{start}${}\r\n", text.len()).bytes());
            out.extend_from_slice(&text);
            out.extend_from_slice(b"\r\n");
        }
        kind => {
            let count = random.random_range(0..6_usize);
            let (kind, values) = match kind {
                14 | 15 => ('*', count),
                16 => ('~', count),
                17 => ('%', 2 * count),
                _ => {
                    out.extend(format!(">{}\r\n+invalidate\r\n", count + 1).bytes());
                    (0..count).for_each(|_| write_value(random, depth - 1, out));
                    return;
                }
            };
            out.extend(format!("{kind}{count}\r\n").bytes());
            for _ in 0..values {
                write_value(random, depth - 1, out);
            }
        }
    }
}

/// Some of the values contain several at the same depth, so that not all bytes are well formed.
fn stream(random: &mut impl Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.random_range(1..12) {
        write_value(random, 3, &mut bytes);
    }
    bytes
}

#[test]
fn values_are_those_of_the_library_however_they_are_cut() {
    let mut random = StdRng::seed_from_u64(15);
    let mut count = 0;
    for _ in 0..1_000 {
        let bytes = stream(&mut random);
        let expected = expected(&bytes);
        count += expected.len();
        for most in [1, 2, 7, 64, 100_000] {
            let (values, _) = read(&bytes, || random.random_range(1..=most));
            assert_eq!(values, expected, "{}", bytes.escape_ascii());
        }
    }
    assert!(count > 5_000, "{count} values");
}

#[test]
fn damaged_bytes_give_no_value_that_the_library_does_not_read() {
    let mut random = StdRng::seed_from_u64(16);
    let mut errors = 0;
    for _ in 0..5_000 {
        let mut bytes = stream(&mut random);
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..3) {
                0 => bytes[at] = random.random(),
                1 => bytes[at] = b"+-:$*%>_\r\n0123456789"[random.random_range(0..20)],
                _ => drop(bytes.remove(at)),
            }
            if bytes.is_empty() {
                break;
            }
        }
        let expected = expected(&bytes);
        let (values, is_error) = read(&bytes, || random.random_range(1..=9));
        assert_eq!(values, expected, "{}", bytes.escape_ascii());
        errors += usize::from(is_error);
    }
    assert!(errors > 250, "{errors} errors");
}

#[test]
fn a_value_without_a_limit_ends_in_an_error_before_it_takes_memory() {
    let endless = [
        format!("${}\r\n", MAX_LENGTH + 1),
        format!("${}\r\n", i64::MAX),
        format!("!{}\r\n", i64::MAX),
        format!("*{}\r\n", MAX_LENGTH / 3 + 1),
        format!("*{}\r\n", i64::MAX),
        format!("%{}\r\n", i64::MAX),
        format!("*2\r\n${}\r\n", MAX_LENGTH),
        "*9999\r\n".repeat(10_000),
    ];
    for bytes in endless {
        let mut input = Input::default();
        let mut bytes = bytes.as_bytes();
        let error = loop {
            let room = input.room();
            let count = bytes.len().min(room.len());
            assert!(count > 0, "read to its end");
            room[..count].copy_from_slice(&bytes[..count]);
            input.add(count);
            bytes = &bytes[count..];
            match input.next() {
                Ok(value) => assert_eq!(value, None),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Parse, "{error}");
        assert!(input.bytes.len() < 1024 * 1024);
    }
}

#[test]
fn a_line_without_an_end_is_read_once_and_ends_in_an_error() {
    let mut input = Input::default();
    let mut total = 0;
    let error = loop {
        let room = input.room();
        room.fill(b'+');
        let count = room.len();
        input.add(count);
        total += count;
        match input.next() {
            Ok(value) => assert_eq!(value, None),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Parse);
    assert!((MAX_LENGTH..=2 * MAX_LENGTH).contains(&total), "{total}");
}

#[test]
fn a_long_value_in_many_pieces_leaves_no_memory_behind() {
    let mut bytes = format!("${}\r\n", 1_000_000).into_bytes();
    bytes.resize(bytes.len() + 1_000_000, b'a');
    bytes.extend_from_slice(b"\r\n");
    let mut input = Input::default();
    for piece in bytes.chunks(1000) {
        assert_eq!(input.next().unwrap(), None);
        input.room()[..piece.len()].copy_from_slice(piece);
        input.add(piece.len());
    }
    let value = input.next().unwrap();
    assert_eq!(value, Some(Value::BulkString(vec![b'a'; 1_000_000])));
    assert!(input.room().len() <= MAX_KEPT);
}
