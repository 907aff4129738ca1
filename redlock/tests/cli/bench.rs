//! The load of the library on servers.

use std::time::Duration;

use redlock_tests::Servers;
use rustix::process::Signal;

use super::command::{Ran, Started, redlock_on};

/// Checks that no lock is left, and that all else expires, apart from the identity record.
#[track_caller]
fn assert_no_lock_is_left(servers: &Servers) {
    for server in servers {
        for key in server.probe().keys() {
            if key != "redlock:node" {
                assert!(
                    key.contains("redlock-bench:") && key.ends_with(":fence"),
                    "{key}"
                );
                let left = server.probe().pttl(&key).unwrap_or_default();
                assert!(left <= Duration::from_secs(150), "{key}: {left:?}");
            }
        }
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_load_is_announced_measured_and_summed_up() {
    let servers = Servers::start(3);
    let ran = Ran::on(&servers, ["bench", "--tasks=8", "--time=1s"]).expect(0);
    let announced = "redlock: 8 tasks take and release locks on 3 nodes for 1s: Ctrl-C ends it\n";
    assert_eq!(ran.err, announced);
    ran.says("#").says("p50 ").says("  p99 ");
    let last = ran.out.lines().last().unwrap();
    assert!(
        last.starts_with("With 8 tasks, these 3 nodes grant "),
        "{last}"
    );
    assert!(last.contains(" locks/s; p99 "), "{last}");
    assert!(last.contains(" A ttl of 30s is "), "{last}");
    assert_no_lock_is_left(&servers);

    let args = ["bench", "--tasks=2", "--time=1s", "--json", "--quiet"];
    let ran = Ran::on(&servers, args).expect(0);
    assert_eq!(ran.err, "");
    let json = ran.json();
    assert_eq!(
        (&json["outcome"], &json["failed"]),
        (&"ok".into(), &0.into())
    );
    let granted = json["granted"].as_u64().unwrap();
    assert!(granted > 0, "{json}");
    let histogram = json["histogram"].as_array().unwrap();
    let counts = histogram.iter().map(|it| it["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), granted);
    assert!(
        json["p999_us"].as_u64() >= json["p50_us"].as_u64(),
        "{json}"
    );
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_load_that_is_interrupted_releases_everything() {
    let servers = Servers::start(3);
    let mut command = redlock_on(&servers);
    let loading = Started::new(command.args(["bench", "--time=1m"]));
    let until = std::time::Instant::now() + super::command::TIMEOUT;
    let is_loaded = || servers[0].probe().keys().len() > 64;
    while !is_loaded() {
        assert!(std::time::Instant::now() < until, "no load");
        std::thread::sleep(Duration::from_millis(5));
    }
    loading.signal(Signal::INT);
    let ran = loading.finish().expect(-2);
    ran.says("With 64 tasks, these 3 nodes grant ");
    assert!(
        ran.err.ends_with("redlock: interrupted by signal 2\n"),
        "{ran:?}"
    );
    assert_no_lock_is_left(&servers);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_load_on_dead_servers_fails() {
    let servers = Servers::start(3);
    servers[0].kill();
    servers[1].kill();
    let ran = Ran::on(&servers, ["bench", "--time=1s"]).expect(3);
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("redlock: no quorum: "), "{ran:?}");
    for args in [["bench", "--tasks=0"], ["bench", "--time=5"]] {
        Ran::on(&servers, args).expect(2);
    }
}
