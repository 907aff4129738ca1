//! Tests of a channel against a peer that reads and writes as the test says.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deadpool_redis::redis::cmd;
use deadpool_redis::redis::io::tcp::socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::*;
use crate::error::NodeErrorKind;
use crate::node::redis::wire::Wire;
use crate::node::{Watch, Watcher};

#[derive(Default)]
struct Count(AtomicUsize);

impl Watcher for Count {
    fn key_changed(&self, _node: usize) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

async fn connect(pushes: Option<Invalidations>) -> (Wire, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ours, peer) = tokio::join!(TcpStream::connect(address), listener.accept());
    let channel = Channel::new(Socket::Tcp(ours.unwrap()), pushes);
    (Wire::Channel(Box::new(channel)), peer.unwrap().0)
}

/// Adds commands, and sends them as one batch. Returns their bytes.
fn send(wire: &mut Wire, commands: &[&str]) -> Result<Vec<u8>, Unsent> {
    let mut packed = Calls::packed();
    for command in commands {
        wire.calls().add_command(&cmd(command));
        packed.add_command(&cmd(command));
    }
    wire.send().map(|()| std::mem::take(packed.bytes()))
}

async fn is_silent(wire: &mut Wire) -> bool {
    let waiting = timeout(
        Duration::from_millis(50),
        poll_fn(|cx| wire.poll_responses(cx)),
    );
    waiting.await.is_err()
}

async fn responses(wire: &mut Wire) -> Result<Vec<Value>, NodeError> {
    let waiting = timeout(
        Duration::from_secs(60),
        poll_fn(|cx| wire.poll_responses(cx)),
    );
    waiting.await.expect("responses or an error")
}

#[tokio::test]
async fn responses_arrive_batch_by_batch_however_they_are_cut() {
    let (mut wire, mut peer) = connect(None).await;
    let first = send(&mut wire, &["a", "b"]).unwrap();
    let second = send(&mut wire, &["c"]).unwrap();
    let mut read = vec![0; first.len() + second.len()];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(read, [first, second].concat());
    for byte in b"+OK\r\n:1" {
        peer.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(is_silent(&mut wire).await);
    peer.write_all(b"2\r\n$1\r\nx\r\n").await.unwrap();
    let first = responses(&mut wire).await.unwrap();
    assert_eq!(first, [Value::Okay, Value::Int(12)]);
    let second = responses(&mut wire).await.unwrap();
    assert_eq!(second, [Value::BulkString(b"x".into())]);
    assert!(is_silent(&mut wire).await, "no batch is in flight");
}

#[tokio::test]
async fn what_a_socket_does_not_take_at_once_is_written_later_and_in_order() {
    let (mut wire, mut peer) = connect(None).await;
    let long = "x".repeat(16 * 1024 * 1024);
    let mut expected = send(&mut wire, &[&long]).unwrap();
    expected.extend(send(&mut wire, &["a", "b"]).unwrap());
    assert!(is_silent(&mut wire).await, "the peer does not read");
    let reading = async {
        let mut read = vec![0; expected.len()];
        peer.read_exact(&mut read).await.unwrap();
        assert!(read == expected);
        peer.write_all(b":1\r\n:2\r\n:3\r\n").await.unwrap();
        peer
    };
    let (first, mut peer) = tokio::join!(responses(&mut wire), reading);
    assert_eq!(first.unwrap(), [Value::Int(1)]);
    let second = responses(&mut wire).await.unwrap();
    assert_eq!(second, [Value::Int(2), Value::Int(3)]);
    // Nothing is left over, and little of the room is kept.
    let next = send(&mut wire, &["c"]).unwrap();
    let mut read = vec![0; next.len()];
    peer.read_exact(&mut read).await.unwrap();
    assert_eq!(read, next);
    assert!(wire.calls().bytes().capacity() <= MAX_KEPT);
}

#[tokio::test]
async fn a_socket_that_never_takes_everything_does_not_fill_the_memory() {
    let (mut wire, mut peer) = connect(None).await;
    let long = "x".repeat(1024 * 1024);
    let batch = send(&mut wire, &[&long]).unwrap();
    // More than the buffers of the sockets take.
    for _ in 0..15 {
        send(&mut wire, &[&long]).unwrap();
    }
    let mut read = vec![0; batch.len()];
    for _ in 0..64 {
        // One batch leaves for each that is added.
        send(&mut wire, &[&long]).unwrap();
        let reading = async {
            peer.read_exact(&mut read).await.unwrap();
            assert!(read == batch);
            peer.write_all(b":1\r\n").await.unwrap();
        };
        let (responses, ()) = tokio::join!(responses(&mut wire), reading);
        assert_eq!(responses.unwrap(), [Value::Int(1)]);
    }
    let kept = wire.calls().bytes().len();
    assert!(kept <= 48 * batch.len(), "{kept}");
}

/// Nothing waits for responses after the end of a runtime. The last releases still leave.
#[tokio::test]
async fn a_batch_takes_along_what_waits_ahead_of_it() {
    let (mut wire, mut peer) = connect(None).await;
    let mut expected = send(&mut wire, &[&"x".repeat(16 * 1024 * 1024)]).unwrap();
    let (long, mut read, mut part) = (expected.len(), Vec::new(), vec![0; 1024 * 1024]);
    let end = Instant::now() + Duration::from_secs(60);
    while read.len() < long {
        assert!(Instant::now() < end, "{} of {long}", read.len());
        expected.extend(send(&mut wire, &["a"]).unwrap());
        while let Ok(count) = timeout(Duration::from_millis(10), peer.read(&mut part)).await {
            read.extend_from_slice(&part[..count.unwrap()]);
        }
    }
    assert!(expected.starts_with(&read));
}

#[test]
fn without_its_runtime_a_socket_takes_more_once_it_has_room() {
    use std::io::Read;
    let runtime = Runtime::new().unwrap();
    let (mut wire, peer) = runtime.block_on(connect(None));
    let mut peer = peer.into_std().unwrap();
    // Nothing waits for room while the runtime lives.
    let mut expected = send(&mut wire, &[&"x".repeat(16 * 1024 * 1024)]).unwrap();
    drop(runtime);
    let mut wire = wire.without_runtime().unwrap();
    let (long, mut read, mut part) = (expected.len(), Vec::new(), vec![0; 1024 * 1024]);
    let end = Instant::now() + Duration::from_secs(60);
    while read.len() < long {
        match peer.read(&mut part) {
            Ok(count) => read.extend_from_slice(&part[..count]),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        assert!(Instant::now() < end, "{} of {long}", read.len());
        expected.extend(send(&mut wire, &["late"]).unwrap());
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(wire);
    peer.set_nonblocking(false).unwrap();
    peer.read_to_end(&mut read).unwrap();
    assert!(expected.starts_with(&read));
}

#[tokio::test]
async fn a_command_that_a_panic_has_cut_off_never_leaves() {
    let (mut wire, mut peer) = connect(None).await;
    wire.calls().bytes().extend_from_slice(b"*2\r\n$3\r\nDEL");
    let mut wire = wire.without_runtime().unwrap();
    let expected = send(&mut wire, &["late"]).unwrap();
    drop(wire);
    let mut read = Vec::new();
    peer.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_batch_that_is_half_written_is_not_unsent() {
    let (mut wire, peer) = connect(None).await;
    send(&mut wire, &["a", &"x".repeat(16 * 1024 * 1024)]).unwrap();
    send(&mut wire, &["b"]).unwrap();
    assert!(is_silent(&mut wire).await, "the peer does not read");
    // Closed at once, with an error for the other end.
    SockRef::from(&peer)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(peer);
    let error = responses(&mut wire).await.unwrap_err();
    assert_eq!(error.kind(), NodeErrorKind::Disconnected);
    assert!(error.is_sent(), "part of it was sent");
    // Of the next one nothing was.
    assert_eq!(send(&mut wire, &["c"]), Err(Unsent));
    assert_eq!(wire.calls().take_count(), 0);
    assert!(!wire.calls().bytes().ends_with(b"c\r\n"));
    assert!(responses(&mut wire).await.is_err(), "a and b have no fate");
}

#[tokio::test]
async fn a_batch_for_a_connection_that_had_ended_is_unsent() {
    let (mut wire, peer) = connect(None).await;
    drop(peer);
    assert!(
        is_silent(&mut wire).await,
        "the end shows at the next batch"
    );
    assert_eq!(send(&mut wire, &["a"]), Err(Unsent));
    assert!(wire.calls().bytes().is_empty());
}

#[tokio::test]
async fn pushes_between_responses_are_no_responses() {
    let invalidations = Invalidations::default();
    let (waiter, keys) = (Arc::<Count>::default(), [Arc::from(&b"k"[..])]);
    let watch = |node| invalidations.register(&keys, &Watch::new(&waiter, node));
    let notified = || waiter.0.load(Ordering::Relaxed);
    let (mut wire, mut peer) = connect(Some(invalidations.clone())).await;
    watch(0);
    send(&mut wire, &["a", "b", "c"]).unwrap();
    let push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
    let confirmation = ">3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n";
    let bytes = format!("{push}+OK\r\n{push}{confirmation}:1\r\n{push}");
    peer.write_all(bytes.as_bytes()).await.unwrap();
    let values = responses(&mut wire).await.unwrap();
    assert_eq!((&values[0], &values[2]), (&Value::Okay, &Value::Int(1)));
    let kind = PushKind::Subscribe;
    assert!(matches!(&values[1], Value::Push { kind: found, .. } if *found == kind));
    assert_eq!(notified(), 1);
    // They also arrive while no batch is in flight.
    watch(1);
    peer.write_all(push.as_bytes()).await.unwrap();
    assert!(is_silent(&mut wire).await);
    assert_eq!(notified(), 2);
    // The end is a loss of pushes.
    watch(2);
    drop(peer);
    assert!(is_silent(&mut wire).await);
    assert_eq!(notified(), 3);
}

#[tokio::test]
async fn a_value_that_was_not_requested_is_ignored() {
    let (mut wire, mut peer) = connect(None).await;
    peer.write_all(b"+OK\r\n").await.unwrap();
    assert!(is_silent(&mut wire).await);
    send(&mut wire, &["a"]).unwrap();
    peer.write_all(b":1\r\n").await.unwrap();
    assert_eq!(responses(&mut wire).await.unwrap(), [Value::Int(1)]);
}

#[tokio::test]
async fn a_response_without_a_limit_ends_the_connection() {
    let (mut wire, mut peer) = connect(None).await;
    send(&mut wire, &["a"]).unwrap();
    peer.write_all(b"$9000000000\r\nxxx").await.unwrap();
    let error = responses(&mut wire).await.unwrap_err();
    assert_eq!(error.kind(), NodeErrorKind::Protocol);
    assert!(error.message().contains("too long"), "{error}");
    assert_eq!(send(&mut wire, &["b"]), Err(Unsent));
}

#[tokio::test]
async fn the_last_words_of_a_server_are_quoted() {
    for (sent, expected) in [
        ("-ERR too old\r\n", Some("ERR too old")),
        ("-ERR too old\r\n:1\r\n", None),
    ] {
        let (mut wire, mut peer) = connect(None).await;
        send(&mut wire, &["a", "b", "c"]).unwrap();
        peer.write_all(sent.as_bytes()).await.unwrap();
        peer.shutdown().await.unwrap();
        let error = responses(&mut wire).await.unwrap_err();
        assert_eq!(error.kind(), NodeErrorKind::Disconnected);
        let quoted = error.message().contains("the server closed the connection");
        assert_eq!(quoted, expected.is_some(), "{error}");
        assert!(error.message().contains(expected.unwrap_or_default()));
    }
}
