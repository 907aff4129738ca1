//! The service, asked over HTTP.

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

#[tokio::test]
async fn charging_writes_to_the_ledger_and_a_write_with_an_older_token_is_refused() {
    let service = Service::start().await;
    let guard = service.redlock.lock("invoice:42").await.unwrap();
    let older = guard.token();
    drop(guard);
    let answer = service.charge(42).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    let answer = service.write(42, Some(&older.to_string()), "late").await;
    assert!(
        answer.starts_with("HTTP/1.1 412 Precondition Failed\r\n"),
        "{answer}"
    );
    let stale = format!("\r\n\r\ntoken {older} is stale: ");
    assert!(answer.contains(&stale), "{answer}");
    assert!(service.entry(42).await.ends_with("\r\n\r\ncharged"));
}

#[tokio::test]
async fn a_charge_that_the_ledger_refuses_is_a_conflict() {
    let service = Service::start().await;
    let newest = FencingToken::new(u64::MAX).to_string();
    let answer = service.write(42, Some(&newest), "newest").await;
    assert!(
        answer.starts_with("HTTP/1.1 204 No Content\r\n"),
        "{answer}"
    );
    let answer = service.charge(42).await;
    assert!(answer.starts_with("HTTP/1.1 409 Conflict\r\n"), "{answer}");
    assert!(service.entry(42).await.ends_with("\r\n\r\nnewest"));
}

#[tokio::test]
async fn the_ledger_takes_a_token_again_and_each_invoice_has_its_own() {
    let service = Service::start().await;
    for (id, token, status) in [
        (1, Some("7"), "204"),
        (1, Some("7"), "204"),
        (1, Some("6"), "412"),
        (2, Some("6"), "204"),
        (1, None, "428"),
        (1, Some("-8"), "400"),
    ] {
        let answer = service.write(id, token, "entry").await;
        let start = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&start), "{id} {token:?}: {answer}");
    }
}

#[tokio::test]
async fn a_token_shown_when_reading_keeps_older_writes_out() {
    let service = Service::start().await;
    service.write(42, Some("7"), "seven").await;
    let headers = "Fencing-Token: 8\r\n";
    let ledger = service.ledger;
    let answer = ask(ledger, "GET", "/entries/42", headers, "").await;
    assert!(answer.ends_with("\r\n\r\nseven"), "{answer}");
    let answer = service.write(42, Some("7"), "late").await;
    assert!(answer.starts_with("HTTP/1.1 412 "), "{answer}");
    let answer = service.write(42, Some("8"), "eight").await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
}

/// The service on a port of its own, the ledger on another, and the nodes below.
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
        self.ask("POST", &format!("/invoices/{id}/charge")).await
    }

    async fn ask(&self, method: &str, path: &str) -> String {
        ask(self.address, method, path, "", "").await
    }

    async fn send(&self, method: &str, path: &str) -> TcpStream {
        send(self.address, method, path, "", "").await
    }

    /// Writes to the ledger as a holder with this token would.
    async fn write(&self, id: u64, token: Option<&str>, text: &str) -> String {
        let header = |token: &str| format!("Fencing-Token: {token}\r\n");
        let headers = token.map(header).unwrap_or_default();
        ask(
            self.ledger,
            "PUT",
            &format!("/entries/{id}"),
            &headers,
            text,
        )
        .await
    }

    async fn entry(&self, id: u64) -> String {
        ask(self.ledger, "GET", &format!("/entries/{id}"), "", "").await
    }
}

async fn serve(service: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, service).await.unwrap() });
    address
}

/// Sends a request and reads everything that comes back.
async fn ask(to: SocketAddr, method: &str, path: &str, headers: &str, text: &str) -> String {
    let mut stream = send(to, method, path, headers, text).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
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
