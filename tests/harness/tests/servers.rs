//! Start, pause, kill and restart of servers.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;
use std::{fs, panic, thread};

use deadpool_redis::redis::cmd;

use crate::{Probe, Server, Servers, eventually};

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn servers_are_independent_and_ready_when_started() {
    let servers = Servers::start(3);
    servers[1]
        .probe()
        .set("key", "value", Duration::from_secs(60));

    let held: Vec<_> = servers
        .iter()
        .map(|server| server.probe().get("key"))
        .collect();
    assert_eq!(held, [None, Some("value".to_owned()), None]);
    let left = servers[1].probe().pttl("key").unwrap();
    assert!(
        left > Duration::from_secs(50) && left <= Duration::from_secs(60),
        "{left:?}"
    );
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_restarted_server_is_empty_and_keeps_its_url() {
    let server = Server::start();
    let (url, probe) = (server.url(), server.probe());
    for _ in 0..5 {
        assert_eq!(probe.keys(), [""; 0]);
        probe.set("key", "value", None);
        assert_eq!(probe.pttl("key"), Some(Duration::MAX));
        server.restart();
        assert_eq!(server.url(), url);
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_restarted_server_keeps_what_it_persisted() {
    let builder = Server::builder()
        .arg("--appendonly", "yes")
        .arg("--appendfsync", "always");
    let server = builder.start();
    server.probe().set("key", "value", None);
    server.restart();
    assert_eq!(server.probe().get("key").unwrap(), "value");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_killed_server_refuses_connections() {
    let server = Server::start();
    let address = (Ipv4Addr::LOCALHOST, server.port());
    drop(TcpStream::connect(address).unwrap());

    server.kill();
    // Often enough for the kernel to pick this port as a client's own, if the port were free.
    for _ in 0..2_000 {
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
    assert!(!server.is_running());
    server.restart();
    assert!(server.is_running());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_paused_server_responds_once_it_resumes() {
    let server = Server::start();
    let probe = server.probe();
    for _ in 0..20 {
        server.pause();
        let read = thread::spawn({
            let probe = server.probe();
            move || probe.get("key")
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!read.is_finished());

        server.resume();
        eventually("a response", Duration::from_secs(5), || read.is_finished()).await;
        assert_eq!(probe.get("key"), None);
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_paused_server_can_be_killed_and_restarted() {
    let server = Server::start();
    server.pause();
    server.kill();
    server.restart();
    server.pause();
    server.restart();
    assert!(!server.probe().exists("key"));
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_password_is_required_and_part_of_the_url() {
    let server = Server::builder().password("p@ss/w:rd %1").start();
    server.restart();
    assert!(!server.probe().exists("key"));
    assert!(!server.proxy().url().is_empty());
    assert!(!Probe::new(&server.proxy().url()).exists("key"));

    let stranger = Probe::new(&format!("redis://127.0.0.1:{}", server.port()));
    let refusal = stranger
        .try_query::<bool>(cmd("EXISTS").arg("key"))
        .unwrap_err();
    assert!(refusal.to_string().contains("NOAUTH"), "{refusal}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_failed_start_reports_the_reason() {
    let start = || Server::builder().arg("--maxmemory", "plenty").start();
    let reason = panic::catch_unwind(start).unwrap_err();
    let reason = reason.downcast_ref::<String>().unwrap();
    assert!(
        reason.contains("argument must be a memory value"),
        "{reason}"
    );
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_panic_leaves_nothing_behind() {
    let (mut port, mut directory) = (0, String::new());
    let test = panic::AssertUnwindSafe(|| {
        let server = Server::start();
        port = server.port();
        let answer: Vec<String> = server.probe().query(cmd("CONFIG").arg("GET").arg("dir"));
        directory.clone_from(&answer[1]);
        assert!(fs::exists(&directory).unwrap());
        server.pause();
        panic::resume_unwind(Box::new("a failing test"));
    });
    assert!(panic::catch_unwind(test).is_err());
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    assert!(!fs::exists(&directory).unwrap());
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_probe_counts_calls_and_connections() {
    let server = Server::start();
    let (probe, other) = (server.probe(), server.probe());
    assert_eq!(probe.clients(), 0);
    other.set("key", 1, None);
    other.query::<()>(cmd("EVAL").arg("return redis.call('GET', 'key')").arg(0));
    assert_eq!(
        (
            probe.calls_of("set"),
            probe.calls_of("get"),
            probe.clients()
        ),
        (1, 1, 1)
    );

    probe.reset_calls();
    assert_eq!(probe.calls_of("set"), 0);
    assert_eq!(probe.client_kill(), 1);
    assert_eq!(other.get("key").unwrap(), "1");
    assert!(probe.pexpire("key", Duration::ZERO));
    assert!(!probe.del("key"));
    other.set("key", 1, None);
    probe.flushall();
    assert!(!other.exists("key"));
}
