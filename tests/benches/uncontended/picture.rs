//! The results as a chart.

use redlock_benches::{Case, Chart, Panel, Results, Series};

use crate::faulty::{self, DEAD, HUNG};
use crate::healthy::FIVE;
use crate::lineup::{BARE, FENCED, RAW, RSLOCK, UNFENCED};

const WHO: [(&str, &str, &str); 5] = [
    (UNFENCED, "redlock, fencing off", "#2f81f7"),
    (FENCED, "redlock, with fencing tokens", "#2da44e"),
    (RSLOCK, "rslock", "#d4862a"),
    (BARE, "redis-rs alone", "#8c959f"),
    (RAW, "the limit: one thread, no tokens", "#bc8cff"),
];

/// Draws locks per second, by the number of tasks and by node health.
pub(crate) fn draw(results: &Results, machine: &str) -> Chart {
    let rate = |case| results.median(case, |it| it.rate);
    let by_tasks = [8, 64, 512].map(|tasks| {
        let nodes = FIVE;
        let bars = WHO.iter().enumerate();
        let bars = bars.map(|(of, &(who, ..))| (of, rate(Case { nodes, who, tasks })));
        (format!("{tasks} tasks"), bars.collect())
    });
    let faults = [
        (faulty::FIVE, "all healthy"),
        (HUNG, "1 hung"),
        (DEAD, "1 dead"),
    ];
    let by_fault = faults.map(|(nodes, label)| {
        let tasks = 64;
        // The last two are left out, because they do not reconnect.
        let bars = WHO[..3].iter().enumerate();
        let bars = bars.map(|(of, &(who, ..))| (of, rate(Case { nodes, who, tasks })));
        (label.to_owned(), bars.collect())
    });
    Chart {
        title: "Locks taken and released per second, on five nodes".to_owned(),
        unit: "more is better; uncontended resources; medians".to_owned(),
        series: WHO
            .iter()
            .map(|&(_, name, colour)| Series { name, colour })
            .collect(),
        panels: vec![
            Panel {
                title: "by the number of tasks".to_owned(),
                groups: by_tasks.into(),
            },
            Panel {
                title: "64 tasks, by node health".to_owned(),
                groups: by_fault.into(),
            },
        ],
        note: format!(
            "{machine}, loopback. Ratios carry over to other machines; absolute figures do not."
        ),
    }
}
