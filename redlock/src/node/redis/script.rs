//! The scripts, and where to find them on a server.

use std::sync::LazyLock;

use deadpool_redis::redis::Script;

pub(super) static ACQUIRE: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/acquire.lua")));
pub(super) static ACQUIRE_FENCED: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/acquire_fenced.lua")));
pub(super) static RAISE: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/raise.lua")));
pub(super) static EXTEND: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/extend.lua")));
pub(super) static RELEASE: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/release.lua")));
pub(super) static INSPECT: LazyLock<Source> =
    LazyLock::new(|| Source::new(include_str!("../lua/inspect.lua")));

/// All of them, to be loaded when a connection is made.
pub(super) fn all() -> [&'static Source; 6] {
    [
        &ACQUIRE,
        &ACQUIRE_FENCED,
        &RAISE,
        &EXTEND,
        &RELEASE,
        &INSPECT,
    ]
}

/// A script and its hash, computed once.
pub(super) struct Source {
    pub(super) text: &'static str,
    pub(super) hash: String,
}

impl Source {
    fn new(text: &'static str) -> Self {
        Self {
            text,
            hash: Script::new(text).get_hash().to_owned(),
        }
    }
}
