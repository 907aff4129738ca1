//! The scripts, and where to find them on a server.

use std::sync::LazyLock;

use deadpool_redis::redis::{Cmd, Pipeline, Script};

pub(crate) static ACQUIRE: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/acquire.lua")));
pub(crate) static ACQUIRE_FENCED: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/acquire_fenced.lua")));
pub(crate) static STAMP: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/stamp.lua")));
pub(crate) static RAISE: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/raise.lua")));
pub(crate) static EXTEND: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/extend.lua")));
pub(crate) static RELEASE: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/release.lua")));
pub(crate) static EXPIRE_AT: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/expire_at.lua")));
pub(crate) static INSPECT: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/inspect.lua")));

/// All of them, to be loaded when a connection is made.
fn all() -> [&'static Source; 8] {
    [
        &ACQUIRE,
        &ACQUIRE_FENCED,
        &STAMP,
        &RAISE,
        &EXTEND,
        &RELEASE,
        &EXPIRE_AT,
        &INSPECT,
    ]
}

/// The scripts as commands that make the server keep them. Returns how many there are.
pub(crate) fn load(pipeline: &mut Pipeline) -> usize {
    for script in all() {
        let mut load = Cmd::new();
        load.arg("SCRIPT").arg("LOAD").arg(script.text);
        pipeline.add_command(load);
    }
    all().len()
}

/// A script and its hash, computed once.
pub(crate) struct Source {
    text: &'static str,
    hash: String,
}

impl Source {
    fn new(text: &'static str) -> Self {
        Self {
            text,
            hash: Script::new(text).get_hash().to_owned(),
        }
    }

    /// A call of the script, by its text or by its hash, to which `keys` keys and `args` arguments
    /// of `bytes` bytes in all are about to be added.
    pub(crate) fn call(&self, by_text: bool, keys: usize, args: usize, bytes: usize) -> Cmd {
        let (verb, script) = if by_text {
            ("EVAL", self.text)
        } else {
            ("EVALSHA", self.hash.as_str())
        };
        let mut call = Cmd::with_capacity(3 + keys + args, 16 + script.len() + bytes);
        call.arg(verb).arg(script).arg(keys);
        call
    }
}
