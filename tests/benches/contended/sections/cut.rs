use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock_tests::Server;
use serde_json::json;

use super::HOLD;
use crate::crew::Crew;
use crate::figures::Figures;
use crate::library::Library;
use crate::report::{Bar, Report};
use crate::round::count;

/// Servers that tell nobody of a release: what is left is to ask again, and everyone still gets
/// the lock.
pub(crate) async fn run(servers: &[Server], quick: bool, report: &mut Report) {
    let (seconds, rounds) = if quick { (1, 1) } else { (5, 3) };
    let crew = Crew {
        library: Library::Redlock,
        processes: 4,
        tasks: 1,
        hold: HOLD,
        run: Duration::from_secs(seconds),
    };
    let title = format!(
        "4 processes whose user may not CLIENT TRACKING, 2 ms held, {rounds} x {seconds} s"
    );
    report.section("cut", &title);
    for server in servers {
        let mut forbid = cmd("ACL");
        forbid.arg(&["SETUSER", "default", "-client|tracking"]);
        server.probe().query::<()>(&forbid);
    }
    let mut done = Vec::new();
    for _ in 0..rounds {
        done.push(crew.compete(servers).await);
    }
    let unserved: usize = done.iter().map(|round| round.contenders().1).sum();
    let ours = Figures::of(&done);
    report.heading();
    report.figures("no tracking", &ours);
    let text = format!(
        "{:.0} ms, where a pause between two looks is at most {} ms",
        ours.longest,
        POLL.as_millis()
    );
    report.say("longest wait", &text, json!(ours.longest));
    report.bar(
        "processes that never got the lock",
        Bar::AtMost(0.0, count(unserved)),
    );
}

/// The library's default `retry_delay`. Others can be faster after each pause, so a wait can be
/// several.
const POLL: Duration = Duration::from_millis(200);
