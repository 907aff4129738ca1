//! The section without invalidation pushes.

use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock_tests::{Proxy, Server};
use serde_json::json;

use super::HOLD;
use crate::crew::Crew;
use crate::figures::Figures;
use crate::report::{Bar, Report};
use crate::round::{Round, count};

/// Measures polling without invalidation pushes: a proxy drops them, then an ACL forbids them.
/// Every contender must still acquire the lock.
pub(crate) async fn run(servers: &[Server], quick: bool, report: &mut Report) {
    let (seconds, rounds) = if quick { (1, 1) } else { (5, 3) };
    let crew = Crew::of_processes(4, HOLD, Duration::from_secs(seconds));
    let title = format!("4 processes without notifications, 2 ms held, {rounds} x {seconds} s");
    report.section("cut", &title);
    report.heading();
    let proxies: Vec<Proxy> = servers.iter().map(Proxy::to_server).collect();
    proxies.iter().for_each(Proxy::filter_pushes);
    let mut done = Vec::new();
    for _ in 0..rounds {
        done.push(crew.compete_over(&proxies, servers).await);
    }
    record("pushes lost", &done, report);
    for server in servers {
        let mut forbid = cmd("ACL");
        forbid.arg(&["SETUSER", "default", "-client|tracking"]);
        server.probe().query::<()>(&forbid);
    }
    let mut done = Vec::new();
    for _ in 0..rounds {
        done.push(crew.compete(servers).await);
    }
    record("no permission", &done, report);
}

fn record(how: &str, done: &[Round], report: &mut Report) {
    let ours = Figures::of(done);
    report.figures(how, &ours);
    let text = format!(
        "{:.0} ms; the polling interval is at most {} ms without push support, and {} ms with it",
        ours.longest,
        POLL.as_millis(),
        5 * POLL.as_millis(),
    );
    report.say(&format!("longest wait, {how}"), &text, json!(ours.longest));
    report.bar(
        &format!("processes that never acquired the lock, {how}"),
        Bar::AtMost(0.0, count(ours.unserved)),
    );
}

/// The library's default `retry_delay`. Other contenders can win after each interval, so a wait can
/// span several.
const POLL: Duration = Duration::from_millis(200);
