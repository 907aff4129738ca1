//! Labels of holders, beside their keys.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Value, cmd};
use redlock::LeaseId;
use redlock::node::{Command, Extend, Extension, Record, Removal, Vote};
use redlock_tests::Server;

use crate::commands::IntoKeys;
use crate::subject::{Pending, Subject, as_limited_user, server};

/// Long enough not to expire in any test.
const LONG: Duration = Duration::from_secs(60);

const GRANTED: Vote = Vote::Granted { stamp: None };

fn labelled(extend: Extend, label: &str) -> Command {
    Command::Extend(extend.label(Arc::<str>::from(label)))
}

fn extend(node: &Subject, keys: impl IntoKeys, id: &str, label: &str) -> Pending<Extension> {
    let (keys, id) = (keys.into_keys(), LeaseId::from(id));
    node.submit(|responder| labelled(Extend::new(keys, id, LONG, responder), label))
}

async fn record(node: &Subject, key: &str) -> Option<Record> {
    node.inspect(key.as_bytes()).get().await.record
}

async fn label(node: &Subject, key: &str) -> Option<Arc<str>> {
    record(node, key).await?.label
}

pub(crate) async fn an_extension_labels_its_keys(node: Subject) {
    for keys in [vec!["a"], vec!["b", "c{1}", "{1}"]] {
        node.acquire(&keys[..], "1", LONG).get().await;
        assert_eq!(label(&node, keys[0]).await, None);
        for text in ["web 1\n", "another ü", "1 1 1"] {
            let extension = extend(&node, &keys[..], "1", text).get().await;
            assert_eq!(extension, Extension::Confirmed);
            for key in &keys {
                assert_eq!(label(&node, key).await.as_deref(), Some(text));
            }
        }
        // One without a label leaves it.
        node.extend(&keys[..], "1", LONG).get().await;
        assert_eq!(label(&node, keys[0]).await.as_deref(), Some("1 1 1"));
    }
}

pub(crate) async fn extensions_with_counters_label_their_keys(node: Subject) {
    for keys in [vec!["a"], vec!["b", "c"]] {
        node.acquire(&keys[..], "1", LONG).get().await;
        let (all, id) = (keys.as_slice().into_keys(), LeaseId::from("1"));
        let extend = node.submit(|responder| {
            let extend = Extend::new(all, id, LONG, responder);
            labelled(extend.fence_retention(LONG), "web 1")
        });
        assert_eq!(extend.get().await, Extension::Confirmed);
        for key in &keys {
            assert_eq!(label(&node, key).await.as_deref(), Some("web 1"));
        }
    }
}

pub(crate) async fn a_label_is_that_of_the_holder(node: Subject) {
    // An id that begins with another, and looks like a part of a label.
    for (id, next) in [("1", "1 x"), ("1 x", "1")] {
        node.acquire(b"a", id, LONG).get().await;
        extend(&node, b"a", id, "x y").get().await;
        assert_eq!(label(&node, "a").await.as_deref(), Some("x y"));
        assert_eq!(node.release(b"a", id).get().await, Removal::Deleted);
        assert_eq!(record(&node, "a").await, None);

        assert_eq!(node.acquire(b"a", next, LONG).get().await, GRANTED);
        assert_eq!(label(&node, "a").await, None);
        // A late one of the former holder.
        let late = extend(&node, b"a", id, "x y").get().await;
        assert_eq!(late, Extension::NotHeld);
        assert_eq!(label(&node, "a").await, None);
        node.adopt(b"a", [next, "3"], None).get().await;
        assert_eq!(label(&node, "a").await, None);
        node.release(b"a", "3").get().await;
    }
}

pub(crate) async fn extensions_at_once_have_labels_of_their_own(node: Subject) {
    let keys: Vec<String> = (0..200).map(|number| format!("key {number}")).collect();
    let mut pending = Vec::new();
    for (number, key) in keys.iter().enumerate() {
        node.acquire(key.as_bytes(), "1", LONG).get().await;
        pending.push(if number % 3 == 2 {
            node.extend(key.as_bytes(), "1", LONG)
        } else {
            extend(&node, key.as_bytes(), "1", ["one", "two"][number % 3])
        });
    }
    for extension in pending {
        assert_eq!(extension.get().await, Extension::Confirmed);
    }
    for (number, key) in keys.iter().enumerate() {
        let expected = [Some("one"), Some("two"), None][number % 3];
        assert_eq!(label(&node, key).await.as_deref(), expected, "{number}");
    }
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_label_expires_with_its_lock() {
    let node = server();
    for (key, beside) in [("a", "{a}:holder"), ("b{1}", "b{1}:holder!")] {
        node.acquire(key.as_bytes(), "1", LONG / 2).get().await;
        for _ in 0..2 {
            extend(&node, key.as_bytes(), "1", "web 1").get().await;
            let left = |key| node.probe().query::<i64>(cmd("PTTL").arg(key));
            let (lock, label) = (left(key), left(beside));
            assert!((lock - label).abs() < 5_000, "{lock} {label}");
            assert!(label > 40_000, "{label}");
        }
    }
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_of_another_application_is_no_label() {
    let node = server();
    let set = |key: &str| {
        node.probe().set(key, "data", None);
    };
    set("{a}:holder");
    let push = cmd("RPUSH").arg("{b}:holder").arg("data").clone();
    node.probe().query::<()>(&push);
    for key in ["a", "b"] {
        node.acquire(key.as_bytes(), "1", LONG).get().await;
        for _ in 0..2 {
            let extension = extend(&node, key.as_bytes(), "1", "web 1").get().await;
            assert_eq!(extension, Extension::Confirmed);
        }
        assert_eq!(label(&node, key).await, None);
    }
    assert_eq!(node.probe().get("{a}:holder").as_deref(), Some("data"));
    let kept: usize = node.probe().query(cmd("LLEN").arg("{b}:holder"));
    assert_eq!(kept, 1);
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_refused_label_is_tried_once_and_changes_nothing() {
    let node = as_limited_user(Server::start());
    let mut user = cmd("ACL");
    user.arg("SETUSER").arg("limited");
    user.arg(&["resetkeys", "~a", "~b", "~c", "~{*}:wait", "~{*}:fence"]);
    node.probe().query::<()>(&user);
    node.acquire(b"a", "1", LONG).get().await;
    node.acquire(["b", "c"], "1", LONG).get().await;
    node.probe().query::<()>(cmd("ACL").arg("LOG").arg("RESET"));
    for _ in 0..3 {
        let one = extend(&node, b"a", "1", "web 1").get().await;
        assert_eq!(one, Extension::Confirmed);
        let several = extend(&node, ["b", "c"], "1", "web 1").get().await;
        assert_eq!(several, Extension::Confirmed);
    }
    let log: Vec<Value> = node.probe().query(cmd("ACL").arg("LOG"));
    let log: Vec<String> = log.iter().map(|entry| format!("{entry:?}")).collect();
    let refused = log.iter().filter(|entry| entry.contains(":holder"));
    assert_eq!(refused.count(), 1, "{log:?}");
    let is_single = |entry: &String| entry.contains(r#"bulk-string('"count"'), int(1)"#);
    assert!(log.iter().all(is_single), "{log:?}");
}
