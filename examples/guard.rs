//! The life of a lock: acquire it, work under it, extend it, release it.
//!
//! ```text
//! cargo run --example guard
//! ```
//!
//! Uses nodes in memory, or the comma-separated servers in `REDLOCK_NODES`.

use std::time::Duration;

use redlock::Redlock;

#[tokio::main]
async fn main() -> Result<(), redlock::Error> {
    let redlock = if std::env::var_os("REDLOCK_NODES").is_some() {
        Redlock::from_env()?.connect().await?
    } else {
        Redlock::in_memory(3)
    };

    let guard = redlock
        .lock("invoice:42")
        .ttl(Duration::from_secs(5))
        .wait(Duration::from_secs(2))
        .await?;
    println!(
        "locked {}, {:.1?} left",
        guard.resource(),
        guard.remaining()
    );

    // While the guard lives, every other request finds the lock busy.
    let refused = redlock.try_lock("invoice:42").await.unwrap_err();
    println!("second request: {refused}");

    // If the lock is lost, the work is dropped at its current `.await`.
    let total = guard.run(add_up(&[19, 23])).await?;
    println!("total: {total}");

    // The lock is extended automatically. This is for a step that needs more time than usual.
    let left = guard.extend(Duration::from_secs(20)).await?;
    println!("extended, {left:.1?} left");

    // Dropping the guard releases the lock too, but returns no report.
    let released = guard.release().await?;
    for node in released.nodes() {
        println!("{}: {}", node.node(), node.outcome());
    }
    redlock.shutdown().await;
    Ok(())
}

async fn add_up(items: &[u32]) -> u32 {
    tokio::time::sleep(Duration::from_millis(100)).await;
    items.iter().sum()
}
