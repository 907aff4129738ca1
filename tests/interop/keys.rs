//! Locks that one side takes and the other releases or takes over, by name and key.

use std::time::Duration;

use crate::client::parse;
use crate::for_every_library;
use crate::library::Library;
use crate::setup::Setup;

for_every_library! {
    they_release_our_lock_by_its_key
    they_release_the_lock_of_our_command_by_its_key
    we_release_their_lock_by_its_key
    our_command_releases_their_lock_by_its_key
    we_adopt_their_lock
}

async fn they_release_our_lock_by_its_key(library: Library) {
    let setup = Setup::new(library);
    let (redlock, mut client) = (setup.manager().await, setup.client());
    let lease = setup.lock(&redlock, "a").await.detach();
    setup.is_on(5, "a", lease.lease_id()).await;
    client.unlock("a", lease.lease_id()).await;
    setup.is_on(0, "a", lease.lease_id()).await;
}

async fn they_release_the_lock_of_our_command_by_its_key(library: Library) {
    let setup = Setup::new(library);
    let mut client = setup.client();
    let output = setup.run(&["lock", "a", "60000"]);
    let key = parse(String::from_utf8(output.stdout).unwrap().trim_end());
    // The command exits when a quorum of servers has the key.
    assert!(setup.count("a", &key) >= 3);
    client.unlock("a", &key).await;
    setup.is_on(0, "a", &key).await;
}

async fn we_release_their_lock_by_its_key(library: Library) {
    let setup = Setup::new(library);
    let (redlock, mut client) = (setup.manager().await, setup.client());
    let theirs = client.lock("a", LONG).await;
    setup.is_on(5, "a", &theirs).await;
    assert_eq!(redlock.status("a").await.lease_id(), Some(&theirs));
    assert!(redlock.unlock("a", &theirs).await.unwrap().was_held());
    setup.is_on(0, "a", &theirs).await;
}

async fn our_command_releases_their_lock_by_its_key(library: Library) {
    let setup = Setup::new(library);
    let mut client = setup.client();
    let theirs = client.lock("a", LONG).await;
    setup.is_on(5, "a", &theirs).await;
    let key = theirs.to_string();
    let status = setup.run(&["status", "a"]);
    let text = String::from_utf8_lossy(&status.stdout);
    assert!(text.starts_with(&format!("held by {key}\n")), "{status:?}");
    let output = setup.run(&["unlock", "a", &key]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stderr, b"ok\n", "{output:?}");
    setup.is_on(0, "a", &theirs).await;
}

async fn we_adopt_their_lock(library: Library) {
    let setup = Setup::new(library);
    let (redlock, mut client) = (setup.manager().await, setup.client());
    let theirs = client.lock("a", LONG).await;
    setup.is_on(5, "a", &theirs).await;
    let guard = redlock.adopt("a", &theirs).await.unwrap();
    let ours = guard.lease_id().clone();
    setup.is_on(5, "a", &ours).await;
    assert!(guard.try_token().is_some());
    assert!(guard.extend(2 * LONG).await.unwrap() > LONG);

    client.unlock("a", &theirs).await;
    assert_eq!(setup.count("a", &ours), 5);
    assert!(client.try_lock("a", LONG).await.is_none());
    assert!(guard.release().await.unwrap().was_held());
    setup.is_on(0, "a", &ours).await;
}

/// Longer than most tests; twice as long is the longest ttl by default.
const LONG: Duration = Duration::from_secs(30);
