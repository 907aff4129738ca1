//! Managers that contend for locks while a test breaks their servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redlock::Redlock;
use redlock_tests::{Servers, eventually};
use tokio::task::JoinHandle;

use crate::common::{MS, SOON, healthy};
use crate::register::Register;

/// The number of resources. Each is contended by all managers.
pub(crate) const RESOURCES: usize = 10;

const MANAGERS: usize = 3;

/// Managers that contend for all resources. A second holder fails the test.
pub(crate) struct Race {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    register: Register,
    is_over: AtomicBool,
}

impl Race {
    pub(crate) async fn start(servers: &Servers, max_ttl: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = Vec::new();
        for number in 0..MANAGERS {
            // Without RESP3, the server does not push: an acquire checks the record itself.
            let protocol = if number == 0 { "?protocol=resp2" } else { "" };
            let urls = servers.urls().into_iter().map(|url| url + protocol);
            let builder = Redlock::builder().nodes(urls).ttl(max_ttl).max_ttl(max_ttl);
            let redlock = builder.connect().await.unwrap();
            healthy(&redlock).await;
            for resource in resources() {
                tasks.push(tokio::spawn(contend(
                    redlock.clone(),
                    resource,
                    Arc::clone(&shared),
                )));
            }
        }
        Self { shared, tasks }
    }

    /// Waits until every lock was acquired again.
    pub(crate) async fn round(&self) {
        let register = &self.shared.register;
        let before: Vec<_> = resources().map(|it| register.entered(&it)).collect();
        eventually("every lock is acquired again", SOON, || {
            assert!(
                !self.tasks.iter().any(JoinHandle::is_finished),
                "a task has failed"
            );
            let mut resources = resources().zip(&before);
            resources.all(|(it, before)| register.entered(&it) > *before)
        })
        .await;
    }

    pub(crate) async fn finish(self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

/// Acquires a lock, holds it for a moment, and releases it, again and again.
async fn contend(redlock: Redlock, resource: String, shared: Arc<Shared>) {
    while !shared.is_over.load(Ordering::Relaxed) {
        // Errors are expected: the lock is contended, and nodes are in quarantine.
        if let Ok(guard) = redlock.lock(&*resource).wait(SOON).await {
            let guard = shared.register.enter(&resource, guard);
            tokio::time::sleep(2 * MS).await;
            shared.register.leave(&resource, guard);
        }
    }
}

fn resources() -> impl Iterator<Item = String> {
    (0..RESOURCES).map(|index| index.to_string())
}
