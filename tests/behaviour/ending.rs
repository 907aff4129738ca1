//! Locks that end in the moment in which a command of theirs is being sent.

use std::sync::{Arc, Mutex};

use redlock::node::{Command, MemoryNode};
use redlock::{LockGuard, Redlock};

use crate::common::{MS, SECOND, Stopwatch, holding, settle};
use crate::hooked::{Hooked, in_flight};

/// A guard to drop just before a node receives the next command of one kind.
type Ending = Arc<Mutex<Option<(IsAwaited, LockGuard)>>>;

type IsAwaited = fn(&Command) -> bool;

/// Returns a manager over these nodes, which drops the guard.
fn ending(nodes: &[MemoryNode]) -> (Ending, Redlock) {
    let ending = Ending::default();
    let nodes = nodes.iter().map(|node| {
        let ending = Arc::clone(&ending);
        Hooked::new(node, move |command| {
            let is_awaited = |(is_awaited, _): &mut (IsAwaited, _)| is_awaited(&command);
            let ended = ending.lock().unwrap().take_if(is_awaited);
            drop(ended);
            match command {
                Command::Extend(mut it) => {
                    it.responder = in_flight(it.responder);
                    Command::Extend(it)
                }
                Command::Rearm(mut it) => {
                    it.responder = in_flight(it.responder);
                    Command::Rearm(it)
                }
                other => other,
            }
        })
    });
    let redlock = Redlock::builder().nodes(nodes).build().unwrap();
    (ending, redlock)
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
        let (ending, redlock) = ending(&memory);
        // As long as an extension, which is sent later.
        let (hold, watch) = (60 * SECOND, Stopwatch::start());
        let request = redlock.lock("a").ttl(60 * SECOND).hold_at_least(hold);
        let guard = request.await.unwrap();
        *ending.lock().unwrap() = Some((is_awaited, guard));
        // The first extension is due, and registers for changes.
        tokio::time::sleep(20 * SECOND).await;
        memory[0].forget_keys();
        while ending.lock().unwrap().is_some() {
            tokio::time::sleep(10 * MS).await;
        }
        settle().await;
        assert!(watch.elapsed() < hold, "{:?}", watch.elapsed());
        assert!(holding(&memory) > 0, "the lock is kept until the hold ends");
        tokio::time::sleep(hold.saturating_sub(watch.elapsed()) + 2 * MS).await;
        assert_eq!(holding(&memory), 0, "and no longer");
    }
}
