//! The libraries, each with a `lock` that returns the key and an `unlock`.

use std::time::Duration;

use redlock2::RedLock;
use rslock::LockManager;
use tokio::runtime::Runtime;

/// One of the libraries.
pub(crate) enum Client {
    Rslock(LockManager, Runtime),
    Redlock(RedLock),
}

impl Client {
    pub(crate) fn new(library: &str, urls: Vec<&str>) -> Self {
        match library {
            "rslock" => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .expect("a runtime");
                let mut manager = LockManager::new(urls);
                manager.set_retry(1, RETRY_DELAY);
                Self::Rslock(manager, runtime)
            }
            "redlock" => {
                let mut manager = RedLock::new(urls);
                manager.set_retry(1, RETRY_DELAY.as_millis() as u32);
                Self::Redlock(manager)
            }
            _ => panic!("unknown library: {library}"),
        }
    }

    /// Tries once.
    pub(crate) fn lock(&self, name: &str, ttl: Duration) -> Option<Vec<u8>> {
        match self {
            Self::Rslock(manager, runtime) => {
                let lock = runtime.block_on(manager.lock(name, ttl));
                lock.ok().map(|lock| lock.val)
            }
            Self::Redlock(manager) => {
                let lock = manager.lock(name.as_bytes(), ttl.as_millis() as usize);
                lock.expect("the servers respond").map(|lock| lock.val)
            }
        }
    }

    pub(crate) fn unlock(&self, name: &str, key: Vec<u8>) {
        let (resource, validity_time) = (name.as_bytes().to_vec(), 0);
        match self {
            Self::Rslock(manager, runtime) => {
                let lock = rslock::Lock {
                    resource,
                    val: key,
                    validity_time,
                    lock_manager: manager.clone(),
                };
                runtime.block_on(manager.unlock(&lock));
            }
            Self::Redlock(manager) => manager.unlock(&redlock2::Lock {
                resource,
                val: key,
                validity_time,
                lock_manager: manager,
            }),
        }
    }
}

/// The shortest delay: both libraries also pause after the last attempt, or refuse a delay of 0.
const RETRY_DELAY: Duration = Duration::from_millis(1);
