//! Three workers take turns on one lock, while a node crashes and another one hangs.
//!
//! ```text
//! cargo run --example quickstart
//! ```
//!
//! The five nodes live in this process, so there is nothing to install. With servers of your own
//! there are no faults but those that you cause: stop one of them while it runs.
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
/// Long enough for the two others to have been served first.
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

/// Five nodes in this process, and the faults of a bad day.
async fn in_memory(out: impl Write + Send + 'static) -> Arc<Timeline> {
    let nodes = MemoryNode::cluster::<5>();
    let redlock = options(Redlock::builder().nodes(nodes.clone()));
    let redlock = redlock.build().unwrap();
    let names = (1..=nodes.len()).map(|number| format!("node {number}"));
    let timeline = Timeline::new(out, &WORKERS, names);

    timeline.say("Three workers share one lock, kept on five nodes. Each works for 900 ms at a");
    timeline.say("time; the ttl is 800 ms, so the lock has to be extended meanwhile.\n");
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

/// The servers in `REDLOCK_NODES`; what happens to them is up to the reader.
async fn on_servers() -> Arc<Timeline> {
    let redlock = options(Redlock::from_env().unwrap());
    let redlock = redlock.connect().await.unwrap();
    let names = redlock
        .nodes()
        .await
        .into_iter()
        .map(|it| it.node.to_string());
    let timeline = Timeline::new(std::io::stdout(), &WORKERS, names);

    timeline
        .say("Three workers share one lock, kept on your servers, for about 11 seconds. Stop a");
    timeline.say("server meanwhile, and start it again.\n");
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

/// Runs the workers until each had its turns.
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

/// One turn: wait for the lock, work while it is held, release it.
async fn turn(name: &str, redlock: &Redlock, timeline: &Timeline) {
    timeline.tell(name, What::Waits);
    let guard = match redlock.lock("report").await {
        Ok(guard) => guard,
        Err(error) => return timeline.tell(name, What::Refused(error.to_string())),
    };
    timeline.tell(name, What::Holds);
    match guard.run(work(name, &guard, timeline)).await {
        Ok(()) => timeline.tell(name, What::Releases),
        Err(lost) => timeline.tell(name, What::Loses(lost.reason().to_string())),
    }
    drop(guard);
}

/// Work in which nothing happens but extensions: the time that remains grows.
async fn work(name: &str, guard: &LockGuard, timeline: &Timeline) {
    let end = Instant::now() + WORK;
    let mut remaining = guard.remaining();
    while Instant::now() < end {
        sleep(ms(10)).await;
        if guard.remaining() > remaining {
            timeline.tell(name, What::Extends);
        }
        remaining = guard.remaining();
    }
}

/// Crashes one node and hangs another; for a while both are out, and three of five decide.
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
        timeline.tell(&format!("node {number}"), what);
    }
}

/// Notes which servers answer, for as long as it is polled.
async fn watch(redlock: &Redlock, timeline: &Timeline) {
    let mut down = Vec::new();
    loop {
        for report in redlock.nodes().await {
            match report.health {
                NodeHealth::Down(error) if !down.contains(&report.node) => {
                    timeline.tell(&report.node, What::Fails(error.kind().to_string()));
                    down.push(report.node);
                }
                NodeHealth::Connected if down.contains(&report.node) => {
                    timeline.tell(&report.node, What::Heals);
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

    /// On paused time the five seconds take none.
    #[tokio::test(start_paused = true)]
    async fn everyone_has_two_turns_through_all_faults() {
        let timeline = in_memory(std::io::sink()).await;
        let summary = timeline.summary();
        assert!(summary.starts_with("Checked: 6 turns, "), "{summary}");
        assert!(summary.ends_with(" 0 overlaps, 0 losses"), "{summary}");
        assert!(timeline.extensions() >= 6 * 2, "{summary}");
    }
}
