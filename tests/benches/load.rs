//! A load without contention, and its measurements.

use std::time::{Duration, Instant};

use crate::{Contender, Meter, Sample, Traffic, usage};

/// A load of tasks that lock and release uncontended resources as fast as they can.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The number of tasks.
    pub tasks: usize,
    /// The number of locks, in total.
    pub locks: usize,
}

/// The measurements of a load.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Locks per second.
    pub rate: f64,
    /// Median time from request to release, in microseconds.
    pub latency: f64,
    /// 99th percentile of the same time.
    pub latency_p99: f64,
    /// CPU time of this process per lock, in microseconds.
    pub client_cpu: f64,
    /// CPU time of all servers per lock, in microseconds.
    pub server_cpu: f64,
    /// Commands that all servers executed per lock, including those called by scripts.
    pub commands: f64,
}

impl Load {
    /// Runs the load with `contender`.
    ///
    /// Every run uses the same resource names, so our counters already exist, as they do for a
    /// resource in regular use.
    ///
    /// # Panics
    ///
    /// Panics if a lock fails.
    pub async fn run(self, contender: &Contender, meter: &Meter) -> Outcome {
        let watch = Stopwatch::start(meter);
        let times = self.work(contender).await;
        watch.stop(times)
    }

    /// Runs the load with `contender`, and returns the time that each lock took.
    ///
    /// # Panics
    ///
    /// Panics if a lock fails.
    pub async fn work(self, contender: &Contender) -> Vec<Duration> {
        let each = self.locks / self.tasks;
        let tasks: Vec<_> = (0..self.tasks)
            .map(|task| tokio::spawn(lock_each(contender.clone(), task * each, each)))
            .collect();
        let mut times = Vec::with_capacity(self.locks);
        for task in tasks {
            times.extend(task.await.expect("a task of the benchmark"));
        }
        times
    }
}

/// The state of this process and of the servers before a load.
#[derive(Debug)]
pub(crate) struct Stopwatch<'a> {
    meter: &'a Meter,
    traffic: Traffic,
    cpu: Duration,
    start: Instant,
}

impl<'a> Stopwatch<'a> {
    pub(crate) fn start(meter: &'a Meter) -> Self {
        Self {
            meter,
            traffic: meter.read(),
            cpu: usage::cpu(),
            start: Instant::now(),
        }
    }

    /// Returns the measurements of the load, whose locks took `times`.
    pub(crate) fn stop(self, times: Vec<Duration>) -> Outcome {
        let (took, cpu) = (self.start.elapsed(), usage::cpu() - self.cpu);
        let traffic = self.meter.read() - &self.traffic;
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
