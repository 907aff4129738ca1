//! Sections of the benchmark.

mod absent;
mod crowd;
mod cut;
mod fleet;
mod foreign;
mod idle;
mod mute;
mod split;
mod tasks;

use std::time::Duration;

use redlock_tests::{Server, Servers};

use crate::args::Args;
use crate::crew::Crew;
use crate::figures::Figures;
use crate::ideal::Ideal;
use crate::library::Library;
use crate::report::Report;

/// A section of the benchmark.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Section {
    Tasks,
    Fleet,
    Crowd,
    Cut,
    Mute,
    Hung,
    Dead,
    Idle,
    Foreign,
    Split,
}

impl Section {
    pub(crate) const ALL: [Self; 10] = [
        Self::Tasks,
        Self::Fleet,
        Self::Crowd,
        Self::Cut,
        Self::Mute,
        Self::Hung,
        Self::Dead,
        Self::Idle,
        Self::Foreign,
        Self::Split,
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Fleet => "fleet",
            Self::Crowd => "crowd",
            Self::Cut => "cut",
            Self::Mute => "mute",
            Self::Hung => "hung",
            Self::Dead => "dead",
            Self::Idle => "idle",
            Self::Foreign => "foreign",
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
            Section::Fleet => fleet::run(&servers, args, report).await,
            Section::Crowd => crowd::run(&servers, args.quick, report).await,
            Section::Cut => cut::run(&servers, args.quick, report).await,
            Section::Mute => mute::run(&servers, args.quick, report).await,
            Section::Hung => absent::hung(&servers, args.quick, report).await,
            Section::Dead => absent::dead(&servers, args.quick, report).await,
            Section::Idle => idle::run(&servers, args.quick, report).await,
            Section::Foreign => foreign::run(&servers, args.quick, report).await,
            Section::Split => split::run(args.quick, report).await,
        }
    }
}

/// Runs `crew` and its peers with other libraries in alternating rounds. Returns the figures of
/// `crew`.
async fn compare(
    label: &str,
    crew: Crew,
    servers: &[Server],
    rounds: usize,
    report: &mut Report,
) -> Figures {
    let peers = Library::PEERS.map(|library| Crew { library, ..crew });
    let mut all: Vec<_> = [crew]
        .into_iter()
        .chain(peers)
        .map(|it| (it, Vec::new()))
        .collect();
    let mut ideal = Ideal::default();
    for _ in 0..rounds {
        ideal.measure(servers, crew.hold).await;
        for (crew, done) in &mut all {
            done.push(crew.compete(servers).await);
        }
    }
    let ideal = ideal.rate();
    let mut figures = Vec::new();
    for (crew, done) in &all {
        let of_crew = Figures::of(done).relative_to(ideal);
        report.figures(&format!("{label}{}", crew.library.name()), &of_crew);
        figures.push(of_crew);
    }
    report.ideal(label, ideal);
    figures.swap_remove(0)
}

const NODES: usize = 5;
const HOLD: Duration = Duration::from_millis(2);
