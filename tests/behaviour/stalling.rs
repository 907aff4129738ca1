//! Tasks that are not scheduled in time.
//!
//! Responses that are read too late do not count, and a lease that was seen expired stays expired.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use redlock::node::{
    Command, Extend, Extension, Fault, MemoryNode, Node, NodeReport, Session, SessionOptions,
};
use redlock::{LockError, Redlock};

use crate::common::{MS, SECOND, cluster, holding, settle};

#[tokio::test(start_paused = true)]
async fn grants_read_shortly_before_their_expiry_do_not_count() {
    let (nodes, redlock) = cluster::<3>();
    // The first contact takes a round trip more.
    redlock.nodes().await;
    nodes
        .iter()
        .for_each(|node| node.fault(Fault::Delay(10 * MS)));
    let mut request = Box::pin(redlock.try_lock("a").ttl(10 * SECOND));
    let mut poll = || {
        request
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    };
    assert!(poll().is_pending());
    // The nodes grant after 10 ms. The task runs again after 9 of the 10 s.
    tokio::time::advance(10 * MS).await;
    settle().await;
    assert_eq!(holding(&nodes), 3);
    tokio::time::advance(9 * SECOND).await;
    let refused = match poll() {
        Poll::Ready(outcome) => outcome.unwrap_err(),
        Poll::Pending => request.await.unwrap_err(),
    };
    assert!(
        matches!(refused, LockError::NoQuorum { granted: 0, .. }),
        "{refused:?}"
    );
    tokio::time::sleep(SECOND).await;
    assert_eq!(holding(&nodes), 0);
}

/// A node that withholds extensions. The test sends the responses.
#[derive(Clone, Debug)]
struct WithholdingNode {
    node: MemoryNode,
    extensions: Arc<Mutex<Vec<Extend>>>,
}

impl Node for WithholdingNode {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        let session = self.node.open(options);
        Arc::new(WithholdingSession {
            session,
            extensions: Arc::clone(&self.extensions),
        })
    }
}

#[derive(Debug)]
struct WithholdingSession {
    session: Arc<dyn Session>,
    extensions: Arc<Mutex<Vec<Extend>>>,
}

impl Session for WithholdingSession {
    fn submit(&self, command: Command) {
        match command {
            Command::Extend(extend) => self.extensions.lock().unwrap().push(extend),
            other => self.session.submit(other),
        }
    }

    fn report(&self) -> NodeReport {
        self.session.report()
    }
}

/// Runs on real time and blocks the only thread of the runtime, so no timer fires in between.
#[tokio::test]
async fn a_lease_that_is_over_does_not_come_back() {
    for is_seen in [false, true] {
        confirm_too_late(is_seen).await;
    }
}

async fn confirm_too_late(is_seen: bool) {
    let extensions = Arc::default();
    let node = WithholdingNode {
        node: MemoryNode::new(),
        extensions: Arc::clone(&extensions),
    };
    let redlock = Redlock::builder().node(node).build().unwrap();
    let ttl = 500 * MS;
    let guard = redlock.lock("a").ttl(ttl).auto_extend(false).await.unwrap();
    let mut extending = Box::pin(guard.extend(30 * SECOND));
    assert!(
        extending
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    std::thread::sleep(ttl);
    if is_seen {
        assert!(!guard.is_held());
    }
    // The extensions were sent in time, and are confirmed too late.
    for extend in std::mem::take(&mut *extensions.lock().unwrap()) {
        extend.responder.send(Ok(Extension::Confirmed));
    }
    assert!(!guard.is_held());
    assert!(extending.await.is_err());
}
