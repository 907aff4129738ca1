//! The worker process of this benchmark.

use std::io::Read;
use std::{io, process};

use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use crate::contender::Contender;
use crate::job::Job;
use crate::memory;

/// Runs a worker process.
///
/// It prints `ready` and starts the contenders when its input closes. It prints its memory use at
/// three times, and then the turns of each task, one line each.
///
/// The input closes when the benchmark starts the run or exits. In the latter case the harness
/// kills this process at once.
///
/// # Panics
///
/// Panics if the lock cannot be taken or is lost.
pub(crate) async fn work(job: Job) {
    let client = job.library.connect(&job.urls).await;
    let client = client.expect("a quorum of servers");
    // Warm up, so that connections, scripts and the first heap pages are not attributed to turns.
    for _ in 0..WARM_UP {
        let held = client.lock(&format!("warm {}", process::id())).await;
        let released = held.expect("a free lock").release().await;
        released.expect("a release");
    }
    let contenders: Vec<Contender> = (0..job.tasks)
        .map(|index| Contender::new(&client, &job, index).expect("a file and a timer"))
        .collect();

    println!("ready");
    let input = spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
    input.await.expect("a thread").expect("an input");

    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for contender in contenders {
        let job = job.clone();
        tasks.spawn(async move { contender.contend(&job, start + job.run).await });
    }
    for part in [0.1, 0.5, 0.95] {
        sleep_until(start + job.run.mul_f64(part)).await;
        println!("{}", memory::resident());
    }
    while let Some(turns) = tasks.join_next().await {
        println!("{}", turns.expect("a task").expect("a turn"));
    }
    client.shutdown().await;
}

const WARM_UP: usize = 20;
