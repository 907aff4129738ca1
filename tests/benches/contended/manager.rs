//! One manager of a worker process, in a thread of its own.

use std::process;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::contender::Contender;
use crate::job::Job;
use crate::library::Client;
use crate::turns::Turns;

/// A manager with its own runtime and connections, and its contenders.
#[derive(Debug)]
pub(crate) struct Manager {
    job: Job,
    /// Its number in this process.
    index: u32,
}

impl Manager {
    /// Creates the `index`th manager of this process.
    pub(crate) fn new(job: &Job, index: u32) -> Self {
        let job = job.clone();
        Self { job, index }
    }

    /// Starts the thread, which connects and sends to `ready`. The contenders begin once `start`
    /// has a value. The thread returns their turns.
    pub(crate) fn spawn(
        self,
        ready: mpsc::Sender<()>,
        start: watch::Receiver<Option<Instant>>,
    ) -> JoinHandle<Vec<Turns>> {
        thread::spawn(move || self.runtime().block_on(self.run(ready, start)))
    }

    /// Creates the runtime: with two threads if several tasks share it, on any machine, so that
    /// figures from machines with different core counts compare.
    fn runtime(&self) -> Runtime {
        let mut builder = match self.job.tasks {
            1 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let builder = builder.worker_threads(2).enable_all();
        builder.build().expect("a runtime")
    }

    async fn run(
        &self,
        ready: mpsc::Sender<()>,
        mut start: watch::Receiver<Option<Instant>>,
    ) -> Vec<Turns> {
        let job = &self.job;
        let client = connect(job).await;
        // Warm up, so that connections, scripts and the first heap pages are not attributed to
        // turns.
        let resource = format!("warm {} {}", process::id(), self.index);
        for _ in 0..WARM_UP {
            let held = client.lock(&resource).await;
            let released = held.expect("a free lock").release().await;
            released.expect("a release");
        }
        let first = self.index * job.tasks;
        let contenders: Vec<Contender> = (first..first + job.tasks)
            .map(|index| Contender::new(&client, job, index).expect("a file and a timer"))
            .collect();
        ready.send(()).expect("a worker that waits");
        // A manager that fails drops its sender, and the worker notices once all others did.
        drop(ready);
        let start = *start.wait_for(Option::is_some).await.expect("a start");
        let start = start.expect("a time");

        let mut tasks = JoinSet::new();
        for contender in contenders {
            let job = job.clone();
            tasks.spawn(async move { contender.contend(&job, start).await });
        }
        let turns = tasks.join_all().await;
        client.shutdown().await;
        turns
            .into_iter()
            .map(|turns| turns.expect("a turn"))
            .collect()
    }
}

/// Connects. Hundreds of managers that connect at once on two cores may need more than one attempt.
async fn connect(job: &Job) -> Client {
    for _ in 0..MAX_ATTEMPTS {
        if let Ok(client) = job.library.connect(&job.urls).await {
            return client;
        }
    }
    panic!("no quorum of servers in {MAX_ATTEMPTS} attempts");
}

const MAX_ATTEMPTS: u32 = 10;

const WARM_UP: usize = 20;
