//! The section of split votes.

use std::time::Duration;

use redlock_tests::Servers;

use crate::crew::Crew;
use crate::figures::Figures;
use crate::report::Report;

/// Measures split votes. Contenders release at once, so all of them are always requesting the lock.
/// One must win despite split votes, also with an even number of nodes.
pub(crate) async fn run(quick: bool, report: &mut Report) {
    let seconds = if quick { 1 } else { 3 };
    let title = format!("contenders in separate processes, released at once, {seconds} s");
    report.section("split", &title);
    report.heading();
    for nodes in [3, 4, 5] {
        // Servers keep a record of the number of nodes, so a deployment of another size needs others.
        let servers = Servers::start(nodes);
        for processes in [3, 4, 6] {
            if quick && processes != nodes {
                continue;
            }
            let run = Duration::from_secs(seconds);
            let crew = Crew::of_processes(processes, Duration::ZERO, run);
            let round = crew.compete(&servers).await;
            let label = format!("{processes} on {nodes} nodes");
            report.figures(&label, &Figures::of(&[round]));
        }
    }
}
