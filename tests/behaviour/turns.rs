//! The order of waiting processes, each a manager of its own.

use std::sync::Arc;
use std::time::Duration;

use redlock::node::{
    Acquire, Command, Fault, Keys, Moment, Node, Release, Responder, SessionOptions, Waiter, Watch,
    Watcher,
};
use redlock::{LeaseId, MemoryNode, Redlock};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::common::{MS, SECOND, Stopwatch, cluster, manager, settle};
use crate::recorder::{Note, Recorder};

/// Longer than any poll: without hints, no test here would end in time.
const NEVER: Duration = Duration::from_secs(1000);

/// Returns a manager whose polls are too rare to matter.
fn patient(nodes: &[MemoryNode]) -> Redlock {
    let builder = Redlock::builder().nodes(nodes.iter().cloned());
    builder.retry_delay(NEVER).wait(NEVER).build().unwrap()
}

/// Lets `managers` begin to wait, one after the other. Each reports its number once it is served.
async fn queue(
    managers: &[Redlock],
    served: &mpsc::UnboundedSender<usize>,
    hold: Duration,
) -> Vec<JoinHandle<()>> {
    let mut waiting = Vec::new();
    for (number, redlock) in managers.iter().enumerate() {
        let (request, served) = (redlock.lock("a"), served.clone());
        waiting.push(tokio::spawn(async move {
            let guard = request.await.unwrap();
            served.send(number).unwrap();
            tokio::time::sleep(hold).await;
            drop(guard);
        }));
        settle().await;
        tokio::time::sleep(MS).await;
    }
    waiting
}

#[tokio::test(start_paused = true)]
async fn processes_are_served_first_come_first_served() {
    let (nodes, redlock) = cluster::<5>();
    let managers: Vec<_> = (0..50).map(|_| patient(&nodes)).collect();
    let guard = redlock.lock("a").await.unwrap();
    let (served, mut order) = mpsc::unbounded_channel();
    let _waiting = queue(&managers, &served, MS).await;
    assert_eq!(redlock.status("a").await.waiters(), 50);
    drop(guard);
    for expected in 0..50 {
        assert_eq!(order.recv().await, Some(expected));
    }
    settle().await;
    assert_eq!(redlock.status("a").await.waiters(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_passes_its_turn_on() {
    let (nodes, redlock) = cluster::<3>();
    let managers: Vec<_> = (0..3).map(|_| patient(&nodes)).collect();
    let guard = redlock.lock("a").await.unwrap();
    let (served, mut order) = mpsc::unbounded_channel();
    let waiting = queue(&managers, &served, MS).await;
    waiting[0].abort();
    settle().await;
    assert_eq!(redlock.status("a").await.waiters(), 2);
    drop(guard);
    // The hint is on its way when the second one is dropped.
    waiting[1].abort();
    assert_eq!(order.recv().await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_not_polled_costs_the_others_no_lock() {
    let (nodes, redlock) = cluster::<3>();
    let (hung, next) = (patient(&nodes), manager(&nodes));
    let guard = redlock.lock("a").await.unwrap();
    let mut request = Box::pin(hung.lock("a").into_future());
    assert!(poll_for_a_moment(&mut request).await.is_none());
    let waiter = tokio::spawn(next.lock("a"));
    settle().await;
    drop(guard);
    let watch = Stopwatch::start();
    // In memory, no client looks again for it: the next one polls.
    drop(waiter.await.unwrap().unwrap());
    assert!(watch.elapsed() <= 5 * SECOND, "{:?}", watch.elapsed());
    drop(request);
}

/// Polls a future for a moment. Returns its output if it is ready.
async fn poll_for_a_moment<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    tokio::time::timeout(MS, future).await.ok()
}

#[tokio::test(start_paused = true)]
async fn an_idle_waiter_sends_almost_nothing() {
    let nodes = MemoryNode::cluster::<3>();
    let holder = manager(&nodes);
    let recorders: Vec<_> = nodes.iter().map(Recorder::new).collect();
    let waiting = Redlock::builder()
        .nodes(recorders.iter().cloned())
        .build()
        .unwrap();
    let _guard = holder.lock("a").ttl(3 * SECOND).await.unwrap();
    let waiter = tokio::spawn(waiting.lock("a").wait(NEVER).into_future());
    // The guard extends itself about once a second meanwhile.
    tokio::time::sleep(200 * SECOND).await;
    for recorder in &recorders {
        let notes = recorder.take();
        let is_acquire = |note: &&Note| matches!(note, Note::Acquire { .. });
        let acquires = notes.iter().filter(is_acquire).count();
        // One at first, and then one every 20 to 40 s.
        assert!((5..=12).contains(&acquires), "{acquires}");
    }
    assert!(!waiter.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_expires_is_noticed_at_the_front() {
    let (nodes, redlock) = cluster::<3>();
    let managers: Vec<_> = (0..10).map(|_| manager(&nodes)).collect();
    let guard = redlock.lock("a").ttl(2 * SECOND).auto_extend(false);
    let guard = guard.await.unwrap();
    let (served, mut order) = mpsc::unbounded_channel();
    let watch = Stopwatch::start();
    let _waiting = queue(&managers, &served, MS).await;
    let first = order.recv().await.unwrap();
    assert!(first < 2, "{first} is not at the front");
    assert!(
        watch.elapsed() <= 2 * SECOND + 100 * MS,
        "{:?}",
        watch.elapsed()
    );
    for _ in 1..10 {
        order.recv().await.unwrap();
    }
    drop(guard);
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_waiters_do_not_hint_each_other_in_a_loop() {
    let nodes = MemoryNode::cluster::<5>();
    let recorders: Vec<_> = nodes.iter().map(Recorder::new).collect();
    nodes[..3].iter().for_each(|node| node.fault(Fault::Crash));
    let waiting = |_| {
        let builder = Redlock::builder().nodes(recorders.iter().cloned());
        let redlock = builder.wait(10 * SECOND).build().unwrap();
        tokio::spawn(async move { redlock.lock("a").await.is_ok() })
    };
    let waiters: Vec<_> = (0..4).map(waiting).collect();
    for waiter in waiters {
        assert!(!waiter.await.unwrap());
    }
    let rounds = recorders[4].take().len();
    // Four contenders for 10 s. Their delays grow to about a tenth of a second.
    assert!(rounds < 4 * 1000, "{rounds}");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_head_is_not_taken_for_stalled() {
    let (nodes, redlock) = cluster::<3>();
    let guard = redlock.lock("a").await.unwrap();
    let recorder = Recorder::new(&nodes[0]);
    let builder = Redlock::builder().node(recorder.clone());
    let others = nodes[1..].iter().cloned();
    let waiting = builder.nodes(others).wait(NEVER).build().unwrap();
    let first = tokio::spawn(waiting.lock("a").into_future());
    settle().await;
    // Behind it in the local queue. It would overtake a head without a sign of life for some seconds,
    // and send a first round of its own.
    let behind = tokio::spawn(waiting.lock("a").wait(60 * SECOND).into_future());
    assert!(behind.await.unwrap().unwrap_err().is_busy());
    let is_first = |note: &&Note| {
        matches!(
            note,
            Note::Acquire {
                contended: false,
                ..
            }
        )
    };
    assert_eq!(recorder.take().iter().filter(is_first).count(), 1);
    drop(guard);
    assert!(first.await.unwrap().is_ok());
}

/// A waiter that does nothing when it is hinted.
struct Hung;

impl Watcher for Hung {
    fn key_changed(&self, _node: usize) {}
}

/// In real time: in a tight loop, a paused clock would stand still for ever.
#[tokio::test]
async fn a_key_that_is_kept_for_another_waiter_leads_to_few_rounds() {
    let nodes = MemoryNode::cluster::<2>();
    let recorders: Vec<_> = nodes.iter().map(Recorder::new).collect();
    let builder = Redlock::builder().nodes(recorders.clone());
    let redlock = builder.build().unwrap();
    drop(redlock.lock("b").await.unwrap());
    // Another owner and a waiter, at one of the nodes.
    let session = nodes[0].open(SessionOptions::new(Handle::current()));
    let (keys, hung) = (Keys::from(Arc::<[u8]>::from(&b"a"[..])), Arc::new(Hung));
    let acquire = |id: &str, waiter: Option<Waiter>| {
        let (keys, id) = (keys.clone(), LeaseId::from(id));
        let acquire = Acquire::new(keys, id, 60 * SECOND, Responder::ignored());
        session.submit(Command::Acquire(acquire.waiter(waiter)));
    };
    acquire("owner", None);
    let waiter = Waiter::new(Watch::new(&hung, 0), SECOND);
    acquire("waiter", Some(waiter));
    let waiting = tokio::spawn(redlock.lock("a").into_future());
    tokio::time::sleep(100 * MS).await;
    recorders[0].take();
    let gone_by = Moment::now().checked_add(60 * SECOND).unwrap();
    let release = Release::new(keys, LeaseId::from("owner"), gone_by, Responder::ignored());
    session.submit(Command::Release(release));
    let _guard = waiting.await.unwrap().unwrap();
    let is_acquire = |note: &&Note| matches!(note, Note::Acquire { .. });
    let rounds = recorders[0].take().iter().filter(is_acquire).count();
    // The key is kept for 10 ms. Without pauses, there were about 140 rounds here.
    assert!(rounds < 40, "{rounds} rounds");
}
