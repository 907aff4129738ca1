//! Contenders with what runs them.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::load::Stopwatch;
use crate::{Contender, Load, Meter, Outcome, Raw};

/// A contender and the runtime of its tasks, or the raw client, which needs none.
#[derive(Debug)]
pub enum Runner {
    /// A contender, whose tasks run on this runtime.
    Tasks(Arc<Runtime>, Contender),
    /// The raw client.
    Raw(Box<Raw>),
}

impl Runner {
    /// Runs the load, and returns its measurements. Blocks.
    ///
    /// # Panics
    ///
    /// Panics if a lock fails.
    pub fn run(&mut self, load: Load, meter: &Meter) -> Outcome {
        let watch = Stopwatch::start(meter);
        let times = self.work(load);
        watch.stop(times)
    }

    /// Runs the load, and returns the time that each lock took. Blocks.
    ///
    /// # Panics
    ///
    /// Panics if a lock fails.
    pub fn work(&mut self, load: Load) -> Vec<Duration> {
        match self {
            Self::Tasks(runtime, contender) => runtime.block_on(load.work(contender)),
            Self::Raw(raw) => raw.run(load.tasks, load.locks),
        }
    }
}
