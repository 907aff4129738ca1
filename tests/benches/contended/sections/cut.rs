use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock_tests::{Proxy, Server};
use serde_json::json;

use super::HOLD;
use crate::crew::Crew;
use crate::figures::Figures;
use crate::library::Library;
use crate::report::{Bar, Report};
use crate::round::{Round, count};

/// Servers whose word does not get through, because a proxy drops it or the user has no right to
/// it: what is left is to ask again, and everyone still gets the lock.
pub(crate) async fn run(servers: &[Server], quick: bool, report: &mut Report) {
    let (seconds, rounds) = if quick { (1, 1) } else { (5, 3) };
    let crew = Crew {
        library: Library::Redlock,
        processes: 4,
        tasks: 1,
        hold: HOLD,
        run: Duration::from_secs(seconds),
    };
    let title = format!("4 processes that nobody tells, 2 ms held, {rounds} x {seconds} s");
    report.section("cut", &title);
    report.heading();
    let proxies: Vec<Proxy> = servers.iter().map(Proxy::to_server).collect();
    proxies.iter().for_each(Proxy::filter_pushes);
    let mut done = Vec::new();
    for _ in 0..rounds {
        done.push(crew.compete_over(&proxies, servers).await);
    }
    tell("messages lost", &done, report);
    for server in servers {
        let mut forbid = cmd("ACL");
        forbid.arg(&["SETUSER", "default", "-client|tracking"]);
        server.probe().query::<()>(&forbid);
    }
    let mut done = Vec::new();
    for _ in 0..rounds {
        done.push(crew.compete(servers).await);
    }
    tell("no right to it", &done, report);
}

fn tell(how: &str, done: &[Round], report: &mut Report) {
    let unserved: usize = done.iter().map(|round| round.contenders().1).sum();
    let ours = Figures::of(done);
    report.figures(how, &ours);
    let text = format!(
        "{:.0} ms, where a pause between two looks is at most {} ms if untold, and {} if not told",
        ours.longest,
        POLL.as_millis(),
        5 * POLL.as_millis(),
    );
    report.say(&format!("longest wait, {how}"), &text, json!(ours.longest));
    report.bar(
        &format!("processes that never got the lock, {how}"),
        Bar::AtMost(0.0, count(unserved)),
    );
}

/// The library's default `retry_delay`. Others can be faster after each pause, so a wait can be
/// several.
const POLL: Duration = Duration::from_millis(200);
