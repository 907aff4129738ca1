//! Flows, resets and filters of a proxy.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::{Flow, Proxy, Server, eventually};

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn delays_shift_every_byte_and_keep_the_order() {
    let (server, proxy) = proxied();
    let mut client = Client::new(&proxy);
    for both in [false, true] {
        proxy.requests(Flow::Delay(SHORT));
        proxy.replies(if both { Flow::Delay(SHORT) } else { Flow::Pass });
        let start = Instant::now();
        for n in 0..50 {
            client.send(&format!("ECHO {n}"));
        }
        // Fifty requests are in flight at the same time: the delay adds latency, not serialization.
        for n in 0..50 {
            assert_eq!(client.receive(), format!("${}\r\n{n}", n.to_string().len()));
        }
        let (least, took) = (if both { SHORT * 2 } else { SHORT }, start.elapsed());
        assert!(took >= least && took < least + SHORT * 5, "{took:?}");
    }
    drop(server);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_held_request_arrives_after_its_sender_has_gone() {
    let (server, proxy) = proxied();
    let mut late = Client::new(&proxy);
    assert_eq!(late.request("SET key first"), "+OK");

    proxy.requests(Flow::Hold);
    late.send("SET key late");
    drop(late);
    proxy.heal_new();
    assert_eq!(Client::new(&proxy).request("SET key second"), "+OK");
    assert_eq!(server.probe().get("key").unwrap(), "second");

    proxy.heal();
    let arrived = || server.probe().get("key").unwrap() == "late";
    eventually("the request arrives", BOUND, arrived).await;
    eventually("the connections end", BOUND, || proxy.open() == 0).await;
    assert_eq!(proxy.accepted(), 2);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_lost_response_does_not_undo_its_request() {
    let (server, proxy) = proxied();
    let mut client = Client::new(&proxy);
    proxy.replies(Flow::Lose);
    client.send("SET key value");
    client.silent();
    assert_eq!(server.probe().get("key").unwrap(), "value");

    // A later response must not take the place of the lost one.
    proxy.heal();
    client.send("PING");
    client.silent();
    assert_eq!(Client::new(&proxy).request("PING"), "+PONG");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_lost_request_never_arrives() {
    let (server, proxy) = proxied();
    let mut client = Client::new(&proxy);
    proxy.both(Flow::Lose);
    client.send("SET key value");
    client.silent();
    proxy.heal();
    client.send("SET key value");
    client.silent();
    assert!(!server.probe().exists("key"));
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_cut_resets_open_connections_only() {
    let (server, proxy) = proxied();
    let mut client = Client::new(&proxy);
    assert_eq!(client.request("PING"), "+PONG");
    proxy.requests(Flow::Hold);
    client.send("SET key value");
    proxy.cut();
    assert_eq!(client.end(), Some(ErrorKind::ConnectionReset));

    proxy.heal();
    assert_eq!(Client::new(&proxy).request("EXISTS key"), ":0");
    drop(server);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_refusing_proxy_keeps_its_open_connections() {
    let (_server, proxy) = proxied();
    let mut client = Client::new(&proxy);
    for _ in 0..3 {
        proxy.refuse();
        let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        assert_eq!(client.request("PING"), "+PONG");

        proxy.accept();
        assert_eq!(Client::new(&proxy).request("PING"), "+PONG");
    }
}

#[tokio::test(start_paused = true)]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_proxy_runs_while_the_test_blocks_and_closes_on_drop() {
    let (server, proxy) = proxied();
    let mut client = Client::new(&proxy);
    assert_eq!(client.request("PING"), "+PONG");
    server.restart();
    assert_eq!(client.end(), None);

    let mut client = Client::new(&proxy);
    assert_eq!(client.request("PING"), "+PONG");
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.end(), None);

    let mut client = Client::new(&proxy);
    assert_eq!(client.request("PING"), "+PONG");
    drop(proxy);
    assert_eq!(client.end(), None);
}

fn proxied() -> (Server, Proxy) {
    let server = Server::start();
    let proxy = server.proxy();
    (server, proxy)
}

/// A client that can send a request without waiting for the response.
struct Client {
    stream: TcpStream,
}

impl Client {
    fn new(proxy: &Proxy) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    fn send(&mut self, command: &str) {
        self.stream
            .write_all(format!("{command}\r\n").as_bytes())
            .unwrap();
    }

    #[track_caller]
    fn request(&mut self, command: &str) -> String {
        self.send(command);
        self.receive()
    }

    /// Reads one response and trims its final line ending.
    #[track_caller]
    fn receive(&mut self) -> String {
        self.stream.set_read_timeout(Some(BOUND)).unwrap();
        let mut reply = String::new();
        let mut lines = 1;
        while lines > 0 {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            reply.push(byte[0].into());
            if reply == "$" {
                lines = 2;
            }
            lines -= usize::from(byte[0] == b'\n');
        }
        reply.trim_end().to_owned()
    }

    #[track_caller]
    fn silent(&mut self) {
        self.stream.set_read_timeout(Some(SHORT)).unwrap();
        let silence = self.stream.read(&mut [0]).unwrap_err().kind();
        assert!(
            [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&silence),
            "{silence}"
        );
    }

    /// Waits for the connection to end. Returns the error, or `None` after an orderly close.
    #[track_caller]
    fn end(&mut self) -> Option<ErrorKind> {
        self.stream.set_read_timeout(Some(BOUND)).unwrap();
        match self.stream.read(&mut [0]) {
            Ok(read) => {
                assert_eq!(read, 0);
                None
            }
            Err(error) => Some(error.kind()),
        }
    }
}

const SHORT: Duration = Duration::from_millis(60);
const BOUND: Duration = Duration::from_secs(10);
