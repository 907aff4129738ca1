use std::time::{Duration, Instant};

use crate::{Contender, Meter, Sample, usage};

/// Some tasks that lock and release, as fast as they can, resources that nobody else wants.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// How many tasks there are.
    pub tasks: usize,
    /// How often they lock, all together.
    pub locks: usize,
}

/// What a load was measured to take.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Locks per second.
    pub rate: f64,
    /// Microseconds from asking until released, the median.
    pub latency: f64,
    /// The same, of which all but one in a hundred stay below.
    pub latency_p99: f64,
    /// Microseconds of this process's processor time for one lock.
    pub client_cpu: f64,
    /// Microseconds of all servers' processor time for one lock.
    pub server_cpu: f64,
    /// Commands that all servers carried out for one lock, those that scripts call included.
    pub commands: f64,
}

impl Load {
    /// Puts the load on `contender`.
    ///
    /// The same names are used every time: a counter of ours is there already, as that of a
    /// resource in use is.
    ///
    /// # Panics
    ///
    /// If a lock fails.
    pub async fn run(self, contender: &Contender, meter: &Meter) -> Outcome {
        let each = self.locks / self.tasks;
        let before = meter.read();
        let (cpu, start) = (usage::cpu(), Instant::now());
        let tasks: Vec<_> = (0..self.tasks)
            .map(|task| tokio::spawn(lock_each(contender.clone(), task * each, each)))
            .collect();
        let mut times = Vec::with_capacity(self.locks);
        for task in tasks {
            times.extend(task.await.expect("a task of the benchmark"));
        }
        let (took, cpu) = (start.elapsed(), usage::cpu() - cpu);
        let traffic = meter.read() - &before;
        let locks = times.len() as f64;
        let latencies: Sample = times.into_iter().map(micros).collect();
        Outcome {
            rate: locks / took.as_secs_f64(),
            latency: latencies.median(),
            latency_p99: latencies.percentile(99),
            client_cpu: micros(cpu) / locks,
            server_cpu: traffic.cpu * 1e6 / locks,
            commands: traffic.commands() as f64 / locks,
        }
    }
}

async fn lock_each(contender: Contender, first: usize, count: usize) -> Vec<Duration> {
    let mut times = Vec::with_capacity(count);
    for number in first..first + count {
        let start = Instant::now();
        contender.lock(number).await;
        times.push(start.elapsed());
    }
    times
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
