//! Goals of the benchmark.

use redlock_benches::{Case, Goal, Outcome, Results};

use crate::faulty::{FOUR, HUNG};
use crate::healthy::{BARE, FENCED, FIVE, RSLOCK, UNFENCED};

/// Returns every goal with its figure.
pub(crate) fn all(results: &Results) -> Vec<Goal> {
    let case = |nodes, who, tasks| Case { nodes, who, tasks };
    let versus = |who, other, tasks, of: fn(&Outcome) -> f64| {
        results.ratio(case(FIVE, who, tasks), case(FIVE, other, tasks), of)
    };
    let mut goals = Vec::new();
    for (who, bound) in [(UNFENCED, 1.05), (FENCED, 1.25)] {
        let what = format!("{who}: latency of 1 task vs bare");
        let ratio = versus(who, BARE, 1, |it| it.latency);
        goals.push(Goal::at_most(what, ratio, bound, ""));
    }
    for (who, tasks, bound) in [
        (UNFENCED, 64, 2.5),
        (FENCED, 64, 1.5),
        (UNFENCED, 512, 4.0),
        (FENCED, 512, 1.8),
    ] {
        let what = format!("{who}: rate of {tasks} tasks vs rslock");
        let ratio = versus(who, RSLOCK, tasks, |it| it.rate);
        goals.push(Goal::at_least(what, ratio, bound, ""));
    }
    for who in [UNFENCED, FENCED] {
        let ratio = |tasks, of: fn(&Outcome) -> f64| {
            results.ratio(case(HUNG, who, tasks), case(FOUR, who, tasks), of)
        };
        let what = format!("{who}: 1 of 5 hung, rate vs 4 healthy");
        goals.push(Goal::at_least(what, ratio(64, |it| it.rate), 0.9, ""));
        let what = format!("{who}: 1 of 5 hung, latency vs 4 healthy");
        goals.push(Goal::at_most(what, ratio(1, |it| it.latency), 1.1, ""));
    }
    for who in [UNFENCED, FENCED] {
        let what = format!("{who}: rate of 512 tasks vs 64");
        let ratio = results.ratio(case(FIVE, who, 512), case(FIVE, who, 64), |it| it.rate);
        goals.push(Goal::at_least(what, ratio, 1.0, ""));
    }
    goals
}
