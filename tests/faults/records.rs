//! Identity records that change, or that cannot be changed, under managers in use.

use deadpool_redis::redis::cmd;
use redlock::{LockError, RedisNode, Redlock};
use redlock_tests::{Server, Servers};

use crate::common::{MS, SECOND, form, healthy, limited};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_longer_max_ttl_elsewhere_leaves_pools_usable() {
    let servers = Servers::start(3);
    let pools = servers.urls().into_iter().map(|url| {
        let pool = deadpool_redis::Config::from_url(&url).create_pool(None);
        RedisNode::from_pool(pool.unwrap(), &*url)
    });
    let pooled = Redlock::builder().nodes(pools).connect().await.unwrap();
    healthy(&pooled).await;
    drop(pooled.lock("a").await.unwrap());
    let longer = Redlock::builder()
        .nodes(servers.urls())
        .max_ttl(120 * SECOND);
    let longer = longer.connect().await.unwrap();
    healthy(&longer).await;
    tokio::time::sleep(5 * SECOND).await;
    let result = pooled.lock("a").await;
    assert!(result.is_ok(), "{result:?}, {:?}", pooled.nodes().await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_run_id_that_only_scripts_see_causes_no_storm() {
    let servers = Servers::start(3);
    let urls = limited(&servers, &["-info", "+info|server"]);
    let redlock = Redlock::builder().nodes(urls).build().unwrap();
    let result: Result<_, LockError> = redlock.lock("a").wait(2 * SECOND).await;
    tokio::time::sleep(100 * MS).await;
    let info: String = servers
        .iter()
        .next()
        .unwrap()
        .probe()
        .query(cmd("INFO").arg("commandstats"));
    let line = info.lines().find(|it| it.starts_with("cmdstat_evalsha:"));
    let count = line.and_then(|it| it.split(['=', ',']).nth(1)?.parse::<u64>().ok());
    assert!(count < Some(200), "{count:?} scripts, {result:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn rights_that_were_wrong_for_a_while_stop_nothing_for_good() {
    let servers = Servers::start(3);
    let urls = limited(&servers, &[]);
    let redlock = Redlock::builder()
        .nodes(urls)
        .ttl(SECOND)
        .max_ttl(2 * SECOND);
    let redlock = redlock.connect().await.unwrap();
    healthy(&redlock).await;
    for right in ["-info", "+info"] {
        for server in &servers {
            let rights = ["SETUSER", "limited", right];
            server.probe().query::<()>(cmd("ACL").arg(&rights));
            let _killed = server.probe().client_kill();
        }
        tokio::time::sleep(5 * SECOND).await;
        let result = redlock.lock("a").await;
        assert!(result.is_ok(), "{right}: {result:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn full_servers_keep_a_lease_through_a_rolling_restart() {
    let builder = Server::builder().arg("--appendonly", "yes");
    let servers = Servers::start_each((0..3).map(|_| builder.clone()));
    let proxies = servers.proxies();
    let urls: Vec<_> = proxies.iter().map(|proxy| proxy.url()).collect();
    let redlock = Redlock::builder().nodes(urls).ttl(6 * SECOND);
    let redlock = redlock.connect().await.unwrap();
    healthy(&redlock).await;
    let guard = redlock.lock("a").await.unwrap();
    // Each write is on disk.
    tokio::time::sleep(3 * SECOND).await;
    for (server, proxy) in servers.iter().zip(&proxies) {
        proxy.refuse();
        server.restart();
        server.probe().config_set("maxmemory", "1000");
        proxy.accept();
        tokio::time::sleep(7 * SECOND).await;
        let report = redlock.nodes().await;
        let loss = tokio::time::timeout(MS, guard.lost()).await;
        assert!(guard.is_held(), "{} {loss:?} {report:?}", server.port());
        // The key is there, and is extended.
        assert!(server.probe().exists("a"));
    }
}

/// Counts the turns of the unluckiest of eight managers that contend for 15 s while one node of three has
/// no vote, and the refusals of all.
async fn contend(has_lost_data: bool) -> (u32, u32) {
    let servers = Servers::start(3);
    form(&servers).await;
    let mut managers = Vec::new();
    for _ in 0..8 {
        let redlock = Redlock::connect(servers.urls()).await.unwrap();
        healthy(&redlock).await;
        managers.push(redlock);
    }
    if has_lost_data {
        servers[0].probe().flushall();
    } else {
        servers[0].kill();
    }
    tokio::time::sleep(SECOND).await;
    let end = std::time::Instant::now() + 15 * SECOND;
    let contenders = managers.into_iter().map(|redlock| {
        tokio::spawn(async move {
            let (mut turns, mut refusals) = (0, 0);
            while std::time::Instant::now() < end {
                match redlock.lock("a").await {
                    Ok(guard) => {
                        tokio::time::sleep(MS).await;
                        let _released = guard.release().await;
                        turns += 1;
                    }
                    Err(_) => refusals += 1,
                }
            }
            (turns, refusals)
        })
    });
    let (mut fewest, mut refusals) = (u32::MAX, 0);
    for contender in contenders.collect::<Vec<_>>() {
        let of_one = contender.await.unwrap();
        println!("{has_lost_data} {of_one:?}");
        (fewest, refusals) = (fewest.min(of_one.0), refusals + of_one.1);
    }
    (fewest, refusals)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn contenders_beside_a_quarantine_take_turns() {
    let (down, quarantined) = (contend(false).await, contend(true).await);
    assert!(quarantined.0 * 4 > down.0, "{down:?}, {quarantined:?}");
    assert_eq!(quarantined.1, 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_loss_behind_a_proxy_without_pushes_grants_nothing_twice() {
    let servers = Servers::start(3);
    form(&servers).await;
    let proxies = servers.proxies();
    for proxy in &proxies {
        proxy.filter_pushes();
    }
    let urls: Vec<_> = proxies.iter().map(|proxy| proxy.url()).collect();
    let other = Redlock::connect(urls).await.unwrap();
    healthy(&other).await;
    drop(other.lock("b").await.unwrap());
    let redlock = Redlock::connect(servers.urls()).await.unwrap();
    healthy(&redlock).await;
    // A holder that is paused does not put its keys back.
    let holder = redlock.lock("a").ttl(20 * SECOND).auto_extend(false);
    let holder = holder.await.unwrap();
    for server in &servers {
        server.probe().flushall();
    }
    tokio::time::sleep(SECOND).await;
    let refused = other.lock("a").no_wait().await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused}");
    assert!(holder.remaining() > SECOND);
}
