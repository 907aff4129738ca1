//! Two candidates, one leader: campaign, lead, lose the office, campaign again.
//!
//! ```text
//! cargo run --example leader
//! ```

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redlock::{Fault, MemoryNode, Redlock};
use tokio::time::{Instant, sleep};

/// How long nobody leads after a leader has crashed.
const TTL: Duration = Duration::from_millis(500);

/// How many lead at this moment.
static LEADERS: AtomicUsize = AtomicUsize::new(0);

struct Candidate {
    name: &'static str,
    redlock: Redlock,
    start: Instant,
}

impl Candidate {
    /// Campaigns and leads in turns, for as long as it is polled.
    async fn run(&self) {
        loop {
            match self.redlock.lock("leader").ttl(TTL).await {
                Ok(guard) => {
                    self.tell("leads");
                    // Led until the term is over, or until the lock is lost: then the work is
                    // dropped where it stands, while nobody else can lead yet.
                    match guard.run(self.lead()).await {
                        Ok(()) => self.tell("steps down after its term"),
                        Err(lost) => self.tell(&format!("has to step down: {lost}")),
                    }
                    drop(guard);
                    // The others first: whoever has just led may be the one that is cut off.
                    sleep(TTL * 2).await;
                }
                // Somebody else leads.
                Err(error) if error.is_busy() => {}
                Err(error) => {
                    self.tell(&format!("cannot campaign: {error}"));
                    sleep(TTL).await;
                }
            }
        }
    }

    /// A term of ten duties.
    async fn lead(&self) {
        let _office = Office::enter();
        for _ in 0..10 {
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn tell(&self, what: &str) {
        let at = self.start.elapsed().as_secs_f64();
        println!("{at:>5.2} s  {}  {what}", self.name);
    }
}

/// Counts who leads, through every way in which leading can end.
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
    // In real life each is a process of its own, with a manager of its own.
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

/// Three of five nodes hang for a second: no leader can stay, and none can be elected.
async fn disturb(nodes: &[MemoryNode; 5], start: Instant) {
    let tell = |what| println!("{:>5.2} s  ---  {what}", start.elapsed().as_secs_f64());
    sleep(Duration::from_millis(300)).await;
    tell("three of five nodes hang");
    nodes[..3].iter().for_each(|node| node.fault(Fault::Hang));
    sleep(Duration::from_millis(1000)).await;
    tell("they go on");
    nodes[..3].iter().for_each(|node| node.fault(None));
    sleep(Duration::from_millis(2000)).await;
}
