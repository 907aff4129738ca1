//! Locks that end in the moment in which a command of theirs is being sent.

use std::fmt;
use std::sync::{Arc, Mutex};

use redlock::node::{Command, MemoryNode, Node, NodeReport, Responder, Session, SessionOptions};
use redlock::{LockGuard, Redlock};

use crate::common::{MS, SECOND, Stopwatch, holding, settle};

/// Returns a responder that wants every command to be carried out, as that of a simple node may.
fn unaware<T: Send + 'static>(responder: Responder<T>) -> Responder<T> {
    let responder = Mutex::new(Some(responder));
    Responder::from_fn(move |response| {
        let responder = responder.lock().unwrap().take();
        responder.unwrap().send(response);
    })
}

/// A node that drops a guard just before it receives the next command of one kind.
#[derive(Clone)]
struct EndingNode {
    node: MemoryNode,
    ending: Arc<Mutex<Option<(IsAwaited, LockGuard)>>>,
}

type IsAwaited = fn(&Command) -> bool;

impl EndingNode {
    fn over(nodes: &[MemoryNode]) -> (Vec<Self>, Redlock) {
        let ending = Arc::default();
        let of = |node: &MemoryNode| Self {
            node: node.clone(),
            ending: Arc::clone(&ending),
        };
        let nodes: Vec<_> = nodes.iter().map(of).collect();
        let redlock = Redlock::builder().nodes(nodes.clone()).build().unwrap();
        (nodes, redlock)
    }
}

impl fmt::Debug for EndingNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

impl Node for EndingNode {
    fn name(&self) -> Arc<str> {
        self.node.name()
    }

    fn open(&self, options: SessionOptions) -> Arc<dyn Session> {
        let session = self.node.open(options);
        let ending = Arc::clone(&self.ending);
        Arc::new(EndingSession { session, ending })
    }
}

struct EndingSession {
    session: Arc<dyn Session>,
    ending: Arc<Mutex<Option<(IsAwaited, LockGuard)>>>,
}

impl fmt::Debug for EndingSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(f)
    }
}

impl Session for EndingSession {
    fn submit(&self, command: Command) {
        let is_awaited = |ending: &mut (IsAwaited, LockGuard)| ending.0(&command);
        let ended = self.ending.lock().unwrap().take_if(is_awaited);
        drop(ended);
        self.session.submit(match command {
            Command::Extend(mut it) => {
                it.responder = unaware(it.responder);
                Command::Extend(it)
            }
            Command::Rearm(mut it) => {
                it.responder = unaware(it.responder);
                Command::Rearm(it)
            }
            other => other,
        });
    }

    fn report(&self) -> NodeReport {
        self.session.report()
    }

    fn notifies(&self) -> bool {
        self.session.notifies()
    }

    fn hints(&self) -> bool {
        self.session.hints()
    }
}

/// The keys stay until the end of `hold_at_least`, and no longer: neither for the ttl of an extension
/// that was sent behind the release, nor for that of a re-arm.
#[tokio::test(start_paused = true)]
async fn no_command_behind_a_release_prolongs_its_keys() {
    let kinds: [IsAwaited; 2] = [
        |command| matches!(command, Command::Extend(_)),
        |command| matches!(command, Command::Rearm(_)),
    ];
    for is_awaited in kinds {
        let memory = MemoryNode::cluster::<3>();
        let (nodes, redlock) = EndingNode::over(&memory);
        // As long as an extension, which is sent later.
        let (hold, watch) = (60 * SECOND, Stopwatch::start());
        let request = redlock.lock("a").ttl(60 * SECOND).hold_at_least(hold);
        let guard = request.await.unwrap();
        *nodes[0].ending.lock().unwrap() = Some((is_awaited, guard));
        // The first extension is due, and registers for changes.
        tokio::time::sleep(20 * SECOND).await;
        memory[0].forget_keys();
        while nodes[0].ending.lock().unwrap().is_some() {
            tokio::time::sleep(10 * MS).await;
        }
        settle().await;
        assert!(watch.elapsed() < hold, "{:?}", watch.elapsed());
        assert!(holding(&memory) > 0, "the lock is kept until the hold ends");
        tokio::time::sleep(hold.saturating_sub(watch.elapsed()) + 2 * MS).await;
        assert_eq!(holding(&memory), 0, "and no longer");
    }
}
