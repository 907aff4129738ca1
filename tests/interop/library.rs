//! The other libraries.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A library with locks on Redis, and the adapter that drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Library {
    RedlockPy,
    Pottery,
    Aioredlock,
    NodeRedlock,
    Rslock,
    /// The crate `redlock` of crates.io, version 2.
    RedlockCrate,
    /// The lock of redis-py, on one server.
    RedisPy,
}

impl Library {
    /// What the library puts in front of the name of every lock.
    pub(crate) fn key_prefix(self) -> &'static str {
        match self {
            Self::Pottery => "redlock:",
            _ => "",
        }
    }

    /// Returns the program of the adapter and its arguments but for the URLs.
    pub(crate) fn adapter(self) -> (PathBuf, Vec<OsString>) {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        let installed = installed();
        let python = |library: &str| {
            let script = sources.join("python/adapter.py").into();
            (
                installed.join("python/bin/python"),
                vec![script, library.into()],
            )
        };
        let rust = |library: &str| {
            let program = installed.join("rust/debug/interop-clients");
            (program, vec![library.into()])
        };
        match self {
            Self::RedlockPy => python("redlock-py"),
            Self::Pottery => python("pottery"),
            Self::Aioredlock => python("aioredlock"),
            Self::RedisPy => python("redis-py"),
            Self::NodeRedlock => ("node".into(), vec![sources.join("node/adapter.js").into()]),
            Self::Rslock => rust("rslock"),
            Self::RedlockCrate => rust("redlock"),
        }
    }
}

/// The directory that the clients are installed in.
pub(crate) fn installed() -> PathBuf {
    variable("INTEROP_DIR").into()
}

/// The path of our command.
pub(crate) fn command() -> PathBuf {
    variable("INTEROP_COMMAND").into()
}

fn variable(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: use ./tests/interop/run"))
}
