//! Results of a benchmark, by case.

use std::fmt;

use crate::{Json, Outcome, Sample};

/// The subject of a measurement: a contender, its nodes and its number of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The nodes and their health.
    pub nodes: &'static str,
    /// The contender.
    pub who: &'static str,
    /// The number of tasks.
    pub tasks: usize,
}

/// A function that reads one figure from an outcome.
type Figure = fn(&Outcome) -> f64;

/// All measurements of a run, by case and round.
///
/// The cases of one round run one after another, so they meet similar conditions on the machine.
/// Two cases are therefore compared round by round, and the result is the median of the ratios.
#[derive(Clone, Debug, Default)]
pub struct Results(Vec<(Case, Vec<Outcome>)>);

impl Results {
    /// Adds the outcome of a case in the next round.
    pub fn add(&mut self, case: Case, outcome: Outcome) {
        match self.0.iter_mut().find(|(other, _)| *other == case) {
            Some((_, rounds)) => rounds.push(outcome),
            None => self.0.push((case, vec![outcome])),
        }
    }

    /// Returns the median of a figure over the rounds.
    ///
    /// # Panics
    ///
    /// Panics if the case was not measured.
    #[must_use]
    pub fn median(&self, case: Case, figure: impl Fn(&Outcome) -> f64) -> f64 {
        self.rounds(case)
            .iter()
            .map(figure)
            .collect::<Sample>()
            .median()
    }

    /// Returns the median over the rounds of a figure's ratio between one case and another.
    ///
    /// # Panics
    ///
    /// Panics if either case was not measured.
    #[must_use]
    pub fn ratio(&self, case: Case, other: Case, figure: impl Fn(&Outcome) -> f64) -> f64 {
        let pairs = self.rounds(case).iter().zip(self.rounds(other));
        let ratios = pairs.map(|(one, other)| figure(one) / figure(other));
        ratios.collect::<Sample>().median()
    }

    /// Returns the medians of all figures of all cases.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let figures: [(&str, Figure); 6] = [
            ("locks_per_second", |it| it.rate),
            ("latency_us", |it| it.latency),
            ("latency_p99_us", |it| it.latency_p99),
            ("client_cpu_us", |it| it.client_cpu),
            ("server_cpu_us", |it| it.server_cpu),
            ("server_commands", |it| it.commands),
        ];
        let cases = self.0.iter().map(|(case, rounds)| {
            let mut fields = vec![
                ("nodes", Json::from(case.nodes)),
                ("who", case.who.into()),
                ("tasks", (case.tasks as f64).into()),
                ("rounds", (rounds.len() as f64).into()),
            ];
            fields.extend(figures.map(|(name, of)| (name, self.median(*case, of).into())));
            Json::object(fields)
        });
        Json::Array(cases.collect())
    }

    fn rounds(&self, case: Case) -> &[Outcome] {
        let mut found = self.0.iter().filter(|(other, _)| *other == case);
        let found = found
            .next()
            .unwrap_or_else(|| panic!("no measurement of {case}"));
        &found.1
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {} tasks", self.nodes, self.who, self.tasks)
    }
}
