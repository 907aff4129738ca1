//! Requests and responses in the protocol of the servers.

/// A response to a request of the raw client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Response {
    Okay,
    Integer(u64),
}

/// Begins a request of this many parts.
pub(super) fn begin(out: &mut Vec<u8>, parts: usize) {
    line(out, b'*', parts);
}

/// Writes a part of a request.
pub(super) fn part(out: &mut Vec<u8>, part: &[u8]) {
    line(out, b'$', part.len());
    out.extend_from_slice(part);
    out.extend_from_slice(b"\r\n");
}

/// Writes a part of a request that is a number.
pub(super) fn number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; MAX_DIGITS];
    part(out, decimal(number, &mut digits));
}

/// Decodes the first response. Returns it with its length, or `None` if it is incomplete.
///
/// # Panics
///
/// Panics if it is neither `OK` nor a natural number.
pub(super) fn decode(bytes: &[u8]) -> Option<(Response, usize)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let response = match &bytes[..=end] {
        b"+OK\r\n" => Response::Okay,
        [b':', digits @ .., b'\r', b'\n'] if digits.iter().all(u8::is_ascii_digit) => {
            let digits = digits.iter().map(|digit| u64::from(digit - b'0'));
            Response::Integer(digits.fold(0, |number, digit| 10 * number + digit))
        }
        other => panic!("unexpected: {}", String::from_utf8_lossy(other)),
    };
    Some((response, end + 1))
}

fn line(out: &mut Vec<u8>, kind: u8, length: usize) {
    let mut digits = [0; MAX_DIGITS];
    out.push(kind);
    out.extend_from_slice(decimal(length as u64, &mut digits));
    out.extend_from_slice(b"\r\n");
}

/// Writes the digits of `number` to the end of the buffer, and returns them.
fn decimal(mut number: u64, digits: &mut [u8; MAX_DIGITS]) -> &[u8] {
    let mut start = MAX_DIGITS;
    loop {
        start -= 1;
        // A remainder of ten fits in a byte.
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

/// The digits of the largest `u64`.
const MAX_DIGITS: usize = 20;
