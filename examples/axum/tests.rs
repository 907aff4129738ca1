//! The service, asked over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use redlock::{Fault, MemoryNode, Redlock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::app::app;

#[tokio::test]
async fn a_free_invoice_is_charged() {
    let service = Service::start().await;
    let answer = service.charge(42).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.ends_with(r#"{"cents":1999,"invoice":42}"#),
        "{answer}"
    );
}

#[tokio::test]
async fn an_invoice_that_is_being_charged_is_a_conflict() {
    let service = Service::start().await;
    let request = service.redlock.lock("invoice:42");
    let guard = request.ttl(Duration::from_secs(5)).await.unwrap();
    let answer = service.charge(42).await;
    assert!(answer.starts_with("HTTP/1.1 409 Conflict\r\n"), "{answer}");
    assert!(answer.contains("\r\nretry-after: 5\r\n"), "{answer}");

    drop(guard);
    let answer = service.charge(42).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn without_a_majority_of_nodes_the_service_is_unavailable() {
    let service = Service::start().await;
    service.nodes[..2]
        .iter()
        .for_each(|it| it.fault(Fault::Crash));
    let answer = service.ask("GET", "/health").await;
    assert!(answer.ends_with("3 of 5 nodes are usable\n"), "{answer}");
    let answer = service.charge(42).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    service.nodes[2].fault(Fault::Crash);
    for (method, path) in [("POST", "/invoices/42/charge"), ("GET", "/health")] {
        let answer = service.ask(method, path).await;
        assert!(
            answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_no_lock() {
    let service = Service::start().await;
    let client = service.send("POST", "/invoices/42/charge").await;
    let is_charging = async || service.redlock.status("invoice:42").await.is_held();
    timeout(Duration::from_secs(5), async {
        while !is_charging().await {
            yield_now().await;
        }
    })
    .await
    .unwrap();
    drop(client);
    // Within less time than charging would have taken.
    let next = service.redlock.lock("invoice:42");
    let _guard = next.wait(Duration::from_millis(400)).await.unwrap();
}

/// The service on a port of its own, and the nodes below it.
struct Service {
    address: SocketAddr,
    redlock: Redlock,
    nodes: [MemoryNode; 5],
}

impl Service {
    async fn start() -> Self {
        let nodes = MemoryNode::cluster::<5>();
        let redlock = Redlock::builder().nodes(nodes.clone()).build().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = axum::serve(listener, app(redlock.clone()));
        tokio::spawn(async { service.await.unwrap() });
        Self {
            address,
            redlock,
            nodes,
        }
    }

    async fn charge(&self, id: u64) -> String {
        self.ask("POST", &format!("/invoices/{id}/charge")).await
    }

    /// Sends a request and reads everything that comes back.
    async fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = self.send(method, path).await;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn send(&self, method: &str, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }
}
