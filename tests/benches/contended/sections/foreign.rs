//! The section of holders and pollers of another library.

use std::time::Duration;

use rand::random_range;
use redlock::Redlock;
use redlock_benches::Sample;
use redlock_tests::{Server, Servers};
use rslock::LockManager;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::HOLD;
use crate::contest::Contest;
use crate::crew::Crew;
use crate::figures::{Figures, median};
use crate::library::Library;
use crate::report::{Bar, Report};
use crate::venue::Venue;

/// Measures the handoff after a release by `rslock`, which notifies no waiter, and the turns of its
/// pollers beside our managers.
pub(crate) async fn run(servers: &Servers, quick: bool, report: &mut Report) {
    let (handoffs, seconds, rounds) = if quick { (30, 1, 1) } else { (200, 6, 3) };
    let title =
        format!("{handoffs} handoffs from rslock; beside its pollers, {rounds} x {seconds} s");
    report.section("foreign", &title);
    take_over(servers, handoffs, report).await;
    report.heading();
    for pollers in [Library::Every5Ms, Library::Every20Ms] {
        let run = Duration::from_secs(seconds);
        share(servers, pollers, run, rounds, report).await;
    }
}

/// Measures the time from the return of a release to the lock of our waiter.
async fn take_over(servers: &Servers, handoffs: usize, report: &mut Report) {
    let foreign = LockManager::new(servers.urls());
    let ours = Redlock::connect(servers.urls()).await;
    let ours = ours.expect("a quorum of servers");
    let mut delays = Vec::new();
    for _ in 0..handoffs {
        let held = foreign.acquire_no_guard(RESOURCE, TTL).await;
        let held = held.expect("a lock");
        let waiter = ours.lock(RESOURCE).ttl(TTL).wait(Duration::MAX);
        let waiter = tokio::spawn(async move { (waiter.await, Instant::now()) });
        // Longer than a waiter hopes for a handoff before it watches the key.
        sleep(Duration::from_millis(random_range(50..100))).await;
        held.release().await;
        let released = Instant::now();
        let (guard, won) = waiter.await.expect("a task");
        // Some servers respond to the release before others have received it.
        let delay = won.saturating_duration_since(released);
        delays.push(delay.as_secs_f64() * 1e3);
        let released = guard.expect("a lock").release().await;
        assert!(released.expect("a release").was_held(), "the lock was lost");
    }
    ours.shutdown().await;
    let delays: Sample = delays.into_iter().collect();
    let [p50, p99, max] = [50, 99, 100].map(|percent| delays.percentile(percent));
    let text = format!("p50 {p50:.2} ms, p99 {p99:.2} ms, max {max:.2} ms, of {handoffs}");
    let value = json!({ "p50": p50, "p99": p99, "max": max, "handoffs": handoffs });
    report.say("after a foreign release", &text, value);
    report.bar("p50 of the handoff in ms", Bar::AtMost(2.0, p50));
}

/// Measures two of our managers, which request again at once, beside two pollers.
async fn share(
    servers: &[Server],
    pollers: Library,
    run: Duration,
    rounds: usize,
    report: &mut Report,
) {
    let ours = Crew::of_processes(2, HOLD, run);
    let theirs = Crew {
        library: pollers,
        ..ours
    };
    let mut done = Vec::new();
    for _ in 0..rounds {
        let mut contest = Contest::gather(&[ours, theirs], &Venue::of(servers)).await;
        contest.start();
        done.push(contest.finish().await);
    }
    let name = pollers.name();
    report.figures(&format!("2 + 2 × {name}"), &Figures::of(&done));
    let share = |library| median(done.iter().map(|round| round.share_of(library)).collect());
    let (ours, theirs) = (share(Library::Redlock), share(pollers));
    let text = format!("{ours:.2} of a fair share for redlock, {theirs:.2} for the pollers");
    let value = json!({ "redlock": ours, "pollers": theirs });
    report.say(&format!("shares, {name}"), &text, value);
    report.bar(
        &format!("{name}: turns relative to a fair share"),
        Bar::AtLeast(0.5, theirs),
    );
}

const RESOURCE: &str = "foreign";
const TTL: Duration = Duration::from_secs(30);
