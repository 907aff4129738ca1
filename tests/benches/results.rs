use std::fmt;

use crate::{Json, Outcome, Sample};

/// What was measured: who, on which nodes, with how many tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// The nodes and how they are.
    pub nodes: &'static str,
    /// Who locks.
    pub who: &'static str,
    /// How many tasks do.
    pub tasks: usize,
}

/// How one figure is read off an outcome.
type Figure = fn(&Outcome) -> f64;

/// All measurements of a run, case by case and round by round.
///
/// The cases of one round follow one another, so the machine was in the same mood for them. That
/// is why two cases are compared round by round, and the median is that of the ratios.
#[derive(Clone, Debug, Default)]
pub struct Results(Vec<(Case, Vec<Outcome>)>);

impl Results {
    /// Adds what a case came to in the next round.
    pub fn add(&mut self, case: Case, outcome: Outcome) {
        match self.0.iter_mut().find(|(other, _)| *other == case) {
            Some((_, rounds)) => rounds.push(outcome),
            None => self.0.push((case, vec![outcome])),
        }
    }

    /// The median of a figure, over the rounds.
    ///
    /// # Panics
    ///
    /// If there is no such case.
    #[must_use]
    pub fn median(&self, case: Case, figure: impl Fn(&Outcome) -> f64) -> f64 {
        self.rounds(case)
            .iter()
            .map(figure)
            .collect::<Sample>()
            .median()
    }

    /// The median ratio of a figure in one case to that in another, over the rounds.
    ///
    /// # Panics
    ///
    /// If there is no such case.
    #[must_use]
    pub fn ratio(&self, case: Case, other: Case, figure: impl Fn(&Outcome) -> f64) -> f64 {
        let pairs = self.rounds(case).iter().zip(self.rounds(other));
        let ratios = pairs.map(|(one, other)| figure(one) / figure(other));
        ratios.collect::<Sample>().median()
    }

    /// The medians of everything.
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
            .unwrap_or_else(|| panic!("nobody measured {case}"));
        &found.1
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {} tasks", self.nodes, self.who, self.tasks)
    }
}
