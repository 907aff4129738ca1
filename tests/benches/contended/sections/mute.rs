//! The section without messages.

use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock_tests::{Proxy, Server};

use super::HOLD;
use crate::crew::Crew;
use crate::figures::Figures;
use crate::ideal::Ideal;
use crate::report::{Bar, Report};
use crate::round::{Round, count};

/// Measures a fleet that receives no messages, neither invalidations nor published ones: a proxy
/// drops them, or an ACL forbids them.
pub(crate) async fn run(servers: &[Server], quick: bool, report: &mut Report) {
    let (managers, seconds, rounds) = if quick { (8, 1, 1) } else { (32, 6, 3) };
    let crew = Crew::of_managers(managers, HOLD, Duration::from_secs(seconds));
    let title = format!("{managers} managers without messages, 2 ms held, {rounds} x {seconds} s");
    report.section("mute", &title);
    report.heading();
    for (label, filter) in [
        ("messages dropped", Proxy::filter_pushes as fn(&Proxy)),
        ("all pushes dropped", Proxy::filter_all_pushes),
    ] {
        let proxies: Vec<Proxy> = servers.iter().map(Proxy::to_server).collect();
        proxies.iter().for_each(filter);
        let (mut done, mut ideal) = (Vec::new(), Ideal::default());
        for _ in 0..rounds {
            ideal.measure(servers, HOLD).await;
            done.push(crew.compete_over(&proxies, servers).await);
        }
        record(label, &done, ideal, report);
    }
    for server in servers {
        let mut forbid = cmd("ACL");
        forbid.arg(&[
            "SETUSER",
            "default",
            "-client|tracking",
            "-publish",
            "-subscribe",
        ]);
        server.probe().query::<()>(&forbid);
    }
    let (mut done, mut ideal) = (Vec::new(), Ideal::default());
    for _ in 0..rounds {
        ideal.measure(servers, HOLD).await;
        done.push(crew.compete(servers).await);
    }
    record("no permission", &done, ideal, report);
}

fn record(how: &str, done: &[Round], ideal: Ideal, report: &mut Report) {
    let ours = Figures::of(done).relative_to(ideal.rate());
    report.figures(how, &ours);
    report.bar(
        &format!("turns/s, relative to the ideal, {how}"),
        Bar::AtLeast(0.6, ours.of_ideal()),
    );
    report.bar(
        &format!("managers that never acquired the lock, {how}"),
        Bar::AtMost(0.0, count(ours.unserved)),
    );
}
