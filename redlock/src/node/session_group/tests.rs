//! Tests of the task that sessions share.

use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::*;

/// Counts its polls and ends with its channel.
struct Counting {
    polls: Arc<AtomicUsize>,
    sender: Option<mpsc::UnboundedSender<()>>,
}

impl Counting {
    fn add(group: &SessionGroup) -> Self {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let polls = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&polls);
        group.add(
            &Handle::current(),
            poll_fn(move |cx| {
                count.fetch_add(1, Ordering::Relaxed);
                loop {
                    match receiver.poll_recv(cx) {
                        Poll::Ready(Some(())) => {}
                        Poll::Ready(None) => return Poll::Ready(()),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }),
        );
        let sender = Some(sender);
        Self { polls, sender }
    }

    fn take_polls(&self) -> usize {
        self.polls.swap(0, Ordering::Relaxed)
    }

    fn wake(&self) {
        self.sender.as_ref().unwrap().send(()).unwrap();
    }
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn only_members_that_were_woken_are_polled() {
    let group = SessionGroup::new(&Handle::current());
    let members: Vec<_> = (0..150).map(|_| Counting::add(&group)).collect();
    group.start();
    settle().await;
    assert!(members.iter().all(|it| it.take_polls() == 1));
    for index in [0, 63, 64, 149] {
        members[index].wake();
        members[index].wake();
    }
    settle().await;
    for (index, member) in members.iter().enumerate() {
        let expected = usize::from([0, 63, 64, 149].contains(&index));
        assert_eq!(member.take_polls(), expected, "{index}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_member_and_outlives_a_panic() {
    let (group, token) = (SessionGroup::new(&Handle::current()), Arc::new(()));
    let runtime = Handle::current();
    let held = Arc::clone(&token);
    group.add(&runtime, async move {
        let _held = held;
        settle().await;
        panic!("a bug");
    });
    let mut members = [Counting::add(&group), Counting::add(&group)];
    group.start();
    for _ in 0..5 {
        settle().await;
    }
    assert_eq!(Arc::strong_count(&token), 1, "what panicked is dropped");
    for member in &mut members {
        member.wake();
        settle().await;
        assert_eq!(member.take_polls(), 2);
        member.sender = None;
        settle().await;
    }
    assert_eq!(runtime.metrics().num_alive_tasks(), 0);
}

/// Panics when it is polled, and again when it is dropped.
struct Fragile;

impl Future for Fragile {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        panic!("a bug");
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        panic!("another bug");
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_panics_again_when_it_is_dropped_leaves_the_others_alone() {
    let group = SessionGroup::new(&Handle::current());
    group.add(&Handle::current(), Fragile);
    let member = Counting::add(&group);
    group.start();
    settle().await;
    member.wake();
    settle().await;
    assert_eq!(member.take_polls(), 2);
}

/// A task may do only so much at a time. A member that always has work uses all of it up.
#[tokio::test]
async fn a_member_that_always_has_work_leaves_time_for_the_others() {
    let (group, runtime) = (SessionGroup::new(&Handle::current()), Handle::current());
    let stop = Arc::<AtomicBool>::default();
    let (sender, mut results) = mpsc::unbounded_channel();
    for index in 0..3 {
        let (wake, mut woken) = mpsc::unbounded_channel();
        let (stop, sender) = (Arc::clone(&stop), sender.clone());
        group.add(&runtime, async move {
            if index == 1 {
                while !stop.load(Ordering::Relaxed) {
                    tokio::task::consume_budget().await;
                }
            }
            sender.send(woken.recv().await.map(|()| index)).unwrap();
        });
        wake.send(()).unwrap();
    }
    group.start();
    for expected in [0, 2] {
        let result = timeout(Duration::from_secs(60), results.recv()).await;
        assert_eq!(result.expect("in time"), Some(Some(expected)));
    }
    stop.store(true, Ordering::Relaxed);
    assert_eq!(results.recv().await, Some(Some(1)));
}

#[tokio::test(start_paused = true)]
async fn work_that_comes_after_the_start_is_done() {
    let group = SessionGroup::new(&Handle::current());
    group.start();
    let late = Counting::add(&group);
    settle().await;
    assert_eq!(late.take_polls(), 1);
}

#[test]
fn work_for_another_runtime_is_done_there() {
    let runtime = || Builder::new_current_thread().build().unwrap();
    let (ours, other) = (runtime(), runtime());
    let group = SessionGroup::new(ours.handle());
    let (sender, result) = oneshot::channel();
    group.add(other.handle(), async move {
        sender.send(Handle::current().id()).unwrap();
    });
    group.start();
    assert_eq!(other.block_on(result), Ok(other.handle().id()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_is_lost_among_threads() {
    let group = SessionGroup::new(&Handle::current());
    let runtime = Handle::current();
    let (done, mut results) = mpsc::unbounded_channel();
    let mut senders = Vec::new();
    for _ in 0..8 {
        let (sender, mut receiver) = mpsc::channel::<u32>(1);
        let done = done.clone();
        senders.push(sender);
        group.add(&runtime, async move {
            let mut sum = 0;
            while let Some(number) = receiver.recv().await {
                sum += number;
            }
            done.send(sum).unwrap();
        });
    }
    group.add(&runtime, pending());
    group.start();
    for sender in senders {
        tokio::spawn(async move {
            for number in 1..=2_000 {
                sender.send(number).await.unwrap();
            }
        });
    }
    for _ in 0..8 {
        let result = timeout(Duration::from_secs(60), results.recv()).await;
        assert_eq!(result.expect("in time"), Some(2_000 * 2_001 / 2));
    }
}
