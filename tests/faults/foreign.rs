//! Locks that other libraries set on the same servers.

use redlock::{LeaseId, LockState};

use crate::common::{SECOND, fleet, gone};

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
