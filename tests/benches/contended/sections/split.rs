//! The section of split votes.

use std::time::Duration;

use redlock_tests::Server;

use crate::crew::Crew;
use crate::figures::Figures;
use crate::library::Library;
use crate::report::Report;

/// Measures split votes. Contenders release at once, so all of them are always requesting the lock.
/// One must win despite split votes, also with an even number of nodes.
pub(crate) async fn run(servers: &[Server], quick: bool, report: &mut Report) {
    let seconds = if quick { 1 } else { 3 };
    let title = format!("contenders in separate processes, released at once, {seconds} s");
    report.section("split", &title);
    report.heading();
    for nodes in [3, 4, 5] {
        for processes in [3, 4, 6] {
            if quick && processes != nodes {
                continue;
            }
            let crew = Crew {
                library: Library::Redlock,
                processes,
                tasks: 1,
                hold: Duration::ZERO,
                run: Duration::from_secs(seconds),
            };
            let round = crew.compete(&servers[..nodes]).await;
            let label = format!("{processes} on {nodes} nodes");
            report.figures(&label, &Figures::of(&[round]));
        }
    }
}
