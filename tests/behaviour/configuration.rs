//! Rejected options and input, and the limits of what is accepted.

use std::time::Duration;

use redlock::node::Fault;
use redlock::{
    ConfigError, ConnectError, InvalidRequest, LockError, MemoryNode, Redlock, Resource,
};

use crate::common::{MS, SECOND, cluster, holding};

#[tokio::test(start_paused = true)]
async fn a_manager_needs_nodes_and_rejects_duplicates() {
    let none: [&str; 0] = [];
    assert_eq!(
        Redlock::builder().nodes(none).build().unwrap_err(),
        ConfigError::NoNodes
    );
    let refused = Redlock::connect(none).await.unwrap_err();
    assert!(matches!(
        refused,
        ConnectError::Config(ConfigError::NoNodes)
    ));

    let node = MemoryNode::new();
    let refused = Redlock::builder()
        .node(node.clone())
        .node(node)
        .build()
        .unwrap_err();
    assert!(
        matches!(refused, ConfigError::DuplicateNode { .. }),
        "{refused}"
    );
    let urls = ["redis://a:1", "redis://b:1", "redis://:secret@a:1"];
    let refused = Redlock::builder().nodes(urls).build().unwrap_err();
    assert_eq!(refused, ConfigError::DuplicateNode { node: "a:1".into() });
}

#[test]
fn a_url_leads_to_the_node_that_is_meant() {
    let urls = ["redis://a/2", "redis://a?db=2"];
    let refused = Redlock::builder().nodes(urls).build().unwrap_err();
    let node = "a:6379/2".into();
    assert_eq!(refused, ConfigError::DuplicateNode { node });
    for url in [
        "redis://user:12#ss@a",
        "redis://user:12?ss@a",
        "redis://user:12/ss@a",
        "redis://a?db=2&timeout=5s",
        "redis://a#insecure",
    ] {
        let refused = Redlock::builder().node(url).build().unwrap_err();
        assert!(
            matches!(refused, ConfigError::Address { .. }),
            "{url}: {refused}"
        );
    }
}

#[test]
fn an_invalid_address_is_reported_by_its_position() {
    for url in ["", "localhost", "http://a", "redis://:secret@a:b"] {
        let refused = Redlock::builder()
            .node("redis://a")
            .node(url)
            .build()
            .unwrap_err();
        assert!(
            matches!(refused, ConfigError::Address { index: 1, .. }),
            "{url}: {refused:?}"
        );
        assert!(!format!("{refused} {refused:?}").contains("secret"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_ttl_out_of_bounds_is_rejected_before_sending() {
    let (nodes, redlock) = cluster::<3>();
    // Such nodes would keep the key of any command that was sent.
    nodes.iter().for_each(|node| node.fault(Fault::LoseReplies));
    let ttls = [
        Duration::ZERO,
        Duration::from_micros(1),
        9 * MS,
        61 * SECOND,
        Duration::MAX,
    ];
    for ttl in ttls {
        let refused = redlock.lock("a").ttl(ttl).await.unwrap_err();
        let is_typed = matches!(
            refused,
            LockError::Invalid(
                InvalidRequest::TtlTooShort { .. } | InvalidRequest::TtlTooLong { .. }
            )
        );
        assert!(is_typed, "{ttl:?}: {refused:?}");
        let refused = Redlock::builder()
            .node(MemoryNode::new())
            .ttl(ttl)
            .build()
            .unwrap_err();
        assert!(
            matches!(refused, ConfigError::Ttl(_)),
            "{ttl:?}: {refused:?}"
        );
    }
    let refused = redlock.lock("a").max_hold(MS).await.unwrap_err();
    assert!(matches!(refused, LockError::Invalid(_)));
    assert_eq!(holding(&nodes), 0);
}

#[tokio::test(start_paused = true)]
async fn the_shortest_ttl_and_fractions_of_milliseconds_work() {
    let redlock = Redlock::in_memory(3);
    let guard = redlock.lock("a").ttl(10 * MS).await.unwrap();
    tokio::time::sleep(100 * MS).await;
    assert!(guard.is_held(), "it is extended every 3 ms");
    let _other = redlock
        .lock("b")
        .ttl(Duration::from_nanos(10_000_001))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_empty_long_and_reserved_names_are_rejected() {
    let redlock = Redlock::in_memory(3);
    let long = vec![b'x'; Resource::MAX_LEN];
    let longer = vec![b'x'; Resource::MAX_LEN + 1];
    for refused in [
        Resource::from(""),
        longer.into(),
        "a:fence".into(),
        "a:fence!".into(),
    ] {
        let error = redlock.lock(&refused).await.unwrap_err();
        assert!(matches!(error, LockError::Invalid(_)), "{error:?}");
    }
    let all_bytes: Vec<u8> = (0..=255).collect();
    let names = [
        Resource::from(long),
        all_bytes.into(),
        "\r\n {} ü".into(),
        "\0".into(),
    ];
    for name in names {
        let guard = redlock.lock(&name).await.unwrap();
        assert_eq!(guard.resource(), &name);
        assert!(redlock.try_lock(&name).await.unwrap_err().is_busy());
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_options_are_rejected() {
    let builder = || Redlock::builder().node(MemoryNode::new());
    let refused = builder().drift_factor(1.0).build().unwrap_err();
    assert!(matches!(refused, ConfigError::DriftFactor { .. }));
    let refused = builder().retry_count(0).build().unwrap_err();
    assert_eq!(refused, ConfigError::RetryCount);
    let refused = builder().node_timeout(Duration::ZERO).build().unwrap_err();
    let min = MS;
    let node_timeout = Duration::ZERO;
    assert_eq!(refused, ConfigError::NodeTimeout { node_timeout, min });
    let refused = builder().max_ttl(Duration::MAX).build().unwrap_err();
    assert!(matches!(refused, ConfigError::MaxTtl { .. }));
}

#[tokio::test(start_paused = true)]
async fn locks_with_different_prefixes_do_not_collide() {
    let nodes = MemoryNode::cluster::<3>();
    let managers = ["a:", "b:", "a:"].map(|prefix| {
        Redlock::builder()
            .nodes(nodes.clone())
            .key_prefix(prefix)
            .build()
            .unwrap()
    });
    let _first = managers[0].try_lock("x").await.unwrap();
    let _second = managers[1].try_lock("x").await.unwrap();
    assert!(managers[2].try_lock("x").await.unwrap_err().is_busy());
}

#[tokio::test(start_paused = true)]
async fn connecting_needs_a_quorum() {
    let (nodes, _) = cluster::<3>();
    nodes[0].fault(Fault::Crash);
    let redlock = Redlock::connect(nodes.clone()).await.unwrap();
    let _guard = redlock.lock("a").await.unwrap();

    nodes[1].fault(Fault::Crash);
    let refused = Redlock::connect(nodes.clone()).await.unwrap_err();
    let ConnectError::NoQuorum {
        usable: 1,
        needed: 2,
        nodes: 3,
        failures,
    } = &refused
    else {
        panic!("{refused:?}");
    };
    assert_eq!(failures.len(), 2);

    nodes[1].fault(Fault::Hang);
    let refused = Redlock::connect(nodes).await.unwrap_err();
    assert!(
        matches!(refused, ConnectError::NoQuorum { .. }),
        "it fails in bounded time: {refused:?}"
    );
}
