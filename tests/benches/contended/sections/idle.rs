//! The section of waiters behind a long holder.

use std::time::Duration;

use redlock::Redlock;
use redlock_tests::Servers;
use serde_json::json;
use tokio::time::sleep;

use super::HOLD;
use crate::contest::Contest;
use crate::crew::Crew;
use crate::load::tracking_clients;
use crate::report::{Bar, Report};
use crate::round::whole;
use crate::venue::Venue;
use crate::window::{STEP, Window};

/// Measures waiters while a holder keeps the lock: the cost of waiting when the only events are
/// extensions.
pub(crate) async fn run(servers: &Servers, quick: bool, report: &mut Report) {
    let (short, long, settling, many) = match quick {
        true => (2, 2, 1, 40),
        // A lease of 30 s is extended every 10 s.
        false => (15, 30, 10, 500),
    };
    let [short, long, settling] = [short, long, settling].map(Duration::from_secs);
    let title = format!(
        "waiters for {} s (ttl 3 s) and {} s (ttl 30 s), after the first {} s",
        short.as_secs(),
        long.as_secs(),
        settling.as_secs()
    );
    report.section("idle", &title);

    let holder = Redlock::connect(servers.urls()).await;
    let holder = holder.expect("a quorum of servers");
    for (ttl, time, crowd) in [(3, short, None), (30, long, Some(many))] {
        let venue = Venue::of(servers);
        let guard = holder.lock(venue.resource.as_str());
        let guard = guard.ttl(Duration::from_secs(ttl)).await;
        let guard = guard.expect("a free lock");
        let alone = Window::measure(servers, time).await;
        for managers in [Some(1), crowd].into_iter().flatten() {
            let waiting = Waiting {
                managers,
                ttl,
                settling,
                time,
            };
            waiting.measure(&venue, &alone, report).await;
        }
        let released = guard.release().await.expect("a release");
        assert!(released.was_held(), "the holder lost the lock");
    }
    holder.shutdown().await;
}

/// Managers that wait, and for how long.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    managers: u32,
    /// The ttl of the holder, in seconds.
    ttl: u64,
    /// The first part of the wait, which is not measured.
    settling: Duration,
    time: Duration,
}

impl Waiting {
    /// Measures the cost of the wait, compared with that of the holder `alone`.
    async fn measure(self, venue: &Venue<'_>, alone: &Window, report: &mut Report) {
        // The wait ends after the window, in which readings can take some time.
        let run = self.settling + self.time.mul_f64(1.1) + MARGIN;
        let crew = Crew::of_managers(self.managers, HOLD, run);
        let mut contest = Contest::gather(&[crew], venue).await;
        contest.start();
        sleep(self.settling).await;
        let window = Window::measure(venue.servers, self.time).await;
        let tracking = tracking_clients(venue.servers);
        assert!(window.time < run - self.settling, "the wait ended early");
        let turns = contest.finish().await.acquisitions();
        assert_eq!(turns, 0, "the lock was acquired while it was held");
        self.record(&window, alone, tracking, report);
    }

    fn record(self, window: &Window, alone: &Window, tracking: u64, report: &mut Report) {
        let Self { managers, ttl, .. } = self;
        let commands = window.beyond(alone, |load| load.commands);
        let scripts = window.beyond(alone, |load| load.scripts);
        let reads = window.beyond(alone, |load| load.reads);
        let bytes = window.beyond(alone, |load| load.bytes);
        let cpu = window.cpu_beyond(alone);
        let (busiest, step) = (window.busiest, STEP.as_millis());
        let label = format!("{managers} waiting, ttl {ttl} s");
        let text = format!(
            "{commands:.1} commands, {scripts:.1} scripts, {reads:.1} reads, {bytes:.0} bytes sent, \
             {:.2} % of a core, per second and node; at most {busiest} commands in {step} ms; \
             {tracking} connections receive pushes",
            cpu * 100.0
        );
        let value = json!({
            "commands": commands,
            "scripts": scripts,
            "reads": reads,
            "bytes": bytes,
            "cpu": cpu,
            "most_commands_in_100_ms": busiest,
            "tracking": tracking,
        });
        report.say(&label, &text, value);
        if managers == 1 && ttl == 3 {
            let what = format!("commands per second and node, {label}");
            report.bar(&what, Bar::AtMost(2.0, commands));
        } else if managers > 1 {
            let what = format!("% of a core per node, {label}");
            report.bar(&what, Bar::AtMost(2.0, cpu * 100.0));
            // If an extension woke every waiter, each would send at least one command.
            let what = format!("commands in the busiest {step} ms per waiter, {label}");
            let share = whole(busiest) / whole(managers.into());
            report.bar(&what, Bar::AtMost(0.5, share));
        }
    }
}

const MARGIN: Duration = Duration::from_secs(2);
