//! Servers that say why they close a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use redlock::node::NodeHealth;
use redlock::{LockError, NodeErrorKind, Redlock};
use redlock_tests::{Server, Servers};

/// Serves each connection in its own thread with `serve`, for the rest of the process. Returns the
/// URL.
fn fake_server(serve: impl Fn(TcpStream) + Copy + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            thread::spawn(move || serve(stream));
        }
    });
    format!("redis://127.0.0.1:{port}")
}

/// Returns the cause that a new manager reports for a node.
async fn cause_at(url: &str) -> redlock::NodeError {
    let redlock = Redlock::builder().node(url).build().unwrap();
    let report = redlock.nodes().await.remove(0);
    match report.health {
        NodeHealth::Down(cause) => cause,
        _ => panic!("{report:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_server_with_too_many_clients_says_so() {
    let servers = Servers::start_each([Server::builder().arg("--maxclients", 1)]);
    let probe = servers[0].probe();
    let url = &servers.urls()[0];
    // The server decides by chance how the end of a refused connection looks to the client.
    for attempt in 0..20 {
        // The only client.
        assert!(!probe.exists("a"));
        let cause = cause_at(url).await;
        let message = cause.message();
        let expected = "max number of clients reached";
        assert!(message.contains(expected), "attempt {attempt}: {cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_before_the_end_is_quoted_however_it_ends() {
    const DENIED: &[u8] = b"-DENIED Redis is running in protected mode\r\n";
    let closes = fake_server(|mut stream| stream.write_all(DENIED).unwrap());
    let reads_and_closes = fake_server(|mut stream| {
        let _count = stream.read(&mut [0; 4096]);
        stream.write_all(DENIED).unwrap();
    });
    // Bytes that were not read turn the close into a reset.
    let resets = fake_server(|mut stream| {
        stream.read_exact(&mut [0; 1]).unwrap();
        stream.write_all(DENIED).unwrap();
    });
    for url in [closes, reads_and_closes, resets] {
        for protocol in ["", "?protocol=resp2"] {
            for attempt in 0..10 {
                let cause = cause_at(&format!("{url}{protocol}")).await;
                let is_quoted = cause.message().contains("DENIED Redis is running");
                assert!(is_quoted, "{url}{protocol} attempt {attempt}: {cause}");
            }
        }
    }
}

/// Accepts every command until `last` arrives: that gets an error, and the connection ends.
fn serve_until(stream: &TcpStream, last: &[u8]) {
    let (mut input, mut output) = (BufReader::new(stream), stream);
    // Reads the number behind `*` or `$`. At the end of the connection there is none.
    let number = |input: &mut BufReader<&TcpStream>| {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        line.get(1..)?.trim_end().parse::<usize>().ok()
    };
    while let Some(count) = number(&mut input) {
        let mut words = Vec::new();
        for _ in 0..count {
            let mut word = vec![0; number(&mut input).unwrap() + 2];
            input.read_exact(&mut word).unwrap();
            words.push(word);
        }
        if words[0].starts_with(last) {
            output.write_all(b"-ERR upstream failure\r\n").unwrap();
            return;
        }
        output.write_all(b"+PONG\r\n").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_error_of_a_connection_in_use_is_quoted() {
    let url = fake_server(|stream| serve_until(&stream, b"SET")) + "?protocol=resp2";
    let builder = Redlock::builder().node(url).restart_quarantine(false);
    let redlock = builder.connect().await.unwrap();
    // The key and its counter: the second command gets no response.
    let refused = redlock.try_lock("a").await.unwrap_err();
    let LockError::NoQuorum { failures, .. } = &refused else {
        panic!("{refused:?}")
    };
    let cause = failures[0].error();
    assert_eq!(cause.kind(), NodeErrorKind::Disconnected, "{cause}");
    assert!(cause.message().contains("ERR upstream failure"), "{cause}");
    assert!(cause.is_sent(), "the key may have been set");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_responds_is_quoted_in_one_line() {
    let http = fake_server(|mut stream| {
        let _count = stream.read(&mut [0; 4096]);
        let page = b"HTTP/1.0 400 Bad Request\r\nServer: a\r\n\r\n<html>\n</html>\n";
        stream.write_all(page).unwrap();
    });
    let hostile = fake_server(|mut stream| {
        let _count = stream.read(&mut [0; 4096]);
        stream
            .write_all(b"-ERR a\x1b[2Jb\x00\xe2\x80\xa8c\r\n")
            .unwrap();
    });
    for url in [http, hostile] {
        for protocol in ["", "?protocol=resp2"] {
            let cause = cause_at(&format!("{url}{protocol}")).await.to_string();
            let breaks = |it: char| it.is_control() || it == '\u{2028}';
            assert!(!cause.contains(breaks), "{cause:?}");
            assert!(!cause.is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_expects_tls_is_named_as_such() {
    let alerts = fake_server(|mut stream| {
        let _count = stream.read(&mut [0; 4096]);
        // Fatal: protocol version.
        stream.write_all(b"\x15\x03\x03\x00\x02\x02\x46").unwrap();
    });
    // Bytes that were not read turn the close into a reset.
    let resets = fake_server(|mut stream| stream.read_exact(&mut [0; 1]).unwrap());
    for url in [alerts, resets] {
        for protocol in ["", "?protocol=resp2"] {
            let cause = cause_at(&format!("{url}{protocol}")).await;
            let is_named = cause.message().contains("TLS, write rediss://")
                || cause.message().contains("TLS: write rediss://");
            assert!(is_named, "{url}{protocol}: {cause}");
        }
    }
}
