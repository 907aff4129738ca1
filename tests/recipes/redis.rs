//! Lua recipe: a script that compares, advances and writes in one step.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock::fence::Stale;
use redlock::{FencingToken, Redlock};
use redlock_tests::{Probe, Server, Servers};

use crate::documented;

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_record_takes_the_newest_token_and_refuses_older_ones() {
    let server = Server::start();
    let records = Records::of(&server);
    assert_eq!(records.write(7, "seven"), Ok(()));
    assert_eq!(records.write(9, "nine"), Ok(()));
    assert_eq!(records.write(8, "late"), Err(stale(8, 9)));
    assert_eq!(records.fields(), ["nine", "9"]);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn the_same_holder_writes_a_record_again() {
    let server = Server::start();
    let records = Records::of(&server);
    assert_eq!(records.write(7, "first"), Ok(()));
    assert_eq!(records.write(7, "second"), Ok(()));
    assert_eq!(records.fields(), ["second", "7"]);
}

/// Formatted with fourteen digits, as Lua formats numbers by default, these tokens would be equal.
#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn adjacent_tokens_compare_exactly_up_to_the_largest() {
    let server = Server::start();
    let records = Records::of(&server);
    for base in [1_800_000_000_000_000, (1 << 53) - 3] {
        assert_eq!(records.write(base + 1, "newer"), Ok(()));
        assert_eq!(records.write(base, "older"), Err(stale(base, base + 1)));
        assert_eq!(records.fields(), ["newer", &(base + 1).to_string()]);
        assert_eq!(records.write(base + 2, "newest"), Ok(()));
    }
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn the_newest_of_many_concurrent_writes_stays() {
    let server = Server::start();
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for first in 1..=8 {
            let (server, start) = (&server, &start);
            scope.spawn(move || {
                let records = Records::of(server);
                start.wait();
                for token in (first..=400).step_by(8) {
                    match records.write(token, &token.to_string()) {
                        Ok(()) => {}
                        Err(stale) => assert!(stale.highest() > stale.token(), "{stale}"),
                    }
                }
            });
        }
    });
    assert_eq!(Records::of(&server).fields(), ["400", "400"]);
}

/// A holder that does not extend its lease stands for a paused one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn the_token_of_an_expired_lock_is_refused_after_a_newer_one() {
    let (nodes, server) = (Servers::start(3), Server::start());
    let records = Records::of(&server);
    let redlock = Redlock::connect(nodes.urls()).await.unwrap();
    let ttl = Duration::from_millis(300);
    let request = redlock.lock("report").ttl(ttl).auto_extend(false);
    let paused = request.await.unwrap();
    assert_eq!(records.write(paused.token().get(), "in time"), Ok(()));

    let next = redlock.lock("report").await.unwrap();
    assert!(!paused.is_held());
    assert_eq!(records.write(next.token().get(), "next"), Ok(()));
    let refused = Stale::new(paused.token(), next.token());
    assert_eq!(records.write(paused.token().get(), "late"), Err(refused));
    assert_eq!(records.fields(), ["next", &next.token().to_string()]);
}

fn stale(token: u64, highest: u64) -> Stale {
    Stale::new(token.into(), highest.into())
}

/// Access to the record `report` for one process.
struct Records {
    probe: Probe,
    script: String,
}

impl Records {
    fn of(server: &Server) -> Self {
        let Ok([script]) = <[String; 1]>::try_from(documented("lua")) else {
            panic!("{:?}", documented("lua"));
        };
        Self {
            probe: server.probe(),
            script,
        }
    }

    fn write(&self, token: u64, value: &str) -> Result<(), Stale> {
        let token = FencingToken::new(token);
        let mut eval = cmd("EVAL");
        eval.arg(&self.script).arg(1).arg("report");
        eval.arg(token.get()).arg(value);
        let seen: String = self.probe.query(&eval);
        match seen.parse().unwrap() {
            seen if seen == token => Ok(()),
            seen => Err(Stale::new(token, seen)),
        }
    }

    /// Returns the value and the token.
    fn fields(&self) -> [String; 2] {
        self.probe
            .query(cmd("HMGET").arg(&["report", "value", "token"]))
    }
}
