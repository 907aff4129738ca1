//! Users who may not run all commands. What the end of a lock needs is checked before its beginning.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use deadpool_redis::redis;
use redlock::node::NodeHealth;
use redlock::{ConnectError, NodeErrorKind, Redlock};
use redlock_tests::{Server, Servers, eventually};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::common::{MS, SECOND, SOON, form, gone, healthy, limited};

/// Changes the rights of the user `limited` on one server.
fn set_rights(server: &Server, rules: &[&str]) {
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("limited").arg(rules);
    server.probe().query::<()>(&user);
}

/// Starts servers that do not have these commands.
fn without_commands(names: &[&str]) -> Servers {
    let args: Vec<_> = names
        .iter()
        .flat_map(|name| ["--rename-command", name, ""])
        .collect();
    Servers::start_each((0..3).map(|_| Server::builder().args(args.clone())))
}

/// Uses every kind of script: contended, extending, of several keys, and releasing.
async fn use_scripts(servers: &Servers, redlock: &Redlock) {
    let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
    let refused = redlock.lock("a").wait(300 * MS).await.unwrap_err();
    assert!(refused.is_busy(), "{refused:?}");
    let both = redlock.lock_all(["b", "c"]).ttl(SECOND).await.unwrap();
    let kept = redlock.lock("d").hold_at_least(10 * MS).await.unwrap();
    drop(kept);
    tokio::time::sleep(2 * SECOND).await;
    assert!(guard.is_held() && both.is_held(), "both are extended");
    assert!(redlock.status("a").await.is_held());
    assert!(guard.release().await.unwrap().was_held());
    assert!(both.release().await.unwrap().was_held());
    // Several releases share a script.
    let mut many = Vec::new();
    for number in 0..20 {
        many.push(redlock.lock(format!("many {number}")).await.unwrap());
    }
    drop(many);
    gone(servers, "d").await;
    for number in 0..20 {
        gone(servers, &format!("many {number}")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_evalsha_scripts_are_sent_by_their_text() {
    for denied in [&["-evalsha"][..], &["-evalsha", "-script"]] {
        let servers = Servers::start(3);
        let redlock = Redlock::connect(limited(&servers, denied)).await.unwrap();
        use_scripts(&servers, &redlock).await;
        for server in &servers {
            let rejected: String = server.probe().query(redis::cmd("INFO").arg("commandstats"));
            let evalsha = rejected.lines().find(|it| it.contains("_evalsha:"));
            // One for the only handshake.
            let is_expected = evalsha.is_some_and(|it| it.contains("rejected_calls=1,"));
            assert!(is_expected, "{evalsha:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_server_without_evalsha_gets_scripts_by_their_text() {
    let servers = without_commands(&["EVALSHA"]);
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    use_scripts(&servers, &redlock).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_eval_scripts_are_loaded_and_sent_by_hash() {
    let servers = Servers::start(3);
    let redlock = Redlock::connect(limited(&servers, &["-eval"]))
        .await
        .unwrap();
    use_scripts(&servers, &redlock).await;
    // A flushed script is loaded again by the next connection.
    let guard = redlock.lock("a").ttl(4 * SECOND).await.unwrap();
    for server in &servers {
        server.probe().script_flush();
    }
    tokio::time::sleep(6 * SECOND).await;
    assert!(guard.is_held());
    drop(guard);
    gone(&servers, "a").await;
    // A connection that ended while idle is noticed by the next request. It is sent again behind
    // its undo, which takes a script.
    for server in &servers {
        server.probe().client_kill();
    }
    tokio::time::sleep(300 * MS).await;
    let guard = redlock.try_lock("b").await.unwrap();
    assert!(guard.release().await.unwrap().was_held());
}

/// Checks that connecting fails for lack of a right, and that each node names it.
async fn assert_refused(urls: Vec<String>, named: &str) {
    let refused = Redlock::connect(urls.clone()).await.unwrap_err();
    let ConnectError::NoQuorum { failures, .. } = &refused else {
        panic!("{refused:?}")
    };
    assert_eq!(failures.len(), 3);
    for failure in failures.iter() {
        assert_eq!(failure.error().kind(), NodeErrorKind::Permission);
        assert!(failure.to_string().contains(named), "{failure}");
    }
    assert!(refused.to_string().contains(named), "{refused}");
    let lazy = Redlock::builder().nodes(urls).build().unwrap();
    let lock_refused = lazy.lock("a").wait(MS).await.unwrap_err();
    assert!(lock_refused.to_string().contains(named), "{lock_refused}");
    for report in lazy.nodes().await {
        let NodeHealth::Down(cause) = &report.health else {
            panic!("{report:?}")
        };
        assert!(cause.message().contains(named), "{cause}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn without_scripts_a_server_has_no_vote() {
    for denied in [&["-@scripting"][..], &["-eval", "-evalsha"]] {
        let servers = Servers::start(3);
        assert_refused(limited(&servers, denied), "neither EVALSHA nor EVAL").await;
    }
    let servers = without_commands(&["EVALSHA", "EVAL"]);
    assert_refused(servers.urls(), "neither EVALSHA nor EVAL").await;
    let servers = Servers::start(3);
    let urls = limited(&servers, &["-eval", "-script"]);
    assert_refused(urls, "neither SCRIPT LOAD nor EVAL").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn every_right_that_ends_a_lock_is_checked_first() {
    for command in ["get", "del", "pttl", "pexpire"] {
        let named = format!("allow +{command}");
        let denied = format!("-{command}");
        let servers = Servers::start(3);
        assert_refused(limited(&servers, &[&denied]), &named).await;
        assert_refused(limited(&servers, &[&denied, "-evalsha"]), &named).await;
        assert!(servers[0].probe().keys().is_empty());
    }
    let servers = without_commands(&["DEL"]);
    assert_refused(servers.urls(), "allow +del").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_pattern_is_not_taken_for_a_missing_command() {
    let servers = Servers::start(3);
    let patterns = ["resetkeys", "~app:*", "~{app:*"];
    for more in [&[][..], &["-evalsha"], &["-info", "-role"]] {
        let urls = limited(&servers, &[&patterns, more].concat());
        let is_verified = !more.contains(&"-info");
        let redlock = Redlock::builder().nodes(urls).key_prefix("app:");
        let redlock = redlock
            .restart_quarantine(is_verified)
            .connect()
            .await
            .unwrap();
        let guard = redlock.lock("a").ttl(SECOND).await.unwrap();
        tokio::time::sleep(2 * SECOND).await;
        assert!(guard.release().await.unwrap().was_held());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_key_that_has_the_name_of_the_probe_is_left_alone() {
    let servers = Servers::start(2);
    servers[0].probe().set("redlock:probe", "data", None);
    let push = redis::cmd("RPUSH").arg("redlock:probe").arg("data").clone();
    servers[1].probe().query::<()>(&push);
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    healthy(&redlock).await;
    let value = servers[0].probe().get("redlock:probe");
    assert_eq!(value.as_deref(), Some("data"));
    for server in &servers {
        let left = server.probe().pttl("redlock:probe");
        assert_eq!(left, Some(std::time::Duration::MAX));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_minority_without_rights_is_reported_and_not_used() {
    let servers = Servers::start(3);
    let urls = limited(&servers, &[]);
    form(&servers).await;
    set_rights(&servers[1], &["-@scripting"]);
    let redlock = Redlock::connect(urls).await.unwrap();
    let guard = redlock.lock("a").await.unwrap();
    assert!(!servers[1].probe().exists("a"));
    let reports = redlock.nodes().await;
    let usable: Vec<_> = reports.iter().map(|it| it.is_usable()).collect();
    assert_eq!(usable, [true, false, true], "{reports:?}");
    assert!(guard.release().await.unwrap().was_held());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn rights_that_change_are_noticed_by_the_next_script() {
    let servers = Servers::start(3);
    let redlock = Redlock::connect(limited(&servers, &[])).await.unwrap();
    let guard = redlock.lock("a").ttl(4 * SECOND).await.unwrap();
    for server in &servers {
        set_rights(server, &["-evalsha"]);
    }
    tokio::time::sleep(6 * SECOND).await;
    assert!(guard.is_held(), "scripts are now sent by their text");
    set_rights(&servers[0], &["-eval"]);
    let start = std::time::Instant::now();
    loop {
        let report = &redlock.nodes().await[0];
        if let NodeHealth::Down(cause) = &report.health
            && cause.message().contains("neither EVALSHA nor EVAL")
        {
            break;
        }
        assert!(start.elapsed() < SOON, "{report:?}");
        tokio::time::sleep(50 * MS).await;
    }
    assert!(guard.is_held(), "by the other two");
    set_rights(&servers[0], &["+eval"]);
    healthy(&redlock).await;
    drop(guard);
    gone(&servers, "a").await;
}

/// Counts the warnings of this thread that concern a node.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("redlock")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_missing_right_is_logged_once() {
    let servers = Servers::start(1);
    let urls = limited(&servers, &["-@scripting"]);
    let warnings = Warnings::default();
    let _recording = tracing::subscriber::set_default(warnings.clone());
    let redlock = Redlock::builder().nodes(urls).build().unwrap();
    let hellos = || servers[0].probe().calls_of("hello");
    let before = hellos();
    drop(redlock.nodes().await);
    // Each attempt sends two: one to agree on the protocol, one in the handshake.
    eventually("five attempts", SOON, || hellos() >= before + 10).await;
    assert_eq!(warnings.0.load(Ordering::SeqCst), 1);
}
