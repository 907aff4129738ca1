//! Other processes that take locks.
//!
//! Each is driven through one line protocol, on its stdin and stdout:
//!
//! ```text
//! lock NAME TTL_MS      locked KEY, or busy
//! unlock NAME KEY       done, whatever was found
//! contend NAME FOLDER   turn after each turn, overlap if the lock failed, done after FOLDER/stop exists
//! ```
//!
//! A key has the form that the command `redlock` shows. A turn makes the directory `inside`, and fails
//! if it exists. It then reads the number in the file `counter`, waits, writes the next one and removes
//! the directory.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use redlock::LeaseId;
use redlock_tests::Worker;

use crate::library::{self, Library};

/// A process that speaks the protocol. Killed on drop.
#[derive(Debug)]
pub(crate) struct Client {
    name: String,
    worker: Worker,
}

impl Client {
    /// Starts the adapter of a library.
    pub(crate) fn of(library: Library, urls: &[String]) -> Self {
        let (program, mut args) = library.adapter();
        args.push(urls.join(",").into());
        Self::start(&format!("{library:?}"), &program, args)
    }

    /// Starts a contender that uses this crate.
    pub(crate) fn of_this_crate(urls: &[String], key_prefix: &str, fencing: bool) -> Self {
        let program = env!("CARGO_BIN_EXE_redlock-interop-contender");
        let args = [urls.join(","), key_prefix.to_owned(), fencing.to_string()];
        Self::start("this crate", Path::new(program), args.map(OsString::from))
    }

    /// Starts a contender that uses the command `redlock run`.
    pub(crate) fn of_the_command(urls: &[String], key_prefix: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("contend.sh");
        let args = [
            script.into(),
            library::command().into(),
            urls.join(",").into(),
            key_prefix.into(),
        ];
        Self::start("redlock run", Path::new("/bin/sh"), args)
    }

    fn start(name: &str, program: &Path, args: impl IntoIterator<Item = OsString>) -> Self {
        let program = program.to_str().expect("a path that is text");
        Self {
            name: name.to_owned(),
            worker: Worker::spawn(program, args),
        }
    }

    /// Tries to lock, and returns the key.
    pub(crate) async fn try_lock(&mut self, name: &str, ttl: Duration) -> Option<LeaseId> {
        let response = self.ask(&format!("lock {name} {}", ttl.as_millis())).await;
        if response == "busy" {
            return None;
        }
        let key = response.strip_prefix("locked ");
        let key = key.unwrap_or_else(|| panic!("{}: unexpected response: {response}", self.name));
        Some(parse(key))
    }

    /// Locks, and tries again as long as the lock is busy.
    pub(crate) async fn lock(&mut self, name: &str, ttl: Duration) -> LeaseId {
        let locked = async {
            loop {
                if let Some(key) = self.try_lock(name, ttl).await {
                    return key;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let locked = tokio::time::timeout(BOUND, locked).await;
        locked.expect("the lock becomes free")
    }

    /// Releases a lock by its key, held or not.
    pub(crate) async fn unlock(&mut self, name: &str, key: &LeaseId) {
        assert_eq!(self.ask(&format!("unlock {name} {key}")).await, "done");
    }

    /// Takes turns until the file `stop` appears in `folder`, and calls `on_turn` after each.
    pub(crate) async fn contend(mut self, name: &str, folder: &Path, on_turn: impl Fn()) {
        self.worker
            .send(&format!("contend {name} {}", folder.display()));
        loop {
            match self.worker.line(BOUND).await.as_deref() {
                Some("turn") => on_turn(),
                Some("done") => return,
                other => panic!("{}: unexpected response: {other:?}", self.name),
            }
        }
    }

    async fn ask(&mut self, request: &str) -> String {
        self.worker.send(request);
        let response = self.worker.line(BOUND).await;
        response.unwrap_or_else(|| panic!("{}: no response to: {request}", self.name))
    }
}

/// Reads a key in the form that the command shows.
pub(crate) fn parse(key: &str) -> LeaseId {
    let Ok(key) = key.parse();
    key
}

/// Far above the duration of any step, starting an interpreter included.
pub(crate) const BOUND: Duration = Duration::from_secs(60);
