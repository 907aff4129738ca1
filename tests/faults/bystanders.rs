//! Keys of other libraries and applications at the names that waiting uses.

use deadpool_redis::redis;
use deadpool_redis::redis::cmd;
use redlock_tests::Servers;

use crate::common::{LONG, MS, form, gone};
use crate::waiters::{NEVER, OFTEN, acquired, hold, manager, waiter};

/// Subscribes to a channel as a waiter that hangs, and adds it to the waiting list for `a`.
fn hung_waiter(servers: &Servers, name: &str) -> Vec<redis::Connection> {
    let connections = servers.iter().map(|server| {
        let client = redis::Client::open(server.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let channel = format!("redlock:wait:{name}");
        cmd("SUBSCRIBE").arg(channel).exec(&mut connection).unwrap();
        let probe = server.probe();
        probe.query::<i64>(cmd("ZADD").arg("{a}:wait").arg(1).arg(name));
        connection
    });
    connections.collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_repeated_hint_leaves_a_foreign_lock_without_a_value_alone() {
    let servers = Servers::start(3);
    form(&servers).await;
    let holder = manager(&servers, NEVER).await;
    let guard = hold(&servers, &holder).await;
    let hung = hung_waiter(&servers, "hung");
    assert!(guard.release().await.unwrap().was_held());
    gone(&servers, "a").await;
    for server in &servers {
        server.probe().set("a", "", LONG);
    }
    // The hint is repeated after 12 ms.
    tokio::time::sleep(100 * MS).await;
    assert!(servers.iter().all(|server| server.probe().exists("a")));
    drop(hung);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_foreign_key_in_place_of_a_hinted_waiter_blocks_no_lock() {
    let servers = Servers::start(3);
    form(&servers).await;
    for server in &servers {
        server.probe().set("{a}:next", "data", None);
    }
    let holder = manager(&servers, NEVER).await;
    let guard = hold(&servers, &holder).await;
    let live = manager(&servers, OFTEN).await;
    let waiter = waiter(&servers, &live).await;
    drop(guard);
    drop(acquired(waiter).await);
    for server in &servers {
        assert_eq!(server.probe().get("{a}:next").as_deref(), Some("data"));
    }
}
