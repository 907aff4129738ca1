//! What a lock costs that nobody else wants: five servers on this machine, against `rslock`.
//!
//! `cargo bench -p redlock-benches --bench uncontended`
//!
//! Every figure is the median of several rounds in which the two take turns, because the machine
//! does other things as well. Read the ratios: the absolute times are those of one machine.

use std::time::{Duration, Instant};

use redlock::Redlock;
use redlock_tests::Servers;
use rslock::LockManager;

const NODES: usize = 5;
const ROUNDS: usize = 7;
const LOCKS: usize = 16_384;
const TTL: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() {
    let servers = Servers::start(NODES);
    let ours = Redlock::connect(servers.urls())
        .await
        .expect("a quorum of servers");
    let theirs = LockManager::new(servers.urls());
    let unfenced = Redlock::builder().nodes(servers.urls()).fencing(false);
    let unfenced = unfenced.connect().await.expect("a quorum of servers");
    warm_up(&ours, &theirs).await;
    warm_up(&unfenced, &theirs).await;

    println!(
        "{NODES} servers, lock and release of distinct resources, medians of {ROUNDS} rounds\n"
    );
    println!("without fencing tokens, which the peer does not have");
    one_task(&unfenced, &theirs).await;
    for tasks in [8, 64, 512] {
        throughput(&unfenced, &theirs, tasks).await;
    }
    println!("\nwith a fencing token on every guard, as is the default");
    let healthy = one_task(&ours, &theirs).await;
    for tasks in [8, 64, 512] {
        throughput(&ours, &theirs, tasks).await;
    }
    one_hung(&servers, &ours, &theirs, healthy).await;
    cost_of_fencing(&ours, &unfenced).await;
}

/// What the token of every guard costs.
async fn cost_of_fencing(fenced: &Redlock, unfenced: &Redlock) {
    println!("\nfenced against unfenced, ratios of the two in each round");
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        with.push(our_median(fenced, 1000).await);
        without.push(our_median(unfenced, 1000).await);
    }
    let (with, without) = (median(with), median(without));
    let ratio = with.as_secs_f64() / without.as_secs_f64();
    println!("   1 task   fenced {with:>9.1?}   unfenced {without:>9.1?}   ratio {ratio:.2}");
    for tasks in [64, 512] {
        let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let fenced = our_rate(fenced, tasks).await;
            let unfenced = our_rate(unfenced, tasks).await;
            with.push(fenced);
            without.push(unfenced);
            ratios.push(fenced / unfenced);
        }
        let (with, without, ratio) = (middle(with), middle(without), middle(ratios));
        println!(
            "{tasks:>4} tasks   fenced {with:>7.0}/s   unfenced {without:>7.0}/s   ratio {ratio:.2}"
        );
    }
}

async fn warm_up(ours: &Redlock, theirs: &LockManager) {
    for number in 0..500 {
        our_lock(ours, format!("warm {number}")).await;
        their_lock(theirs, format!("warm {number}")).await;
    }
}

/// The median latency of ours.
async fn one_task(ours: &Redlock, theirs: &LockManager) -> Duration {
    let (mut our_medians, mut their_medians) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our_medians.push(our_median(ours, 1000).await);
        their_medians.push(their_median(theirs, 1000).await);
    }
    let (ours, theirs) = (median(our_medians), median(their_medians));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("   1 task   redlock {ours:>9.1?}   rslock {theirs:>9.1?}   ratio {ratio:.2}");
    ours
}

async fn throughput(ours: &Redlock, theirs: &LockManager, tasks: usize) {
    let each = LOCKS / tasks;
    let (mut our_rates, mut their_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let ours = our_rate(ours, tasks).await;
        let theirs = rate(tasks, each, |name| {
            let manager = theirs.clone();
            async move { their_lock(&manager, name).await }
        });
        let theirs = theirs.await;
        our_rates.push(ours);
        their_rates.push(theirs);
        ratios.push(ours / theirs);
    }
    let (ours, theirs, ratio) = (middle(our_rates), middle(their_rates), middle(ratios));
    println!("{tasks:>4} tasks  redlock {ours:>7.0}/s   rslock {theirs:>7.0}/s   ratio {ratio:.2}");
}

/// One of the servers is stopped: it accepts commands and answers none.
async fn one_hung(servers: &Servers, ours: &Redlock, theirs: &LockManager, healthy: Duration) {
    servers[0].pause();
    let hung = median(vec![
        our_median(ours, 1000).await,
        our_median(ours, 1000).await,
        our_median(ours, 1000).await,
    ]);
    // Few, because each takes as long as that library waits for the slowest server.
    let their_hung = their_median(theirs, 6).await;
    servers[0].resume();
    let ratio = hung.as_secs_f64() / healthy.as_secs_f64();
    println!(
        "\none of {NODES} hung, 1 task: redlock {hung:.1?} ({ratio:.2} of healthy), rslock {their_hung:.1?}"
    );
}

async fn our_rate(redlock: &Redlock, tasks: usize) -> f64 {
    let work = rate(tasks, LOCKS / tasks, |name| {
        let redlock = redlock.clone();
        async move { our_lock(&redlock, name).await }
    });
    work.await
}

/// Locks and releases per second.
async fn rate<F>(tasks: usize, each: usize, lock: impl Fn(String) -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    // Made before the clock starts, polled after.
    let work: Vec<Vec<F>> = (0..tasks)
        .map(|task| {
            (0..each)
                .map(|number| lock(format!("{task}/{number}")))
                .collect()
        })
        .collect();
    let start = Instant::now();
    let running: Vec<_> = work
        .into_iter()
        .map(|work| {
            tokio::spawn(async move {
                for lock in work {
                    lock.await;
                }
            })
        })
        .collect();
    for task in running {
        task.await.expect("a task of the benchmark");
    }
    let locks = u32::try_from(tasks * each).expect("a number of locks");
    f64::from(locks) / start.elapsed().as_secs_f64()
}

async fn our_median(redlock: &Redlock, count: usize) -> Duration {
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let start = Instant::now();
        our_lock(redlock, number.to_string()).await;
        times.push(start.elapsed());
    }
    median(times)
}

async fn their_median(manager: &LockManager, count: usize) -> Duration {
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let start = Instant::now();
        their_lock(manager, number.to_string()).await;
        times.push(start.elapsed());
    }
    median(times)
}

async fn our_lock(redlock: &Redlock, resource: String) {
    let guard = redlock.lock(resource).ttl(TTL).await.expect("a free lock");
    guard.release().await.expect("a release");
}

async fn their_lock(manager: &LockManager, resource: String) {
    let lock = manager
        .lock(resource.as_str(), TTL)
        .await
        .expect("a free lock");
    manager.unlock(&lock).await;
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
