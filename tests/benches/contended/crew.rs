//! Worker processes that contend together.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redlock_tests::{Proxy, Server, Worker};
use tempfile::TempDir;

use crate::job::Job;
use crate::library::Library;
use crate::load::Load;
use crate::round::{Member, Round};

/// A group of processes that contend for one resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crew {
    pub(crate) library: Library,
    pub(crate) processes: usize,
    /// The number of contenders in each process.
    pub(crate) tasks: u32,
    pub(crate) hold: Duration,
    pub(crate) run: Duration,
}

impl Crew {
    /// Runs the contention on a new resource.
    pub(crate) async fn compete(&self, servers: &[Server]) -> Round {
        let urls = servers.iter().map(Server::url).collect();
        self.compete_at(urls, &new_resource(), servers).await
    }

    /// Runs the contention on `resource`.
    pub(crate) async fn compete_for(&self, resource: &str, servers: &[Server]) -> Round {
        let urls = servers.iter().map(Server::url).collect();
        self.compete_at(urls, resource, servers).await
    }

    /// Runs the contention on a new resource, over proxies to the servers.
    pub(crate) async fn compete_over(&self, proxies: &[Proxy], servers: &[Server]) -> Round {
        let urls = proxies.iter().map(Proxy::url).collect();
        self.compete_at(urls, &new_resource(), servers).await
    }

    /// # Panics
    ///
    /// Panics if a process fails.
    async fn compete_at(&self, urls: Vec<String>, resource: &str, servers: &[Server]) -> Round {
        let dir = TempDir::with_prefix("redlock-contended-").expect("a directory");
        let job = Job {
            library: self.library,
            urls,
            resource: resource.into(),
            tasks: self.tasks,
            run: self.run,
            hold: self.hold,
            witness: dir.path().join("witness"),
        };
        let program = env::current_exe().expect("a path");
        let program = program.to_str().expect("a path that is text");
        let mut workers: Vec<Worker> = (0..self.processes)
            .map(|_| Worker::spawn(program, job.to_args()))
            .collect();
        for worker in &mut workers {
            assert_eq!(worker.line(PATIENCE).await.as_deref(), Some("ready"));
        }
        let before = Load::of(servers);
        // Closing their inputs starts all workers.
        for worker in &mut workers {
            worker.let_go();
        }
        let mut members = Vec::new();
        for worker in workers {
            let lines = worker.finish(self.run + PATIENCE).await;
            members.push(Member::read(&lines));
        }
        Round {
            members,
            run: self.run,
            load: Load::of(servers) - before,
            nodes: servers.len(),
        }
    }
}

fn new_resource() -> String {
    static ROUND: AtomicUsize = AtomicUsize::new(0);
    format!("round {}", ROUND.fetch_add(1, Ordering::Relaxed))
}

/// Generous bound for steps that take a moment on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);
