//! Sections of the benchmark.

mod crowd;
mod cut;
mod idle;
mod processes;
mod split;
mod tasks;

use std::time::Duration;

use redlock_tests::{Server, Servers};

use crate::args::Args;
use crate::crew::Crew;
use crate::figures::Figures;
use crate::library::Library;
use crate::report::Report;

/// A section of the benchmark.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Section {
    Tasks,
    Processes,
    Crowd,
    Cut,
    Idle,
    Split,
}

impl Section {
    pub(crate) const ALL: [Self; 6] = [
        Self::Tasks,
        Self::Processes,
        Self::Crowd,
        Self::Cut,
        Self::Idle,
        Self::Split,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Processes => "processes",
            Self::Crowd => "crowd",
            Self::Cut => "cut",
            Self::Idle => "idle",
            Self::Split => "split",
        }
    }
}

/// Runs the requested sections, each on fresh servers.
pub(crate) async fn run(args: &Args, report: &mut Report) {
    for section in &args.sections {
        let servers = Servers::start(NODES);
        match section {
            Section::Tasks => tasks::run(&servers, args.quick, report).await,
            Section::Processes => processes::run(&servers, args.quick, report).await,
            Section::Crowd => crowd::run(&servers, args.quick, report).await,
            Section::Cut => cut::run(&servers, args.quick, report).await,
            Section::Idle => idle::run(&servers, args.quick, report).await,
            Section::Split => split::run(&servers, args.quick, report).await,
        }
    }
}

/// Runs both libraries in alternating rounds and returns the figures of ours.
async fn compare(crew: Crew, servers: &[Server], rounds: usize, report: &mut Report) -> Figures {
    let [ours, theirs] = Library::ALL.map(|library| Crew { library, ..crew });
    let (mut our_rounds, mut their_rounds) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        our_rounds.push(ours.compete(servers).await);
        their_rounds.push(theirs.compete(servers).await);
    }
    let (ours, theirs) = (Figures::of(&our_rounds), Figures::of(&their_rounds));
    report.heading();
    report.figures(Library::Redlock.name(), &ours);
    report.figures(Library::Rslock.name(), &theirs);
    ours
}

const NODES: usize = 5;
const HOLD: Duration = Duration::from_millis(2);
