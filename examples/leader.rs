//! Leader election with two candidates: campaign, lead, lose the office, campaign again.
//!
//! ```text
//! cargo run --example leader
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redlock::{Fault, MemoryNode, Redlock};
use tokio::time::{Instant, sleep};

/// How long there is no leader after a leader has crashed.
const TTL: Duration = Duration::from_millis(500);

/// The number of current leaders.
static LEADERS: AtomicUsize = AtomicUsize::new(0);

struct Candidate {
    name: &'static str,
    redlock: Redlock,
    start: Instant,
}

impl Candidate {
    /// Campaigns and leads alternately, for as long as it is polled.
    async fn run(&self) {
        loop {
            match self.redlock.lock("leader").ttl(TTL).await {
                Ok(guard) => {
                    self.log("leads");
                    // Leads until the term ends. If the lock is lost first, the work is dropped at
                    // its current `.await`, before the other candidate can lead.
                    match guard.run(self.lead()).await {
                        Ok(()) => self.log("steps down after its term"),
                        Err(lost) => self.log(&format!("has to step down: {lost}")),
                    }
                    drop(guard);
                    // Lets the other candidate go first: this one may be cut off from the nodes.
                    sleep(TTL * 2).await;
                }
                // The other candidate leads.
                Err(error) if error.is_busy() => {}
                Err(error) => {
                    self.log(&format!("cannot campaign: {error}"));
                    sleep(TTL).await;
                }
            }
        }
    }

    /// Serves a term of ten duties.
    async fn lead(&self) {
        let _office = Office::enter();
        for _ in 0..10 {
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn log(&self, what: &str) {
        let at = self.start.elapsed().as_secs_f64();
        println!("{at:>5.2} s  {}  {what}", self.name);
    }
}

/// The office while a leader holds it. Dropping it counts the end of a term, however it ends.
struct Office;

impl Office {
    fn enter() -> Self {
        let others = LEADERS.fetch_add(1, Ordering::SeqCst);
        assert_eq!(others, 0, "two leaders at once");
        Self
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        LEADERS.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::main]
async fn main() {
    let start = Instant::now();
    let nodes = MemoryNode::cluster::<5>();
    // In production each candidate is a process with its own manager.
    let [ann, ben] = ["ann", "ben"].map(|name| Candidate {
        name,
        redlock: Redlock::builder().nodes(nodes.clone()).build().unwrap(),
        start,
    });
    tokio::select! {
        () = ann.run() => {}
        () = ben.run() => {}
        () = disturb(&nodes, start) => {}
    }
    ann.redlock.shutdown().await;
    ben.redlock.shutdown().await;
    println!("never two leaders at once");
}

/// Hangs three of five nodes for a second. No leader can stay, and none can be elected.
async fn disturb(nodes: &[MemoryNode; 5], start: Instant) {
    let log = |what| println!("{:>5.2} s  ---  {what}", start.elapsed().as_secs_f64());
    sleep(Duration::from_millis(300)).await;
    log("three of five nodes hang");
    nodes[..3].iter().for_each(|node| node.fault(Fault::Hang));
    sleep(Duration::from_millis(1000)).await;
    log("they resume");
    nodes[..3].iter().for_each(|node| node.fault(None));
    sleep(Duration::from_millis(2000)).await;
}
