//! Random bytes of the operating system.

use rand::TryRng;
use rand::rngs::SysRng;

/// Returns random bytes that no other process draws, not even a copy of this one.
///
/// A generator of the thread would be faster by some 0.4 µs. But a process that forks, and a virtual
/// machine that is cloned, copies its state, and both then draw the same bytes.
///
/// # Panics
///
/// Panics if the operating system has no random bytes, which it has once it has started.
#[must_use]
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(error) = SysRng.try_fill_bytes(&mut bytes) {
        panic!("the operating system has no random bytes: {error}");
    }
    bytes
}

/// Returns each byte as two hexadecimal digits. `DIGITS` is twice `BYTES`.
pub(crate) fn hex<const BYTES: usize, const DIGITS: usize>(bytes: [u8; BYTES]) -> [u8; DIGITS] {
    const { assert!(DIGITS == 2 * BYTES) };
    let mut digits = [0; DIGITS];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 0xf)];
    }
    digits
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_lower_case_digits() {
        let digits: [u8; 8] = hex([0x00, 0x1f, 0xa0, 0xff]);
        assert_eq!(&digits, b"001fa0ff");
    }

    #[test]
    fn bytes_are_drawn_anew() {
        assert_ne!(bytes::<16>(), bytes::<16>());
    }
}
