//! Extensions of many leases at once, which share calls of a server.

use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock::NodeErrorKind;
use redlock::node::{Command, Extend, Extension, Removal};
use redlock_tests::Server;

use crate::commands::IntoKeys;
use crate::subject::{Pending, Subject, as_limited_user, server};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_secs(30);

fn key(number: usize) -> Vec<u8> {
    format!("key {number}").into_bytes()
}

/// The pending results of extensions of these keys, sent without a pause in between.
fn extend_all(node: &Subject, keys: &[Vec<u8>], ttl: Duration) -> Vec<Pending<Extension>> {
    keys.iter()
        .map(|key| node.extend(&key[..], "1", ttl))
        .collect()
}

async fn hold_all(node: &Subject, count: usize) -> Vec<Vec<u8>> {
    let keys: Vec<_> = (0..count).map(key).collect();
    let votes: Vec<_> = keys
        .iter()
        .map(|key| node.acquire(&key[..], "1", SHORT))
        .collect();
    for vote in votes {
        vote.get().await;
    }
    keys
}

pub(crate) async fn extensions_at_once_have_results_of_their_own(node: Subject) {
    let keys = hold_all(&node, 300).await;
    let (mut expected, mut results) = (Vec::new(), Vec::new());
    for (number, key) in keys.iter().enumerate() {
        let ids = ["1", "2"];
        expected.push(match number % 5 {
            1 => {
                node.release(&key[..], "1");
                Extension::NotHeld
            }
            2 => {
                node.adopt(&key[..], ids, None);
                Extension::Contested
            }
            _ => Extension::Confirmed,
        });
        let id = if number % 5 == 3 { "3" } else { "1" };
        results.push(node.extend(&key[..], id, LONG));
        if number % 5 == 4 {
            node.release(&key[..], "1");
        }
    }
    for (number, result) in results.into_iter().enumerate() {
        let expected = if number % 5 == 3 {
            Extension::NotHeld
        } else {
            expected[number]
        };
        assert_eq!(result.get().await, expected, "{number}");
        let record = node.inspect(&keys[number]).get().await.record;
        let left = record.and_then(|it| it.remaining);
        match number % 5 {
            0 => assert!(left.unwrap() > SHORT, "{number}: {left:?}"),
            1 | 4 => assert_eq!(left, None, "{number}"),
            _ => assert!(left.unwrap() <= SHORT, "{number}: {left:?}"),
        }
    }
}

pub(crate) async fn extensions_at_once_never_shorten_an_expiry(node: Subject) {
    let keys = hold_all(&node, 100).await;
    for (number, result) in extend_all(&node, &keys, SHORT / 2).into_iter().enumerate() {
        assert_eq!(result.get().await, Extension::Confirmed);
        let record = node.inspect(&keys[number]).get().await.record.unwrap();
        let left = record.remaining.unwrap();
        assert!(left > SHORT / 2, "{number}: {left:?}");
    }
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn extensions_keep_existing_counters() {
    let node = server();
    let keys = hold_all(&node, 100).await;
    let counter = |number: usize| format!("{{key {number}}}:fence");
    for number in (0..100).step_by(2) {
        let mut add = cmd("ZADD");
        let add = add.arg(counter(number)).arg(7).arg("c");
        node.probe().query::<()>(add);
    }
    let results: Vec<_> = keys
        .iter()
        .map(|key| {
            let keys = key[..].into_keys();
            node.submit(|responder| {
                let extend = Extend::new(keys, "1".into(), LONG, responder);
                Command::Extend(extend.fence_retention(LONG))
            })
        })
        .collect();
    for (number, result) in results.into_iter().enumerate() {
        assert_eq!(result.get().await, Extension::Confirmed);
        let left: i64 = node.probe().query(cmd("PTTL").arg(counter(number)));
        if number % 2 == 0 {
            assert!(left > 30_000, "{number}: {left}");
        } else {
            assert_eq!(left, -2, "{number}");
        }
    }
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_that_is_no_lock_does_not_affect_other_extensions() {
    let node = server();
    let keys = hold_all(&node, 100).await;
    node.probe().query::<()>(cmd("DEL").arg(&keys[50]));
    node.probe().query::<()>(cmd("LPUSH").arg(&keys[50]).arg(1));
    node.probe().query::<()>(cmd("PERSIST").arg(&keys[60]));
    // The last time, the server has forgotten the scripts.
    for is_flushed in [false, true] {
        if is_flushed {
            node.probe().query::<()>(cmd("SCRIPT").arg("FLUSH"));
        }
        for (number, result) in extend_all(&node, &keys, LONG).into_iter().enumerate() {
            let expected = if number == 50 {
                Extension::NotHeld
            } else {
                Extension::Confirmed
            };
            assert_eq!(result.get().await, expected, "{number}");
        }
        let left: i64 = node.probe().query(cmd("PTTL").arg(&keys[60]));
        assert_eq!(left, -1, "a key without expiry has none");
        let left: i64 = node.probe().query(cmd("PTTL").arg(&keys[61]));
        assert!(left > 30_000, "{left}");
    }
    assert_eq!(
        node.release(&keys[0][..], "1").get().await,
        Removal::Deleted
    );
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn an_extension_that_is_refused_does_not_affect_others() {
    let node = as_limited_user(Server::start());
    let keys = hold_all(&node, 5).await;
    for rights in [
        // Readable and writable are separate rights since Redis 7.
        &[
            "resetkeys",
            "~key?0",
            "~key?1",
            "%R~key?2",
            "~key?3",
            "~key?4",
        ][..],
        &["-mget"],
    ] {
        let mut user = cmd("ACL");
        user.arg("SETUSER").arg("limited").arg(rights);
        node.probe().query::<()>(&user);
        for (number, result) in extend_all(&node, &keys, LONG).into_iter().enumerate() {
            let outcome = result.outcome().await;
            if number == 2 {
                let error = outcome.expect_err("not writable");
                assert_eq!(error.kind(), NodeErrorKind::Permission, "{error}");
            } else {
                assert_eq!(outcome, Ok(Extension::Confirmed), "{number}");
            }
        }
    }
}
