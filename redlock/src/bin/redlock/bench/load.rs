//! A load of locks that nothing contends for.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redlock::{LockError, Redlock};
use tokio::task::JoinHandle;

use crate::histogram::Histogram;

/// A load that has not begun.
pub(super) struct Load {
    manager: Redlock,
    /// The beginning of all names, unique to this run.
    name: Arc<str>,
}

/// Tasks that take and release locks until the load is stopped.
pub(super) struct Tasks {
    is_over: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<Counts>>,
}

/// What tasks have counted.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) times: Histogram,
    pub(super) failed: u64,
    pub(super) failure: Option<LockError>,
}

impl Load {
    pub(super) fn new(manager: &Redlock) -> Self {
        let random = RandomState::new().build_hasher().finish();
        Self {
            manager: manager.clone(),
            name: format!("redlock-bench:{random:016x}").into(),
        }
    }

    /// Takes and releases one lock.
    pub(super) async fn first(&self) -> Result<(), LockError> {
        let request = self.manager.lock(&*self.name).ttl(self.ttl());
        request.wait(WAIT).await?.release().await.ok();
        Ok(())
    }

    /// Starts the tasks. Each has one name, so that the servers keep one counter for it.
    pub(super) fn start(&self, tasks: u16) -> Tasks {
        let is_over = Arc::new(AtomicBool::new(false));
        let tasks = (0..tasks).map(|task| {
            let (manager, ttl) = (self.manager.clone(), self.ttl());
            let (name, is_over) = (format!("{}:{task}", self.name), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut counts = Counts::default();
                while !is_over.load(Ordering::Relaxed) {
                    counts.take_one(&manager, &name, ttl).await;
                }
                counts
            })
        });
        let tasks = tasks.collect();
        Tasks { is_over, tasks }
    }

    /// Short, in case this process is killed.
    fn ttl(&self) -> Duration {
        TTL.min(self.manager.max_ttl())
    }
}

impl Tasks {
    /// Lets every task release its lock, and returns what they have counted.
    pub(super) async fn finish(self) -> Counts {
        self.is_over.store(true, Ordering::Relaxed);
        let mut sum = Counts::default();
        for task in self.tasks {
            if let Ok(counts) = task.await {
                sum.times.add(&counts.times);
                sum.failed += counts.failed;
                sum.failure = sum.failure.or(counts.failure);
            }
        }
        sum
    }
}

impl Counts {
    async fn take_one(&mut self, manager: &Redlock, name: &str, ttl: Duration) {
        let start = Instant::now();
        match manager.try_lock(name).ttl(ttl).await {
            Ok(guard) => {
                self.times.record(start.elapsed());
                guard.release().await.ok();
            }
            Err(error) => {
                self.failed += 1;
                self.failure.get_or_insert(error);
                // A load that fails at once would be a storm.
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

const TTL: Duration = Duration::from_secs(5);

/// Long enough for a deployment to be formed.
const WAIT: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(100);
