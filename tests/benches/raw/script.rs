//! The release script of this crate, composed as the crate composes it.

use std::fs;
use std::path::Path;

use deadpool_redis::redis::Script;

/// Returns the hash of the script. [`Raw::connect`](super::Raw::connect) checks that the servers
/// know it from a manager of this crate.
pub(super) fn release_hash() -> String {
    let mut text = String::new();
    compose(RELEASE, &mut text);
    Script::new(&text).get_hash().to_owned()
}

/// Appends a file without its comments, with its parts included and its constants replaced.
fn compose(source: &str, text: &mut String) {
    for line in source.lines() {
        let code = line.trim_start();
        if let Some(name) = code.strip_prefix("--@include ") {
            let path = format!("../../redlock/src/node/redis/lua/parts/{name}.lua");
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            let part = fs::read_to_string(&path);
            let part = part.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            compose(&part, text);
        } else if !code.starts_with("--") {
            let constants = CONSTANTS.iter();
            let line = constants.fold(line.to_owned(), |line, (name, value)| {
                line.replace(name, value)
            });
            text.push_str(&line);
            text.push('\n');
        }
    }
}

const RELEASE: &str = include_str!("../../../redlock/src/node/redis/lua/release.lua");

/// The constants of `script.rs` in the library that the release script uses.
const CONSTANTS: [(&str, &str); 4] = [
    ("CHANNEL", "'redlock:wait:'"),
    ("LIST_TTL", "60000"),
    ("RESERVATION", "10"),
    ("MAX_SKIPPED", "16"),
];

/// The form of hints that a user with all rights sends.
pub(super) const HINTING: &[u8] = b"count";
