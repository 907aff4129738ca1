//! A test of your own: code that uses a lock, on nodes that fail when the test says so.
//!
//! ```text
//! cargo test --example testing
//! ```
//!
//! On paused time, minutes of leases take milliseconds.

use std::collections::VecDeque;
use std::time::Duration;

use redlock::Redlock;
use tokio::sync::Mutex;

/// The code under test: ships all orders, one a second, unless somebody else is at it.
///
/// It takes the manager from its caller, so that a test can give it one over nodes of its own.
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
    println!("{shipped} orders shipped. Its tests:");
    println!("    cargo test --example testing");
}

#[cfg(test)]
mod tests {
    use redlock::{Fault, MemoryNode};
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_that_crashes_changes_nothing() {
        let (nodes, redlock) = cluster();
        let orders = Orders::new((0..100).collect());
        nodes[0].fault(Fault::Crash);
        assert_eq!(ship(&redlock, &orders).await.unwrap(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn two_at_once_ship_one_after_the_other() {
        let (_nodes, redlock) = cluster();
        let orders = Orders::new([1, 2, 3].into());
        let (one, other) = tokio::join!(ship(&redlock, &orders), ship(&redlock, &orders));
        assert_eq!((one.unwrap(), other.unwrap()), (3, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn while_somebody_else_ships_it_gives_up_after_five_seconds() {
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
    async fn without_a_majority_nothing_is_shipped() {
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
        // Ten seconds in peace, and then at most what was left of the ttl of 30 s.
        let left = orders.lock().await.len();
        assert!((60..90).contains(&left), "{left} of 100 orders are left");
    }

    fn cluster() -> ([MemoryNode; 3], Redlock) {
        let nodes = MemoryNode::cluster();
        let redlock = Redlock::builder().nodes(nodes.clone()).build().unwrap();
        (nodes, redlock)
    }
}
