//! Keys in the form that the command `redlock` shows and reads.

/// Returns text for a key that is not text.
pub(crate) fn encode(key: &[u8]) -> String {
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("hex:{digits}")
}

/// Returns the bytes of a key: those that `hex:` begins, or else the text's own.
pub(crate) fn decode(key: &str) -> Vec<u8> {
    let Some(digits) = key.strip_prefix("hex:") else {
        return key.as_bytes().to_vec();
    };
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("digits");
            u8::from_str_radix(pair, 16).expect("digits")
        })
        .collect()
}
