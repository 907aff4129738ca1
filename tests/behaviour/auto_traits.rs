//! Auto traits of the public types and futures.

use std::future::Future;

use redlock::{
    Connect, ConnectError, Error, ExtendError, FencingToken, Lease, LeaseId, LockError, LockGuard,
    LockLost, LockRequest, MemoryNode, NodeReport, RedisNode, Redlock, RedlockBuilder,
    ReleaseError, Released, Resource, Run, RunOwned, Status, UnlockError,
};

fn shared<T: Send + Sync + 'static>() {}
fn sent<T: Send + 'static>() {}
fn moved<T: Unpin>() {}
fn debug<T: std::fmt::Debug>() {}

#[test]
fn values_can_be_shared_between_threads() {
    shared::<Redlock>();
    shared::<LockGuard>();
    shared::<MemoryNode>();
    shared::<RedisNode>();
    shared::<Resource>();
    shared::<LeaseId>();
    shared::<Lease>();
    shared::<FencingToken>();
    shared::<Released>();
    shared::<Status>();
    shared::<NodeReport>();
    shared::<RedlockBuilder>();
    debug::<Redlock>();
    debug::<LockGuard>();
    debug::<RedlockBuilder>();
}

#[test]
fn errors_can_be_shared_between_threads() {
    shared::<Error>();
    shared::<LockError>();
    shared::<LockLost>();
    shared::<ExtendError>();
    shared::<ReleaseError>();
    shared::<UnlockError>();
    shared::<ConnectError>();
}

#[test]
fn requests_can_be_spawned_and_moved() {
    sent::<LockRequest>();
    moved::<LockRequest>();
    sent::<Connect>();
    sent::<Run<'static, std::future::Ready<()>>>();
    sent::<RunOwned<std::future::Ready<()>>>();
    moved::<RunOwned<std::future::Ready<()>>>();
}

/// Never called: compiling it is the test.
#[allow(dead_code)]
fn futures_can_be_sent(redlock: Redlock, guard: &'static LockGuard, other: LockGuard) {
    fn future<F: Future + Send + 'static>(_: F) {}
    fn shared_future<F: Future + Send + Sync + 'static>(_: F) {}
    let of_static: &'static Redlock = Box::leak(Box::new(redlock));
    future(of_static.lock("a"));
    future(of_static.unlock("a", "id"));
    future(of_static.adopt("a", "id"));
    future(of_static.status("a"));
    future(of_static.nodes());
    future(of_static.shutdown());
    future(of_static.scope(async {}));
    future(guard.run(async {}));
    future(guard.extend(std::time::Duration::ZERO));
    shared_future(guard.lost());
    future(other.release());
}

#[test]
fn a_request_can_be_polled_in_a_select_loop() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let redlock = Redlock::in_memory(3);
        let mut request = redlock.lock("a");
        let guard = loop {
            tokio::select! {
                guard = &mut request => break guard.unwrap(),
                () = tokio::time::sleep(std::time::Duration::from_secs(3600)) => {}
            }
        };
        let tasks: tokio::task::JoinSet<_> = ["b", "c"]
            .into_iter()
            .map(|name| redlock.lock(name))
            .collect();
        assert_eq!(tasks.join_all().await.len(), 2);
        drop(guard);
    });
}
