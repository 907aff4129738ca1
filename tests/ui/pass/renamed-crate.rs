//! The library under another path, with its own name shadowed.

mod vendor {
    pub mod locks {
        pub use redlock::*;
    }
}

use vendor::locks::{self, Error};

mod redlock {}

#[locks::redlocked("{id}", ttl = "5s", crate = crate::vendor::locks)]
async fn renamed(id: u64) -> Result<u64, Error> {
    Ok(id)
}

#[locks::redlocked("{id}", on_busy = skip, guard = _lock, crate = locks)]
async fn relative(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
