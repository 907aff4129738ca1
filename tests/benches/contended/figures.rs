//! Figures over several rounds, for the report.

use std::fmt;

use serde_json::{Value, json};

use crate::round::{Round, whole};

/// The figures of several rounds, with times in milliseconds.
///
/// Each figure is the median of the rounds, or the worst round where one bad round is too many.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Turns per second.
    pub(crate) rate: f64,
    /// The turns per second that the hold alone allows, if they were measured.
    pub(crate) ideal: Option<f64>,
    /// Turns per second that follow another contender's turn.
    pub(crate) handovers: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    /// Over all rounds, like the three that follow.
    pub(crate) longest: f64,
    pub(crate) least_share: f64,
    /// Contenders that never acquired the lock.
    pub(crate) unserved: usize,
    pub(crate) overlaps: u64,
    /// Per acquisition and node, like the two that follow.
    pub(crate) commands: f64,
    pub(crate) scripts: f64,
    pub(crate) reads: f64,
    pub(crate) held: f64,
    pub(crate) rounds: usize,
}

impl Figures {
    pub(crate) fn of(rounds: &[Round]) -> Self {
        let median = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
        let percentile =
            |percent: f64| median(&|round| whole(round.waits().value_at_percentile(percent)) / 1e3);
        let longest = rounds.iter().map(Round::longest).max().unwrap_or_default();
        let shares = rounds.iter().map(Round::least_share);
        Self {
            rate: median(&Round::rate),
            ideal: None,
            handovers: median(&Round::handovers),
            p50: percentile(50.0),
            p90: percentile(90.0),
            p99: percentile(99.0),
            longest: longest.as_secs_f64() * 1e3,
            least_share: shares.fold(f64::INFINITY, f64::min),
            unserved: rounds.iter().map(|round| round.contenders().1).sum(),
            overlaps: rounds.iter().map(Round::overlaps).sum(),
            commands: median(&|round| round.each(round.load.commands)),
            scripts: median(&|round| round.each(round.load.scripts)),
            reads: median(&|round| round.each(round.load.reads)),
            held: median(&|round| round.held().as_secs_f64() * 1e3),
            rounds: rounds.len(),
        }
    }

    /// Adds the turns per second that the hold alone allows.
    pub(crate) fn relative_to(self, ideal: f64) -> Self {
        let ideal = Some(ideal);
        Self { ideal, ..self }
    }

    /// Returns the turns per second, relative to the ideal.
    ///
    /// # Panics
    ///
    /// Panics if it was not measured.
    pub(crate) fn of_ideal(&self) -> f64 {
        self.rate / self.ideal.expect("an ideal")
    }

    /// The headings of the columns of [`Display`](fmt::Display).
    pub(crate) const COLUMNS: &'static str = "turns/s of ideal handoffs/s  p50 ms     p90     p99     max   least unserved commands scripts   reads held ms overlaps";

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "rounds": self.rounds,
            "turns_per_second": self.rate,
            "of_ideal": self.ideal.map(|ideal| self.rate / ideal),
            "handovers_per_second": self.handovers,
            "wait_ms": {
                "p50": self.p50,
                "p90": self.p90,
                "p99": self.p99,
                "max": self.longest,
            },
            "least_share": self.least_share,
            "unserved": self.unserved,
            "per_acquisition_and_node": {
                "commands": self.commands,
                "scripts": self.scripts,
                "reads": self.reads,
            },
            "held_ms": self.held,
            "overlaps": self.overlaps,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rate,
            ideal,
            handovers,
            p50,
            p90,
            p99,
            longest,
            least_share,
            unserved,
            commands,
            scripts,
            reads,
            held,
            overlaps,
            ..
        } = self;
        let of_ideal = ideal.map_or("-".into(), |ideal| format!("{:.2}", rate / ideal));
        write!(f, "{rate:>7.1} {of_ideal:>8} {handovers:>10.1}")?;
        write!(f, " {p50:>7.1} {p90:>7.1} {p99:>7.1} {longest:>7.0}")?;
        write!(f, " {least_share:>7.2} {unserved:>8} {commands:>8.1}")?;
        write!(f, " {scripts:>7.1} {reads:>7.1} {held:>7.2} {overlaps:>8}")
    }
}

/// Returns the median of `figures`.
///
/// # Panics
///
/// Panics if there are none.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    (figures[(figures.len() - 1) / 2] + figures[figures.len() / 2]) / 2.0
}
