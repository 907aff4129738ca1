//! One contender of a worker process.

use std::error::Error;

use tokio::time::{Instant, timeout_at};

use crate::hold::Hold;
use crate::job::Job;
use crate::library::Client;
use crate::turns::Turns;
use crate::witness::{Before, Witness};

/// A client that requests the same lock over and over.
#[derive(Debug)]
pub(crate) struct Contender {
    client: Client,
    witness: Witness,
    hold: Hold,
}

impl Contender {
    /// Creates the `index`th contender of this process.
    pub(crate) fn new(client: &Client, job: &Job, index: u32) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            client: client.clone(),
            witness: Witness::new(&job.witness, index)?,
            hold: Hold::new()?,
        })
    }

    /// Takes and releases the lock, from `start` to the end of the run.
    pub(crate) async fn contend(
        self,
        job: &Job,
        start: Instant,
    ) -> Result<Turns, Box<dyn Error + Send + Sync>> {
        let begin = start + job.lead;
        let end = begin + job.run;
        let mut turns = Turns::default();
        loop {
            let requested = Instant::now().max(begin);
            // The deadline is checked only if the lock is not granted at once.
            let Ok(held) = timeout_at(end, self.client.lock(&job.resource)).await else {
                turns.pending = requested.elapsed();
                return Ok(turns);
            };
            let held = held?;
            let entered = Instant::now();
            let before = self.witness.enter()?;
            self.hold.pass(job.hold).await?;
            self.witness.leave()?;
            let left = Instant::now();
            held.release().await?;

            turns
                .waits
                .push(entered.saturating_duration_since(requested));
            turns.held += left - entered;
            turns.changes += u64::from(before == Before::Another);
            turns.overlaps += u64::from(before == Before::Present);
            if left >= end {
                return Ok(turns);
            }
        }
    }
}
