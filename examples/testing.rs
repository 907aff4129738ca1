//! Tests of code that uses a lock, on nodes that fail on command.
//!
//! ```text
//! cargo test --example testing
//! ```
//!
//! With Tokio's clock paused, minutes of leases take milliseconds.

use std::collections::VecDeque;
use std::time::Duration;

use redlock::Redlock;
use tokio::sync::Mutex;

/// The code under test. Ships all orders, one a second, unless another process is shipping.
///
/// The caller passes the manager, so a test can pass one with nodes of its own.
async fn ship(redlock: &Redlock, orders: &Orders) -> Result<usize, redlock::Error> {
    let guard = redlock
        .lock("shipping")
        .wait(Duration::from_secs(5))
        .await?;
    let shipped = guard
        .run(async {
            let mut shipped = 0;
            while orders.lock().await.pop_front().is_some() {
                tokio::time::sleep(Duration::from_secs(1)).await;
                shipped += 1;
            }
            shipped
        })
        .await?;
    Ok(shipped)
}

type Orders = Mutex<VecDeque<u32>>;

#[tokio::main]
async fn main() {
    let orders = Orders::new([1, 2].into());
    let shipped = ship(&Redlock::in_memory(3), &orders).await.unwrap();
    println!("{shipped} orders shipped. Run the tests of this example with:");
    println!("    cargo test --example testing");
}

#[cfg(test)]
mod tests {
    use redlock::{Fault, MemoryNode};
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_crashed_node_changes_nothing() {
        let (nodes, redlock) = cluster();
        let orders = Orders::new((0..100).collect());
        nodes[0].fault(Fault::Crash);
        assert_eq!(ship(&redlock, &orders).await.unwrap(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_calls_ship_one_after_the_other() {
        let (_nodes, redlock) = cluster();
        let orders = Orders::new([1, 2, 3].into());
        let (one, other) = tokio::join!(ship(&redlock, &orders), ship(&redlock, &orders));
        assert_eq!((one.unwrap(), other.unwrap()), (3, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_lock_is_given_up_after_five_seconds() {
        let (_nodes, redlock) = cluster();
        let orders = Orders::new([1].into());
        let _guard = redlock.lock("shipping").await.unwrap();
        let start = Instant::now();
        let error = ship(&redlock, &orders).await.unwrap_err();
        assert!(error.is_busy(), "{error}");
        assert!(start.elapsed() >= Duration::from_secs(5));
        assert_eq!(orders.lock().await.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_shipped_without_a_majority() {
        let (nodes, redlock) = cluster();
        let orders = Orders::new([1].into());
        nodes[..2].iter().for_each(|node| node.fault(Fault::Hang));
        let error = ship(&redlock, &orders).await.unwrap_err();
        assert!(error.is_unavailable(), "{error}");
        assert_eq!(orders.lock().await.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn shipping_stops_when_the_lock_is_lost() {
        let (nodes, redlock) = cluster();
        let orders = Orders::new((0..100).collect());
        let (outcome, ()) = tokio::join!(ship(&redlock, &orders), async {
            sleep(Duration::from_secs(10)).await;
            nodes[..2].iter().for_each(|node| node.fault(Fault::Hang));
        });
        assert!(outcome.unwrap_err().is_lost());
        // Ten undisturbed seconds, then at most the rest of the 30 s ttl.
        let left = orders.lock().await.len();
        assert!((60..90).contains(&left), "{left} of 100 orders are left");
    }

    fn cluster() -> ([MemoryNode; 3], Redlock) {
        let nodes = MemoryNode::cluster();
        let redlock = Redlock::builder().nodes(nodes.clone()).build().unwrap();
        (nodes, redlock)
    }
}
