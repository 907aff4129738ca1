//! The sections of waiters that hang or die.

use std::time::Duration;

use redlock::Redlock;
use redlock_tests::{Server, Servers};
use serde_json::json;
use tokio::time::sleep;

use super::HOLD;
use crate::contest::Contest;
use crate::crew::Crew;
use crate::figures::Figures;
use crate::report::{Bar, Report};
use crate::round::Round;
use crate::venue::Venue;

/// What happens to some of the waiters.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Stay,
    Stop,
    Die,
}

/// Measures a group of waiters of which two are suspended, with open connections.
pub(crate) async fn hung(servers: &Servers, quick: bool, report: &mut Report) {
    let title = "2 of 8 waiting processes suspended";
    run("hung", title, Fate::Stop, servers, quick, report).await;
}

/// Measures a group of waiters of which two are killed.
pub(crate) async fn dead(servers: &Servers, quick: bool, report: &mut Report) {
    let title = "2 of 8 waiting processes killed";
    run("dead", title, Fate::Die, servers, quick, report).await;
}

async fn run(
    name: &'static str,
    title: &str,
    fate: Fate,
    servers: &Servers,
    quick: bool,
    report: &mut Report,
) {
    let (seconds, rounds) = if quick { (1, 1) } else { (6, 3) };
    report.section(name, &format!("{title}, 2 ms held, {rounds} x {seconds} s"));
    let crew = Crew {
        lead: LEAD,
        ..Crew::of_processes(ALL, HOLD, Duration::from_secs(seconds))
    };
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        without.push(compete(crew, Fate::Stay, servers).await);
        with.push(compete(crew, fate, servers).await);
    }
    report.heading();
    let (all_without, all_with) = (Figures::of(&without), Figures::of(&with));
    report.figures("all 8, without", &all_without);
    report.figures("the other 6, with", &all_with);
    let longest = |mut rounds: Vec<Round>| {
        for round in &mut rounds {
            round.members.truncate(OTHERS);
        }
        Figures::of(&rounds).longest
    };
    let (before, after) = (longest(without), longest(with));
    let text = format!("{before:.0} ms without, {after:.0} ms with");
    let value = json!({ "without": before, "with": after });
    report.say("longest wait of the 6", &text, value);
    report.bar(
        "longest wait of the other 6 in ms, more than without",
        Bar::AtMost(100.0, after - before),
    );
    report.bar(
        "turns/s, relative to those without",
        Bar::AtLeast(0.9, all_with.rate / all_without.rate),
    );
}

/// Runs a contest in which the last waiters meet their fate before the first turn.
///
/// This program holds the lock until then. So they are waiters, and never stop with the lock.
async fn compete(crew: Crew, fate: Fate, servers: &[Server]) -> Round {
    let venue = Venue::of(servers);
    let holder = Redlock::connect(&venue.urls).await;
    let holder = holder.expect("a quorum of servers");
    let mut contest = Contest::gather(&[crew], &venue).await;
    let guard = holder.lock(venue.resource.as_str()).await;
    let guard = guard.expect("a free lock");
    contest.start();
    sleep(LEAD / 2).await;
    match fate {
        Fate::Stay => {}
        Fate::Stop => contest.stop_last(ALL - OTHERS),
        Fate::Die => contest.kill_last(ALL - OTHERS),
    }
    sleep(LEAD / 2).await;
    let released = guard.release().await.expect("a release");
    assert!(released.was_held(), "the holder lost the lock");
    let round = contest.finish().await;
    holder.shutdown().await;
    round
}

const ALL: usize = 8;
const OTHERS: usize = 6;
/// Long enough for all to wait for some time before it happens.
const LEAD: Duration = Duration::from_secs(1);
