//! Commands in scripts for which the user has no right. Their errors are never taken for a response.

use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock::NodeErrorKind;
use redlock::node::{Adopted, Extension, Fence, Moment, Rearmed, Removal, Vote};
use redlock_tests::{Server, eventually};

use crate::commands::Form;
use crate::subject::{Subject, as_limited_user};

/// Long enough not to expire in any test.
const LONG: Duration = Duration::from_secs(60);

/// Changes the rights of the connected user.
fn set_rights(node: &Subject, rules: &[&str]) {
    let mut user = cmd("ACL");
    user.arg("SETUSER").arg("limited").arg(rules);
    node.probe().query::<()>(&user);
}

/// Checks that each of the outcomes is an error about a missing right.
macro_rules! assert_denied {
    ($($pending:expr),+ $(,)?) => {
        $({
            let error = $pending.outcome().await.expect_err(stringify!($pending));
            assert_eq!(error.kind(), NodeErrorKind::Permission, "{error}");
        })+
    };
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_that_may_not_be_read_is_not_taken_for_absent() {
    let node = as_limited_user(Server::start());
    node.acquire(["a", "b"], "1", LONG).get().await;
    let (later, fence) = (Moment::now().checked_add(LONG), Fence::new(100, LONG));
    // With these commands, a server releases a key without reading it. Most servers lack them.
    for native in ["-delifeq", "-delex"] {
        let user = cmd("ACL").arg("SETUSER").arg("limited").arg(native).clone();
        node.probe().try_query::<()>(&user).ok();
    }
    for rights in [&["-get", "-mget"][..], &["-get", "+mget", "-del"]] {
        set_rights(&node, rights);
        assert_denied!(
            node.extend(b"a", "1", LONG),
            node.extend(["a", "b"], "1", LONG),
            node.raise(b"a", "1", 100),
            node.raise(["a", "b"], "1", 100),
            node.rearm(b"a", "1", LONG, None),
            node.rearm(["a", "b"], "1", LONG, Some((7, LONG))),
            node.adopt(b"a", ["1", "2"], None),
            node.adopt(["a", "b"], ["1", "2"], fence),
            node.return_to(b"a", ["1", "2"]),
            node.return_to(["a", "b"], ["1", "2"]),
            node.inspect(b"a"),
            node.release(b"a", "1"),
            node.release(["a", "b"], "1"),
            node.release_and_keep(b"a", "1", later),
            node.release_and_keep(["a", "b"], "1", later),
        );
    }
    set_rights(&node, &["+get", "+del"]);
    assert_eq!(node.probe().get("a").as_deref(), Some("1"));
    let removed = node.release(["a", "b"], "1").get().await;
    assert_eq!(removed, Removal::Deleted);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_outside_the_patterns_is_not_taken_for_absent() {
    let node = as_limited_user(Server::start());
    node.acquire(["a", "b"], "1", LONG).get().await;
    // Readable and writable are separate rights since Redis 7.
    for rights in [&["resetkeys", "%W~*"][..], &["resetkeys", "~b", "~{b}*"]] {
        set_rights(&node, rights);
        assert_denied!(
            node.extend(["a", "b"], "1", LONG),
            node.raise(["a", "b"], "1", 100),
            node.rearm(["a", "b"], "1", LONG, None),
            node.release(["a", "b"], "1"),
        );
    }
    assert_eq!(node.probe().keys(), ["a", "b"]);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_counter_that_may_not_be_read_is_not_taken_for_corrupt() {
    let node = as_limited_user(Server::start());
    node.acquire(b"held", "1", LONG).get().await;
    set_rights(&node, &["-zscore"]);
    assert_denied!(
        node.acquire_fenced(b"a", "1", 100, Form::Contended),
        node.acquire_fenced(["a", "b"], "1", 100, Form::First),
        node.raise(b"held", "1", 100),
        node.rearm(b"held", "1", LONG, Some((7, LONG))),
        node.adopt(b"held", ["1", "2"], Fence::new(100, LONG)),
        node.inspect(b"held"),
    );
    assert_eq!(node.probe().keys(), ["held"], "nothing is left behind");
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_release_that_fails_for_one_key_reaches_the_others() {
    let node = as_limited_user(Server::start());
    for id in ["a", "b", "c"] {
        node.acquire(id.as_bytes(), "1", LONG).get().await;
    }
    // The scripts may read all keys, and write only some.
    set_rights(&node, &["resetkeys", "%R~*", "~a", "~c"]);
    let releases = ["a", "b", "c"].map(|key| node.release(key.as_bytes(), "1"));
    let [a, b, c] = releases;
    assert_eq!(a.get().await, Removal::Deleted);
    assert_denied!(b);
    assert_eq!(c.get().await, Removal::Deleted);
    eventually("only one is left", LONG, || node.probe().keys() == ["b"]).await;
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn keys_beside_a_lock_may_be_out_of_reach() {
    let node = as_limited_user(Server::start());
    // Before and after the session has learnt whether it may hint.
    for is_prepared in [false, true] {
        if is_prepared {
            node.prepare_to_wait().await;
        }
        set_rights(&node, &["resetkeys", "~?"]);
        let vote = node.acquire_plain(["a", "b"], "1", LONG, true).get().await;
        assert_eq!(vote, Vote::Granted { stamp: None });
        let vote = node.acquire_plain(b"a", "2", LONG, true).get().await;
        assert!(matches!(vote, Vote::Busy { rank: None, .. }), "{vote:?}");
        assert_eq!(node.release(["a", "b"], "1").get().await, Removal::Deleted);
        node.acquire(b"c", "3", LONG).get().await;
        assert_eq!(node.release(b"c", "3").get().await, Removal::Deleted);
        assert_eq!(node.probe().keys(), Vec::<String>::new());
        set_rights(&node, &["~*"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_forbidden_lock_leaves_the_hints_for_others_alone() {
    let node = as_limited_user(Server::start());
    node.prepare_to_wait().await;
    set_rights(&node, &["resetkeys", "~a", "~{a}:*"]);
    assert_denied!(node.acquire_plain(b"b", "1", LONG, true));
    assert!(node.hints());
    let vote = node.acquire_plain(b"a", "1", LONG, true).get().await;
    assert_eq!(vote, Vote::Granted { stamp: None });
    assert!(node.hints());
    // The keys beside the lock are forbidden, and the lock is not.
    set_rights(&node, &["resetkeys", "~a"]);
    assert_eq!(node.release(b"a", "1").get().await, Removal::Deleted);
    assert!(!node.hints());
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_of_another_type_is_still_a_response() {
    let node = as_limited_user(Server::start());
    let push = cmd("RPUSH").arg("a").arg("data").clone();
    node.probe().query::<()>(&push);
    let later = Moment::now().checked_add(LONG);
    let vote = node.acquire(b"a", "1", LONG).get().await;
    assert_eq!(vote, Vote::NotALock);
    let rearmed = node.rearm(b"a", "1", LONG, None).get().await;
    assert_eq!(rearmed, Rearmed::NotALock);
    let adopted = node.adopt(b"a", ["1", "2"], None).get().await;
    assert_eq!(adopted, Adopted::NotHeld);
    let returned = node.return_to(b"a", ["2", "1"]).get().await;
    assert_eq!(returned, Removal::Absent);
    let found = node.inspect(b"a").get().await.record.unwrap();
    assert_eq!(found.id, None);
    for removal in [
        node.release(b"a", "1"),
        node.release(["a", "b"], "1"),
        node.release_and_keep(b"a", "1", later),
    ] {
        assert_eq!(removal.get().await, Removal::Absent);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_a_right_of_waiting_lists_locks_still_work() {
    let node = as_limited_user(Server::start());
    let waiter = node.process().await;
    node.prepare_to_wait().await;
    // Each of them while the session believes that it may wait. Fencing tokens need `zadd`.
    for right in [
        "-time", "-zadd", "-zrank", "-zrem", "-zpopmin", "-publish", "-pubsub", "-exists", "-zcard",
    ] {
        set_rights(&node, &["+@all", right]);
        node.acquire(["a", "b"], "1", LONG).get().await;
        for _ in 0..2 {
            let vote = waiter.contend(["a", "b"], "2", LONG).get().await;
            assert!(matches!(vote, Vote::Busy { .. }), "{right}: {vote:?}");
        }
        let removal = node.release(["a", "b"], "1").get().await;
        assert_eq!(removal, Removal::Deleted, "{right}");
        let vote = waiter.contend(["a", "b"], "2", LONG).get().await;
        assert_eq!(vote, Vote::Granted { stamp: None }, "{right}");
        let removal = waiter.requeue(["a", "b"], "2", LONG).get().await;
        assert_eq!(removal, Removal::Deleted, "{right}");
        waiter.leave(["a", "b"]).await;
        node.probe().flushall();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_mget_a_release_hints_no_waiter_of_a_held_key() {
    let node = as_limited_user(Server::start());
    let waiter = node.process().await;
    node.prepare_to_wait().await;
    set_rights(&node, &["-mget"]);
    node.acquire(b"a", "1", LONG).get().await;
    node.acquire(b"b", "2", LONG).get().await;
    waiter.contend(b"a", "3", LONG).get().await;
    let removal = node.release(["a", "b"], "2").get().await;
    assert_eq!(removal, Removal::Deleted);
    waiter.node.ping().get().await;
    assert_eq!((waiter.hints(), node.waiters(b"a").await), (0, 1));
    let removal = node.release(["a", "b"], "1").get().await;
    assert_eq!(removal, Removal::Deleted);
    waiter.hinted(1).await;
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_the_right_to_its_marker_an_adoption_is_decided() {
    let node = as_limited_user(Server::start());
    set_rights(&node, &["resetkeys", "~a"]);
    node.acquire(b"a", "1", LONG).get().await;
    let adopted = node.adopt(b"a", ["1", "2"], None).get().await;
    assert_eq!(adopted, Adopted::Changed { stamp: None });
    let extended = node.extend(b"a", "1", LONG).get().await;
    assert_eq!(extended, Extension::NotHeld);
    let returned = node.return_to(b"a", ["2", "1"]).get().await;
    assert_eq!(returned, Removal::Deleted);
    assert_eq!(node.probe().get("a").as_deref(), Some("1"));
}
