//! The behaviour of the service over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use redlock::{Fault, FencingToken, MemoryNode, Redlock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::app::app;
use crate::client::LedgerClient;
use crate::ledger::ledger;

#[tokio::test]
async fn a_free_invoice_is_charged() {
    let service = Service::start().await;
    let response = service.charge(42).await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(
        response.ends_with(r#"{"cents":1999,"invoice":42}"#),
        "{response}"
    );
}

#[tokio::test]
async fn an_invoice_that_is_being_charged_is_a_conflict() {
    let service = Service::start().await;
    let request = service.redlock.lock("invoice:42");
    let guard = request.ttl(Duration::from_secs(5)).await.unwrap();
    let response = service.charge(42).await;
    assert!(
        response.starts_with("HTTP/1.1 409 Conflict\r\n"),
        "{response}"
    );
    assert!(response.contains("\r\nretry-after: 5\r\n"), "{response}");

    drop(guard);
    let response = service.charge(42).await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
}

#[tokio::test]
async fn without_a_majority_of_nodes_the_service_is_unavailable() {
    let service = Service::start().await;
    service.nodes[..2]
        .iter()
        .for_each(|it| it.fault(Fault::Crash));
    let response = service.fetch("GET", "/health").await;
    assert!(
        response.ends_with("3 of 5 nodes are usable\n"),
        "{response}"
    );
    let response = service.charge(42).await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");

    service.nodes[2].fault(Fault::Crash);
    for (method, path) in [("POST", "/invoices/42/charge"), ("GET", "/health")] {
        let response = service.fetch(method, path).await;
        assert!(
            response.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
            "{response}"
        );
    }
}

#[tokio::test]
async fn a_client_that_disconnects_leaves_no_lock() {
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
    // Sooner than the charge would have ended.
    let next = service.redlock.lock("invoice:42");
    let _guard = next.wait(Duration::from_millis(400)).await.unwrap();
}

#[tokio::test]
async fn after_a_charge_the_ledger_rejects_an_older_token() {
    let service = Service::start().await;
    let guard = service.redlock.lock("invoice:42").await.unwrap();
    let older = guard.token();
    drop(guard);
    let response = service.charge(42).await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");

    let response = service.write(42, Some(&older.to_string()), "late").await;
    assert!(
        response.starts_with("HTTP/1.1 412 Precondition Failed\r\n"),
        "{response}"
    );
    let stale = format!("\r\n\r\ntoken {older} is stale: ");
    assert!(response.contains(&stale), "{response}");
    assert!(service.entry(42).await.ends_with("\r\n\r\ncharged"));
}

#[tokio::test]
async fn a_charge_that_the_ledger_rejects_is_a_conflict() {
    let service = Service::start().await;
    let newest = FencingToken::new(u64::MAX).to_string();
    let response = service.write(42, Some(&newest), "newest").await;
    assert!(
        response.starts_with("HTTP/1.1 204 No Content\r\n"),
        "{response}"
    );
    let response = service.charge(42).await;
    assert!(
        response.starts_with("HTTP/1.1 409 Conflict\r\n"),
        "{response}"
    );
    assert!(service.entry(42).await.ends_with("\r\n\r\nnewest"));
}

#[tokio::test]
async fn the_ledger_compares_the_tokens_of_each_invoice() {
    let service = Service::start().await;
    for (id, token, status) in [
        (1, Some("7"), "204"),
        (1, Some("7"), "204"),
        (1, Some("6"), "412"),
        (2, Some("6"), "204"),
        (1, None, "428"),
        (1, Some("-8"), "400"),
    ] {
        let response = service.write(id, token, "entry").await;
        let start = format!("HTTP/1.1 {status} ");
        assert!(response.starts_with(&start), "{id} {token:?}: {response}");
    }
}

#[tokio::test]
async fn a_token_sent_with_a_read_rejects_older_writes() {
    let service = Service::start().await;
    service.write(42, Some("7"), "seven").await;
    let headers = "Fencing-Token: 8\r\n";
    let ledger = service.ledger;
    let response = fetch(ledger, "GET", "/entries/42", headers, "").await;
    assert!(response.ends_with("\r\n\r\nseven"), "{response}");
    let response = service.write(42, Some("7"), "late").await;
    assert!(response.starts_with("HTTP/1.1 412 "), "{response}");
    let response = service.write(42, Some("8"), "eight").await;
    assert!(response.starts_with("HTTP/1.1 204 "), "{response}");
}

/// The service and the ledger, each on its own port, and the nodes of the service.
struct Service {
    address: SocketAddr,
    ledger: SocketAddr,
    redlock: Redlock,
    nodes: [MemoryNode; 5],
}

impl Service {
    async fn start() -> Self {
        let nodes = MemoryNode::cluster::<5>();
        let redlock = Redlock::builder().nodes(nodes.clone()).build().unwrap();
        let ledger = serve(ledger()).await;
        let address = serve(app(redlock.clone(), LedgerClient(ledger))).await;
        Self {
            address,
            ledger,
            redlock,
            nodes,
        }
    }

    async fn charge(&self, id: u64) -> String {
        self.fetch("POST", &format!("/invoices/{id}/charge")).await
    }

    async fn fetch(&self, method: &str, path: &str) -> String {
        fetch(self.address, method, path, "", "").await
    }

    async fn send(&self, method: &str, path: &str) -> TcpStream {
        send(self.address, method, path, "", "").await
    }

    /// Writes to the ledger as a holder with this token would.
    async fn write(&self, id: u64, token: Option<&str>, text: &str) -> String {
        let header = |token: &str| format!("Fencing-Token: {token}\r\n");
        let headers = token.map(header).unwrap_or_default();
        fetch(
            self.ledger,
            "PUT",
            &format!("/entries/{id}"),
            &headers,
            text,
        )
        .await
    }

    async fn entry(&self, id: u64) -> String {
        fetch(self.ledger, "GET", &format!("/entries/{id}"), "", "").await
    }
}

async fn serve(service: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, service).await.unwrap() });
    address
}

/// Sends a request and reads the whole response.
async fn fetch(to: SocketAddr, method: &str, path: &str, headers: &str, text: &str) -> String {
    let mut stream = send(to, method, path, headers, text).await;
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response
}

async fn send(to: SocketAddr, method: &str, path: &str, headers: &str, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let length = text.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         {headers}Content-Length: {length}\r\n\r\n{text}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}
