//! Goals for the figures of a benchmark.

use std::fmt;

use crate::Json;

/// A figure and its target.
///
/// A missed goal is reported but does not fail the run, because the machine may have been busy.
#[derive(Clone, Debug)]
pub struct Goal {
    what: String,
    figure: f64,
    bound: Bound,
    unit: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// Creates a goal for a figure of at least `bound`.
    pub fn at_least(what: impl Into<String>, figure: f64, bound: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            figure,
            bound: Bound::AtLeast(bound),
            unit,
        }
    }

    /// Creates a goal for a figure of at most `bound`.
    pub fn at_most(what: impl Into<String>, figure: f64, bound: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            figure,
            bound: Bound::AtMost(bound),
            unit,
        }
    }

    /// Whether the figure is within its bound.
    #[must_use]
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.figure >= bound,
            Bound::AtMost(bound) => self.figure <= bound,
        }
    }

    /// Prints all of `goals`.
    pub fn print(goals: &[Self]) {
        println!("\ngoals");
        for goal in goals {
            println!("  {goal}");
        }
    }

    /// Returns the goal with its figure and its bound.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let (name, bound) = match self.bound {
            Bound::AtLeast(bound) => ("at_least", bound),
            Bound::AtMost(bound) => ("at_most", bound),
        };
        Json::object([
            ("goal", Json::from(self.what.as_str())),
            ("figure", self.figure.into()),
            (name, bound.into()),
            ("met", self.is_met().into()),
        ])
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, bound) = match self.bound {
            Bound::AtLeast(bound) => ('≥', bound),
            Bound::AtMost(bound) => ('≤', bound),
        };
        let Self {
            what, figure, unit, ..
        } = self;
        let verdict = if self.is_met() { "met" } else { "MISSED" };
        write!(
            f,
            "{what:<58} {figure:>9.2}{unit}  {sign} {bound}{unit}  {verdict}"
        )
    }
}
