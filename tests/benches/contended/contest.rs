//! One run of worker processes, from their start to their results.

use std::env;
use std::time::Duration;

use redlock_tests::{Server, Worker};
use tempfile::TempDir;

use crate::crew::Crew;
use crate::job::Job;
use crate::library::Library;
use crate::load::Load;
use crate::round::{Member, Round};
use crate::venue::Venue;

/// Crews that are ready to contend for one resource, or that do.
#[derive(Debug)]
pub(crate) struct Contest<'a> {
    workers: Vec<(Library, Worker)>,
    /// Processes that are suspended until the end.
    stopped: Vec<Worker>,
    servers: &'a [Server],
    run: Duration,
    lead: Duration,
    /// The load at the start.
    before: Load,
    /// Contains the file of the witness.
    _dir: TempDir,
}

impl<'a> Contest<'a> {
    /// Starts the processes of `crews`. They are connected when this returns.
    ///
    /// # Panics
    ///
    /// Panics if a process fails, or if the crews differ in their times.
    pub(crate) async fn gather(crews: &[Crew], venue: &Venue<'a>) -> Self {
        let dir = TempDir::with_prefix("redlock-contended-").expect("a directory");
        let program = env::current_exe().expect("a path");
        let program = program.to_str().expect("a path that is text");
        let (run, lead) = (crews[0].run, crews[0].lead);
        let mut workers = Vec::new();
        for crew in crews {
            assert_eq!((crew.run, crew.lead), (run, lead), "one contest, two times");
            let job = Job {
                library: crew.library,
                urls: venue.urls.clone(),
                resource: venue.resource.clone(),
                managers: crew.managers,
                tasks: crew.tasks,
                lead,
                run,
                hold: crew.hold,
                witness: dir.path().join("witness"),
            };
            let spawn = |_| (crew.library, Worker::spawn(program, job.to_args()));
            workers.extend((0..crew.processes).map(spawn));
        }
        for (_, worker) in &mut workers {
            assert_eq!(worker.line(PATIENCE).await.as_deref(), Some("ready"));
        }
        Self {
            workers,
            stopped: Vec::new(),
            servers: venue.servers,
            run,
            lead,
            before: Load::default(),
            _dir: dir,
        }
    }

    /// Starts the contenders of all processes.
    pub(crate) fn start(&mut self) {
        self.before = Load::of(self.servers);
        for (_, worker) in &mut self.workers {
            worker.let_go();
        }
    }

    /// Suspends the last `count` processes, for the rest of the contest. They have no results.
    pub(crate) fn stop_last(&mut self, count: usize) {
        for worker in self.take_last(count) {
            worker.pause();
            self.stopped.push(worker);
        }
    }

    /// Kills the last `count` processes. They have no results.
    pub(crate) fn kill_last(&mut self, count: usize) {
        self.take_last(count).into_iter().for_each(Worker::kill);
    }

    /// Waits for the end of the run and returns the results.
    ///
    /// # Panics
    ///
    /// Panics if a process fails.
    pub(crate) async fn finish(self) -> Round {
        let mut members = Vec::new();
        for (library, worker) in self.workers {
            let lines = worker.finish(self.lead + self.run + PATIENCE).await;
            members.push(Member::read(library, &lines));
        }
        let load = Load::of(self.servers) - self.before;
        self.stopped.into_iter().for_each(Worker::kill);
        Round {
            members,
            run: self.run,
            load,
            nodes: self.servers.len(),
        }
    }

    fn take_last(&mut self, count: usize) -> Vec<Worker> {
        let first = self.workers.len() - count;
        let last = self.workers.drain(first..);
        last.map(|(_, worker)| worker).collect()
    }
}

/// Generous bound for steps that take a moment on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);
