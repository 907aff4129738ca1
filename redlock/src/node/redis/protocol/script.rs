//! Lua scripts, composed from the files in `lua/` and called by text or by hash.
//!
//! A script is a body, such as `lua/stamp.lua`, in which each line `--@include owned` is replaced
//! by the text of `lua/parts/owned.lua`. Local functions would cost a server time on each call.
//! Included text does not. A part uses and sets the variables that its first comment names.
//!
//! Constants that Lua shares with Rust are written in capitals, like `KEYS` and `ARGV`. They are
//! replaced by the values in [`CONSTANTS`]. A server receives no comments.

use std::sync::LazyLock;
use std::time::Duration;

use deadpool_redis::redis::{Cmd, Script, Value};

use crate::node::redis::protocol::call::{Call, pack};
use crate::token::FencingToken;

/// Loads a body by name, to be composed when the script is first used.
macro_rules! script {
    ($name:literal) => {
        LazyLock::new(|| LuaScript::new(include_str!(concat!("../lua/", $name, ".lua"))))
    };
}

pub(crate) static ACQUIRE: LazyLock<LuaScript> = script!("acquire");
pub(crate) static ACQUIRE_FENCED: LazyLock<LuaScript> = script!("acquire_fenced");
pub(crate) static STAMP: LazyLock<LuaScript> = script!("stamp");
pub(crate) static RAISE: LazyLock<LuaScript> = script!("raise");
pub(crate) static EXTEND: LazyLock<LuaScript> = script!("extend");
pub(crate) static EXTEND_EACH: LazyLock<LuaScript> = script!("extend_each");
pub(crate) static REARM: LazyLock<LuaScript> = script!("rearm");
pub(crate) static ADOPT: LazyLock<LuaScript> = script!("adopt");
pub(crate) static RETURN: LazyLock<LuaScript> = script!("return");
pub(crate) static RELEASE: LazyLock<LuaScript> = script!("release");
pub(crate) static LEAVE: LazyLock<LuaScript> = script!("leave");
pub(crate) static EXPIRE_AT: LazyLock<LuaScript> = script!("expire_at");
pub(crate) static INSPECT: LazyLock<LuaScript> = script!("inspect");
pub(crate) static IDENTIFY: LazyLock<LuaScript> = script!("identify");
pub(crate) static PROBE: LazyLock<LuaScript> = script!("probe");

/// All scripts. A new connection loads those that its server lacks.
static ALL: [&LazyLock<LuaScript>; 15] = [
    &ACQUIRE,
    &ACQUIRE_FENCED,
    &STAMP,
    &RAISE,
    &EXTEND,
    &EXTEND_EACH,
    &REARM,
    &ADOPT,
    &RETURN,
    &RELEASE,
    &LEAVE,
    &EXPIRE_AT,
    &INSPECT,
    &IDENTIFY,
    &PROBE,
];

/// The name and text of each part.
const PARTS: [(&str, &str); 19] = [
    ("get", include_str!("../lua/parts/get.lua")),
    ("owned", include_str!("../lua/parts/owned.lua")),
    ("held", include_str!("../lua/parts/held.lua")),
    ("marker", include_str!("../lua/parts/marker.lua")),
    ("holder", include_str!("../lua/parts/holder.lua")),
    ("label", include_str!("../lua/parts/label.lua")),
    ("longest", include_str!("../lua/parts/longest.lua")),
    ("counter", include_str!("../lua/parts/counter.lua")),
    ("counters", include_str!("../lua/parts/counters.lua")),
    (
        "move_counters",
        include_str!("../lua/parts/move_counters.lua"),
    ),
    ("list", include_str!("../lua/parts/list.lua")),
    ("next", include_str!("../lua/parts/next.lua")),
    ("turn", include_str!("../lua/parts/turn.lua")),
    ("join", include_str!("../lua/parts/join.lua")),
    ("enlist", include_str!("../lua/parts/enlist.lua")),
    ("relist", include_str!("../lua/parts/relist.lua")),
    ("hint", include_str!("../lua/parts/hint.lua")),
    ("pass_on", include_str!("../lua/parts/pass_on.lua")),
    ("served", include_str!("../lua/parts/served.lua")),
];

/// The names of constants in Lua, and their values in Lua syntax.
static CONSTANTS: LazyLock<[(&str, String); 6]> = LazyLock::new(|| {
    [
        ("MAX_TOKEN", FencingToken::MAX.to_string()),
        ("MEMBER", format!("'{MEMBER}'")),
        ("CHANNEL", format!("'{CHANNEL}'")),
        ("LIST_TTL", LIST_TTL.as_millis().to_string()),
        ("RESERVATION", RESERVATION.as_millis().to_string()),
        ("MAX_SKIPPED", MAX_SKIPPED.to_string()),
    ]
});

/// The only member of the sorted set that stores a counter. Its score is the counter.
pub(crate) const MEMBER: &str = "c";

/// The beginning of the channels on which waiters are hinted.
pub(crate) const CHANNEL: &str = "redlock:wait:";

/// The time for which a waiting list is kept after the last waiter has joined it. Waiters that poll
/// join it again.
const LIST_TTL: Duration = Duration::from_secs(60);

/// The time for which a key is kept free for the waiter that was hinted: several round trips of a
/// local network. A waiter that hangs costs the others this once.
const RESERVATION: Duration = Duration::from_millis(10);

/// The number of waiters that a release skips because they are gone. It bounds the time of the script.
const MAX_SKIPPED: u32 = 16;

/// Returns the command that asks which scripts the server has.
pub(crate) fn query() -> Cmd {
    let mut query = Cmd::new();
    query.arg("SCRIPT").arg("EXISTS");
    for script in ALL {
        query.arg(&script.hash);
    }
    query
}

/// Returns the scripts that the server lacks by its response to [`query`]: all of them if it does not
/// say.
pub(crate) fn missing(response: &Value) -> Vec<&'static LuaScript> {
    let found = match response {
        Value::Array(found) if found.len() == ALL.len() => found.as_slice(),
        _ => &[],
    };
    let is_missing = |index: &usize| found.get(*index) != Some(&Value::Int(1));
    let missing = (0..ALL.len()).filter(is_missing);
    missing.map(|index| &**ALL[index]).collect()
}

/// A script and its hash, computed once.
#[derive(Debug)]
pub(crate) struct LuaScript {
    text: String,
    hash: String,
    /// The beginning of a call by its hash, packed.
    by_hash: Vec<u8>,
}

impl LuaScript {
    fn new(body: &str) -> Self {
        let mut text = String::with_capacity(2048);
        compose(body, &mut text);
        // Of the whole text: a search in each line takes ten times as long.
        for (name, value) in CONSTANTS.iter() {
            if text.contains(name) {
                text = text.replace(name, value);
            }
        }
        let hash = Script::new(&text).get_hash().to_owned();
        let mut by_hash = Vec::new();
        pack(&mut by_hash, "EVALSHA");
        pack(&mut by_hash, hash.as_str());
        Self {
            text,
            hash,
            by_hash,
        }
    }

    /// Returns the command that loads the script.
    pub(crate) fn load(&self) -> Cmd {
        let mut load = Cmd::new();
        load.arg("SCRIPT").arg("LOAD").arg(&self.text);
        load
    }

    /// Starts a call of the script, by its text or by its hash. The caller adds `keys` keys, and the
    /// arguments.
    pub(crate) fn start(&self, call: &mut Call<'_>, by_text: bool, keys: usize) {
        if by_text {
            call.arg("EVAL").arg(self.text.as_str());
        } else {
            call.packed_words(&self.by_hash, 2);
        }
        call.arg(keys);
    }
}

/// Appends a body or a part to `text`: without comments, and with its parts included.
fn compose(source: &str, text: &mut String) {
    for line in source.lines() {
        let code = line.trim_start();
        if let Some(part) = included(code) {
            compose(part, text);
        } else if !code.starts_with("--") {
            text.push_str(line);
            text.push('\n');
        }
    }
}

/// Returns the part that a line includes, if it includes one.
///
/// # Panics
///
/// If there is no such part. The tests compose every script.
fn included(line: &str) -> Option<&'static str> {
    let name = line.strip_prefix("--@include ")?;
    let part = PARTS.iter().find(|part| part.0 == name);
    Some(part.expect("the part is listed").1)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/node/redis/lua")
    }

    /// Returns the texts of the Lua files in a folder.
    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let files = paths.filter(|path| path.extension().is_some_and(|it| it == "lua"));
        files
            .map(|path| fs::read_to_string(path).unwrap())
            .collect()
    }

    #[test]
    fn a_composed_script_has_no_placeholder_left() {
        for script in ALL {
            let text = &script.text;
            assert!(!text.contains("--"), "a comment or an include:\n{text}");
            for (name, _) in CONSTANTS.iter() {
                assert!(!text.contains(name), "{name}:\n{text}");
            }
        }
    }

    #[test]
    fn only_what_the_server_lacks_is_missing() {
        let has = |found: &dyn Fn(usize) -> i64| {
            let found = (0..ALL.len()).map(|index| Value::Int(found(index)));
            missing(&Value::Array(found.collect()))
        };
        assert!(has(&|_| 1).is_empty());
        let one = has(&|index| i64::from(index != 2));
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].hash, ALL[2].hash);
        for odd in [Value::Nil, Value::Okay, Value::Array(vec![Value::Int(1)])] {
            assert_eq!(missing(&odd).len(), ALL.len(), "{odd:?}");
        }
    }

    #[test]
    fn constants_come_from_rust() {
        let max = FencingToken::MAX.to_string();
        for source in [files(&folder()), files(&folder().join("parts"))].concat() {
            assert!(!source.contains(&max), "{source}");
            assert!(!source.contains("'c'"), "{source}");
        }
        for script in [&ACQUIRE_FENCED, &STAMP, &RAISE, &ADOPT, &INSPECT] {
            assert!(script.text.contains(&format!("number > {max} or")));
            assert!(script.text.contains("redis.pcall('ZSCORE', KEYS[n], 'c')"));
        }
    }

    #[test]
    fn a_script_contains_only_the_parts_it_needs() {
        let has = |script: &LuaScript, code: &str| script.text.contains(code);
        assert!(!has(&RELEASE, "ZSCORE") && !has(&RETURN, "ZSCORE") && !has(&EXTEND, "ZSCORE"));
        assert!(!has(&ACQUIRE, "ZSCORE") && !has(&INSPECT, "ZADD"));
        assert!(has(&RELEASE, "PUBLISH") && !has(&EXTEND, "PUBLISH"));
        assert!(!has(&RAISE, "'TYPE'") && has(&ACQUIRE, "'TYPE'"));
    }

    #[test]
    fn every_lua_file_is_used_and_documented() {
        let (bodies, parts) = (files(&folder()), files(&folder().join("parts")));
        assert_eq!((bodies.len(), parts.len()), (ALL.len(), PARTS.len()));
        for source in [bodies, parts].concat() {
            let header = source.lines().take_while(|line| line.starts_with("--"));
            assert!(
                header.clone().any(|line| line.starts_with("-- KEYS")),
                "{source}"
            );
        }
    }
}
