//! Late releases, which must not end the lock of the next owner.
//!
//! A lock is awaited to be gone from all servers before the next one: keys do not expire at the same
//! instant, and an owner that is granted by a quorum may never have the others.

use std::time::Duration;

use crate::for_every_library;
use crate::library::Library;
use crate::setup::Setup;

for_every_library! {
    their_late_release_leaves_our_lock
    our_late_release_leaves_their_lock
    a_wrong_key_releases_nothing
}

async fn their_late_release_leaves_our_lock(library: Library) {
    let setup = Setup::new(library);
    let (redlock, mut client) = (setup.manager().await, setup.client());
    let expired = client.lock("a", SHORT).await;
    setup.is_on(0, "a", &expired).await;
    let guard = setup.lock(&redlock, "a").await;
    client.unlock("a", &expired).await;
    assert_eq!(setup.count("a", guard.lease_id()), 5);
    assert!(guard.is_held());
    assert!(guard.release().await.unwrap().was_held());
}

async fn our_late_release_leaves_their_lock(library: Library) {
    let setup = Setup::new(library);
    let (redlock, mut client) = (setup.manager().await, setup.client());
    let request = redlock.lock("a").ttl(SHORT).auto_extend(false);
    let guard = request.await.unwrap();
    setup.is_on(0, "a", guard.lease_id()).await;
    let theirs = client.lock("a", LONG).await;
    setup.is_on(5, "a", &theirs).await;
    assert!(!guard.is_held());
    assert!(!guard.release().await.unwrap().was_held());
    redlock.shutdown().await;
    assert_eq!(setup.count("a", &theirs), 5);
}

async fn a_wrong_key_releases_nothing(library: Library) {
    let setup = Setup::new(library);
    let (redlock, mut client) = (setup.manager().await, setup.client());
    let theirs = client.lock("a", LONG).await;
    setup.is_on(5, "a", &theirs).await;
    assert!(!redlock.unlock("a", "wrong").await.unwrap().was_held());
    let output = setup.run(&["unlock", "a", "wrong"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(setup.count("a", &theirs), 5);
    client.unlock("a", &"wrong".into()).await;
    assert_eq!(setup.count("a", &theirs), 5);
}

/// Short enough to wait for its end.
const SHORT: Duration = Duration::from_millis(500);

/// Longer than any test.
const LONG: Duration = Duration::from_secs(300);
