//! A web service whose handlers hold locks, and a ledger that checks fencing tokens.
//!
//! The service responds with 409 while a lock is busy, and with 503 without a majority of nodes. It
//! writes to the ledger, which responds with 412 to late writes.
//!
//! ```text
//! cargo run --example axum
//! curl -i -X POST localhost:3000/invoices/42/charge & curl -i -X POST localhost:3000/invoices/42/charge
//! ```
//!
//! Uses nodes in memory, or the comma-separated servers in `REDLOCK_NODES`. `PORT` sets the port.
//! `cargo test --example axum` runs the tests of the routes.

mod app;
mod client;
mod ledger;
#[cfg(test)]
mod tests;

use redlock::Redlock;
use tokio::net::TcpListener;

use crate::client::LedgerClient;

#[tokio::main]
async fn main() {
    let redlock = if std::env::var_os("REDLOCK_NODES").is_some() {
        Redlock::from_env().unwrap().connect().await.unwrap()
    } else {
        Redlock::in_memory(5)
    };
    // In production the ledger is a process of its own.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ledger = LedgerClient(listener.local_addr().unwrap());
    println!("ledger: http://{}", ledger.0);
    tokio::spawn(async { axum::serve(listener, ledger::ledger()).await.unwrap() });

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    println!(
        "service: http://{} (Ctrl-C stops it)",
        listener.local_addr().unwrap()
    );

    axum::serve(listener, app::app(redlock.clone(), ledger))
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap() })
        .await
        .unwrap();
    // Releases the locks that are still held, so that waiters do not wait for their ttl.
    redlock.shutdown().await;
}
