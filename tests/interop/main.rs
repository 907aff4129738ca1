//! Tests with the real clients of other libraries, on one set of servers.
//!
//! They need the clients, which `tests/interop/run` installs. A plain `cargo test` ignores them.

#![cfg(unix)]

mod client;
mod endless;
mod exclusion;
mod keys;
mod library;
mod ownership;
mod seed;
mod setup;
mod waiting;

/// Defines the tests of a module: one for each function and library.
macro_rules! for_every_library {
    ($($check:ident)+) => {$(
        mod $check {
            crate::for_every_library! { @ $check
                redlock_py RedlockPy
                pottery Pottery
                aioredlock Aioredlock
                node_redlock NodeRedlock
                rslock Rslock
                redlock_crate RedlockCrate
            }
        }
    )+};
    (@ $check:ident $($name:ident $library:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "needs other clients: run ./tests/interop/run"]
        async fn $name() {
            super::$check(crate::library::Library::$library).await;
        }
    )+};
}
use for_every_library;
