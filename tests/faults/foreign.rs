//! Locks that other libraries set on the same servers.

use std::thread;

use redlock::{LeaseId, LockError, LockState, Redlock};

use crate::common::{MS, SECOND, SOON, fleet, gone};

/// The value that rslock and the crate redlock 2.0 give a key: 20 random bytes, which are not text.
const RAW: [u8; 20] =
    *b"\x9f\x86\xd0\x81\x88\x4c\x7d\x65\x9a\x2f\xea\xa0\xc5\x5a\xd0\x15\xa3\xbf\x4f\x1b";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_whose_value_is_not_text_can_be_named() {
    let (servers, redlock) = fleet(3).await;
    let occupy = || {
        for server in servers.iter() {
            server.probe().set("a", &RAW[..], 60 * SECOND);
        }
    };
    occupy();
    let status = redlock.status("a").await;
    assert_eq!(status.state(), LockState::Held);
    assert_eq!(status.lease_id(), Some(&LeaseId::from(&RAW)));
    assert!(status.remaining().unwrap() > 30 * SECOND);

    let guard = redlock.adopt("a", &RAW).await.unwrap();
    assert!(guard.is_held());
    assert!(guard.release().await.unwrap().was_held());
    gone(&servers, "a").await;

    occupy();
    assert!(redlock.unlock("a", &RAW[..]).await.unwrap().was_held());
    gone(&servers, "a").await;
}

#[track_caller]
fn is_without_end(refused: &LockError) {
    let is_endless = matches!(refused, LockError::Busy { remaining, .. } if remaining.is_none());
    assert!(is_endless, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lock_without_expiry_is_busy_however_often_it_is_tried() {
    let (servers, redlock) = fleet(3).await;
    let counted = Redlock::builder().nodes(servers.urls());
    let counted = counted.retry_count(4).retry_delay(10 * MS).build().unwrap();
    for server in servers.iter() {
        server.probe().set("a", "data", None);
    }
    is_without_end(&redlock.try_lock("a").await.unwrap_err());
    is_without_end(&redlock.lock("a").wait(2 * SECOND).await.unwrap_err());
    is_without_end(&counted.lock("a").await.unwrap_err());
    let status = redlock.status("a").await;
    assert!(status.is_held() && status.remaining().is_none());
    assert_eq!(servers[0].probe().get("a").as_deref(), Some("data"));

    // Far longer than it takes to notice the end, and to poll a few times before.
    let waiting = tokio::spawn(redlock.lock("a").wait(3 * SOON));
    tokio::time::sleep(SECOND).await;
    assert!(!waiting.is_finished());
    servers.iter().for_each(|server| {
        server.probe().del("a");
    });
    let _guard = waiting.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_library_that_sets_the_expiry_later_is_waited_for() {
    let (servers, redlock) = fleet(3).await;
    // Each handoff leaves the keys without an expiry for a moment, as SETNX and then EXPIRE do.
    let hand_over = |turn: u32| {
        for server in servers.iter() {
            server.probe().del("a");
            server.probe().set("a", turn, None);
        }
        thread::sleep(3 * MS);
        for server in servers.iter() {
            server.probe().pexpire("a", 60 * SECOND);
        }
    };
    hand_over(0);
    let waiting = tokio::spawn(redlock.lock("a").wait(3 * SOON));
    for turn in 1..20 {
        // The waiter may win between two holders. It must not fail.
        hand_over(turn);
        tokio::time::sleep(10 * MS).await;
    }
    servers.iter().for_each(|server| {
        server.probe().del("a");
    });
    let won = waiting.await.unwrap();
    assert!(won.is_ok(), "{won:?}");
}
