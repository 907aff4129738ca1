//! Goals of the benchmark.

use redlock_benches::{Case, Goal, Outcome, Results};

use crate::faulty::{FOUR, HUNG};
use crate::healthy::FIVE;
use crate::lineup::{BARE, FENCED, RAW, RAW_FENCED, RSLOCK, UNFENCED};

/// Returns every goal with its figure.
pub(crate) fn all(results: &Results) -> Vec<Goal> {
    let case = |nodes, who, tasks| Case { nodes, who, tasks };
    let versus = |who, other, tasks, of: fn(&Outcome) -> f64| {
        results.ratio(case(FIVE, who, tasks), case(FIVE, other, tasks), of)
    };
    let mut goals = Vec::new();
    for (who, other, bound) in [
        (UNFENCED, BARE, 0.95),
        (UNFENCED, RAW, 1.25),
        (FENCED, RAW_FENCED, 1.35),
    ] {
        let what = format!("{who}: latency of 1 task vs {other}");
        let ratio = versus(who, other, 1, |it| it.latency);
        goals.push(Goal::at_most(what, ratio, bound, ""));
    }
    for (who, bound) in [(UNFENCED, 7.0), (FENCED, 10.0)] {
        let what = format!("{who}: client CPU at 64 tasks");
        let cpu = results.median(case(FIVE, who, 64), |it| it.client_cpu);
        goals.push(Goal::at_most(what, cpu, bound, " µs"));
    }
    for (who, other, tasks, bound) in [
        (UNFENCED, RSLOCK, 64, 2.5),
        (FENCED, RSLOCK, 64, 1.8),
        (UNFENCED, RSLOCK, 512, 4.5),
        (FENCED, RSLOCK, 512, 2.6),
        (UNFENCED, RAW, 512, 0.75),
    ] {
        let what = format!("{who}: rate of {tasks} tasks vs {other}");
        let ratio = versus(who, other, tasks, |it| it.rate);
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
