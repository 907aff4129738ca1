//! The job of a worker process, as its command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::library::Library;

/// The job of one worker process.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) library: Library,
    pub(crate) urls: Vec<String>,
    pub(crate) resource: String,
    /// The number of managers in the process.
    pub(crate) managers: u32,
    /// The number of contenders of each manager.
    pub(crate) tasks: u32,
    /// How long the contenders wait before the run. Waiting in this time does not count.
    pub(crate) lead: Duration,
    /// How long the contenders run.
    pub(crate) run: Duration,
    /// How long a contender holds the lock each time.
    pub(crate) hold: Duration,
    /// The file of the [`Witness`](crate::witness::Witness).
    pub(crate) witness: PathBuf,
}

impl Job {
    pub(crate) fn to_args(&self) -> [OsString; 10] {
        [
            WORKER.into(),
            self.library.name().into(),
            self.urls.join(",").into(),
            self.resource.clone().into(),
            self.managers.to_string().into(),
            self.tasks.to_string().into(),
            self.lead.as_millis().to_string().into(),
            self.run.as_millis().to_string().into(),
            self.hold.as_micros().to_string().into(),
            self.witness.clone().into(),
        ]
    }

    /// Parses the job of a worker. Returns `None` if `args` belong to the benchmark itself.
    ///
    /// # Panics
    ///
    /// Panics if a worker's arguments are malformed.
    pub(crate) fn from_args(args: &[String]) -> Option<Self> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let [
            WORKER,
            library,
            urls,
            resource,
            managers,
            tasks,
            lead,
            run,
            hold,
            witness,
        ] = args[..]
        else {
            return None;
        };
        Some(Self {
            library: Library::named(library).expect("a library"),
            urls: urls.split(',').map(Into::into).collect(),
            resource: resource.into(),
            managers: managers.parse().expect("a number of managers"),
            tasks: tasks.parse().expect("a number of tasks"),
            lead: Duration::from_millis(lead.parse().expect("milliseconds")),
            run: Duration::from_millis(run.parse().expect("milliseconds")),
            hold: Duration::from_micros(hold.parse().expect("microseconds")),
            witness: witness.into(),
        })
    }
}

const WORKER: &str = "worker";
