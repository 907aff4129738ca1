//! Locks in other stores, as users would take them in place of this crate.

mod etcd;
mod http;
mod postgres;
mod postgres_server;
mod program;

use std::fmt::Debug;
use std::time::{Duration, Instant};

pub use etcd::{Etcd, EtcdCluster};
pub use postgres::Postgres;
pub use postgres_server::PostgresServer;

/// Repeats `attempt` until it succeeds: a server that has just started may refuse.
///
/// # Panics
///
/// Panics after half a minute.
async fn until_ready<T, E: Debug>(mut attempt: impl AsyncFnMut() -> Result<T, E>) -> T {
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(result) => return result,
            Err(error) => assert!(start.elapsed() < PATIENCE, "not ready: {error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
