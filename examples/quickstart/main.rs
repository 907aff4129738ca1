//! Three workers that take turns on one lock, while one node crashes and another hangs.
//!
//! ```text
//! cargo run --example quickstart
//! ```
//!
//! The five nodes live in this process, so there is nothing to install. It also runs on your own
//! servers, where you cause the faults: stop a server during the run.
//!
//! ```text
//! REDLOCK_NODES=redis://127.0.0.1:7001,redis://127.0.0.1:7002,redis://127.0.0.1:7003 \
//!     cargo run --example quickstart
//! ```

mod chart;
mod timeline;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use redlock::node::NodeHealth;
use redlock::{Fault, LockGuard, MemoryNode, Redlock, RedlockBuilder};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::timeline::{Timeline, What};

const WORKERS: [&str; 3] = ["ada", "bob", "cyn"];

/// Shorter than the work, so that every turn depends on extensions.
const TTL: Duration = ms(800);
const WORK: Duration = ms(900);
/// Long enough for the two other workers to take their turns first.
const REST: Duration = ms(1350);

#[tokio::main]
async fn main() -> ExitCode {
    let timeline = if std::env::var_os("REDLOCK_NODES").is_some() {
        on_servers().await
    } else {
        in_memory(std::io::stdout()).await
    };
    match timeline.overlaps() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs the workers on five nodes in this process, two of which fail.
async fn in_memory(out: impl Write + Send + 'static) -> Arc<Timeline> {
    let nodes = MemoryNode::cluster::<5>();
    let redlock = options(Redlock::builder().nodes(nodes.clone()));
    let redlock = redlock.build().unwrap();
    let names = (1..=nodes.len()).map(|number| format!("node {number}"));
    let timeline = Timeline::new(out, &WORKERS, names);

    timeline.say("Three workers share one lock on five nodes. A turn takes 900 ms, and the ttl is");
    timeline.say("800 ms, so every turn depends on extensions.\n");
    let ((), ()) = tokio::join!(
        take_turns(&redlock, &timeline, 2),
        disturb(&nodes, &timeline),
    );
    redlock.shutdown().await;

    timeline.draw();
    let left: usize = nodes.iter().map(MemoryNode::len).sum();
    timeline.say(&format!("{}, {left} keys left behind", timeline.summary()));
    timeline
}

/// Runs the workers on the servers in `REDLOCK_NODES`. Their faults are up to the reader.
async fn on_servers() -> Arc<Timeline> {
    let redlock = options(Redlock::from_env().unwrap());
    let redlock = redlock.connect().await.unwrap();
    let names = redlock
        .nodes()
        .await
        .into_iter()
        .map(|it| it.node.to_string());
    let timeline = Timeline::new(std::io::stdout(), &WORKERS, names);

    timeline.say("Three workers share one lock on your servers, for about 11 seconds. Stop a");
    timeline.say("server during the run, and start it again.\n");
    tokio::select! {
        () = take_turns(&redlock, &timeline, 4) => {}
        () = watch(&redlock, &timeline) => {}
    }
    redlock.shutdown().await;

    timeline.draw();
    timeline.say(&timeline.summary());
    timeline
}

fn options(builder: RedlockBuilder) -> RedlockBuilder {
    builder.ttl(TTL).retry_delay(ms(20))
}

/// Runs the workers until each has taken its turns.
async fn take_turns(redlock: &Redlock, timeline: &Arc<Timeline>, turns: u32) {
    let mut workers = JoinSet::new();
    for name in WORKERS {
        let (redlock, timeline) = (redlock.clone(), Arc::clone(timeline));
        workers.spawn(async move {
            turn(name, &redlock, &timeline).await;
            for _ in 1..turns {
                sleep(REST).await;
                turn(name, &redlock, &timeline).await;
            }
        });
    }
    workers.join_all().await;
}

/// Takes one turn: waits for the lock, works while it is held, and releases it.
async fn turn(name: &str, redlock: &Redlock, timeline: &Timeline) {
    timeline.record(name, What::Waits);
    let guard = match redlock.lock("report").await {
        Ok(guard) => guard,
        Err(error) => return timeline.record(name, What::Refused(error.to_string())),
    };
    timeline.record(name, What::Holds);
    match guard.run(work(name, &guard, timeline)).await {
        Ok(()) => timeline.record(name, What::Releases),
        Err(lost) => timeline.record(name, What::Loses(lost.reason().to_string())),
    }
    drop(guard);
}

/// Works, and records an extension whenever the remaining time grows.
async fn work(name: &str, guard: &LockGuard, timeline: &Timeline) {
    let end = Instant::now() + WORK;
    let mut remaining = guard.remaining();
    while Instant::now() < end {
        sleep(ms(10)).await;
        if guard.remaining() > remaining {
            timeline.record(name, What::Extends);
        }
        remaining = guard.remaining();
    }
}

/// Crashes one node and hangs another. While both are down, the other three decide.
async fn disturb(nodes: &[MemoryNode; 5], timeline: &Timeline) {
    let start = Instant::now();
    let steps = [
        (ms(1300), 4, Some(Fault::Crash)),
        (ms(2200), 5, Some(Fault::Hang)),
        (ms(3600), 4, None),
        (ms(4500), 5, None),
    ];
    for (at, number, fault) in steps {
        sleep_until(start + at).await;
        nodes[number - 1].fault(fault);
        let what = match fault {
            Some(Fault::Crash) => What::Fails("crashed".into()),
            Some(_) => What::Fails("hung".into()),
            None => What::Heals,
        };
        timeline.record(&format!("node {number}"), what);
    }
}

/// Records which servers respond, for as long as it is polled.
async fn watch(redlock: &Redlock, timeline: &Timeline) {
    let mut down = Vec::new();
    loop {
        for report in redlock.nodes().await {
            match report.health {
                NodeHealth::Down(error) if !down.contains(&report.node) => {
                    timeline.record(&report.node, What::Fails(error.kind().to_string()));
                    down.push(report.node);
                }
                NodeHealth::Connected if down.contains(&report.node) => {
                    timeline.record(&report.node, What::Heals);
                    down.retain(|node| *node != report.node);
                }
                _ => {}
            }
        }
        sleep(ms(50)).await;
    }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With the clock paused, the run's five seconds take no real time.
    #[tokio::test(start_paused = true)]
    async fn every_worker_takes_two_turns_despite_faults() {
        let timeline = in_memory(std::io::sink()).await;
        let summary = timeline.summary();
        assert!(summary.starts_with("Checked: 6 turns, "), "{summary}");
        assert!(summary.ends_with(" 0 overlaps, 0 losses"), "{summary}");
        assert!(timeline.extensions() >= 6 * 2, "{summary}");
    }
}
