//! Requests that are cancelled after a random number of polls.

use std::fs;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redlock::{LockGuard, Redlock};
use tokio::runtime::{Builder, Runtime};

use super::Outcome;

/// Cancels `count` requests in each of four runtimes that share a manager, `rounds` times. Prints for each
/// round the number of tasks that are left, and the resident memory in KiB.
pub(crate) fn cancel(urls: &str, count: u32, rounds: u64) -> Outcome {
    let redlock = Redlock::builder().nodes(urls.split(',')).build()?;
    let runtime = || {
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
    };
    let runtimes = [runtime()?, runtime()?, runtime()?, runtime()?];
    for round in 0..rounds {
        thread::scope(|scope| {
            for (seed, runtime) in (0..).zip(&runtimes) {
                let redlock = &redlock;
                scope.spawn(move || runtime.block_on(cancel_all(redlock, count, seed + round * 4)));
            }
        });
        // The releases of the last requests are on their way.
        thread::sleep(Duration::from_secs(1));
        let tasks: usize = runtimes.iter().map(alive_tasks).sum();
        println!("{tasks} {}", resident()?);
    }
    runtimes[0].block_on(redlock.shutdown());
    Ok(())
}

fn alive_tasks(runtime: &Runtime) -> usize {
    runtime.metrics().num_alive_tasks()
}

async fn cancel_all(redlock: &Redlock, count: u32, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    for number in 0..count {
        let resource = format!("lock {}", rng.random_range(0..16));
        let mut request = pin!(
            redlock
                .lock(resource)
                .wait(Duration::from_millis(20))
                .into_future()
        );
        for _ in 0..rng.random_range(0..6) {
            if poll_once(request.as_mut()).await.is_some() {
                break;
            }
        }
        if number % 64 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Polls a request once, and lets others run.
async fn poll_once<F>(mut request: Pin<&mut F>) -> Option<F::Output>
where
    F: Future<Output = Result<LockGuard, redlock::LockError>>,
{
    let polled = poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx))).await;
    tokio::task::yield_now().await;
    match polled {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

/// The resident memory of this process, in KiB.
fn resident() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no resident memory")?.parse()?)
}
