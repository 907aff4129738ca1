//! A service whose handlers hold locks: 409 while a lock is busy, 503 without a majority of nodes;
//! and a second one, which it writes to with fencing tokens: 412 for writes that come too late.
//!
//! ```text
//! cargo run --example axum
//! curl -i -X POST localhost:3000/invoices/42/charge & curl -i -X POST localhost:3000/invoices/42/charge
//! ```
//!
//! On nodes in memory, or on the servers in `REDLOCK_NODES`, separated by commas. `PORT` chooses
//! the port. The tests of the routes run by `cargo test --example axum`.

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
    // In real life, elsewhere.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ledger = LedgerClient(listener.local_addr().unwrap());
    println!("the ledger: http://{}", ledger.0);
    tokio::spawn(async { axum::serve(listener, ledger::ledger()).await.unwrap() });

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    println!("http://{}, until ctrl-c", listener.local_addr().unwrap());

    axum::serve(listener, app::app(redlock.clone(), ledger))
        .with_graceful_shutdown(async { tokio::signal::ctrl_c().await.unwrap() })
        .await
        .unwrap();
    // Whatever is still held is released, so that nobody has to wait for its ttl.
    redlock.shutdown().await;
}
