//! The section of one waiter behind a long holder.

use std::time::Duration;

use redlock::Redlock;
use redlock_tests::Servers;
use serde_json::json;
use tokio::time::sleep;

use super::HOLD;
use crate::crew::Crew;
use crate::library::Library;
use crate::load::{Load, tracking_clients};
use crate::report::Report;
use crate::round::{count, whole};

/// Measures one waiter while a holder keeps the lock: the cost of waiting when the only events are
/// extensions.
pub(crate) async fn run(servers: &Servers, quick: bool, report: &mut Report) {
    let seconds = if quick { 2 } else { 10 };
    let run = Duration::from_secs(seconds);
    let crew = Crew {
        library: Library::Redlock,
        processes: 1,
        tasks: 1,
        hold: HOLD,
        run,
    };
    let title = format!(
        "1 waiter for {seconds} s, the holder's ttl is {} s",
        TTL.as_secs()
    );
    report.section("idle", &title);

    let holder = Redlock::connect(servers.urls()).await;
    let holder = holder.expect("a quorum of servers");
    let guard = holder.lock(RESOURCE).ttl(TTL).await.expect("a free lock");
    let before = Load::of(servers);
    sleep(run).await;
    let alone = Load::of(servers) - before;

    let (round, tracking) = tokio::join!(crew.compete_for(RESOURCE, servers), async {
        // About the middle of the wait, apart from the start-up time of the process.
        sleep(run / 2).await;
        tracking_clients(servers)
    });
    assert_eq!(
        round.acquisitions(),
        0,
        "the lock was acquired while it was held"
    );
    let released = guard.release().await.expect("a release");
    assert!(released.was_held(), "the holder lost the lock");
    holder.shutdown().await;

    let extra = |part: fn(&Load) -> u64| {
        let more = part(&round.load).saturating_sub(part(&alone));
        whole(more) / run.as_secs_f64() / count(servers.len())
    };
    let commands = extra(|load| load.commands);
    let scripts = extra(|load| load.scripts);
    let reads = extra(|load| load.reads);
    let bytes = extra(|load| load.bytes);
    let text = format!(
        "{commands:.1} commands, {scripts:.1} scripts, {reads:.1} reads, {bytes:.0} bytes sent, \
         per second and node"
    );
    let value = json!({ "commands": commands, "scripts": scripts, "reads": reads, "bytes": bytes });
    report.say("cost of the waiter", &text, value);
    let text = format!("{tracking} connections to {} nodes", servers.len());
    report.say("receiving pushes", &text, json!(tracking));
}

const RESOURCE: &str = "kept";

/// Short, so that a waiter that is notified of extensions is notified every second.
const TTL: Duration = Duration::from_secs(3);
