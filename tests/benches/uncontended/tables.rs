//! The results as text.

use redlock_benches::{Case, Outcome, Results};

use crate::faulty::{self, DEAD, FOUR, HUNG, JUST_HUNG};
use crate::healthy::{ALL, FIVE, TASKS, THREE};
use crate::lineup::{BARE, FENCED, RSLOCK, UNFENCED, limit_of};

/// Prints all tables.
pub(crate) fn print(results: &Results) {
    for nodes in [THREE, FIVE] {
        println!("\n{nodes}, 1 task: time from request to release");
        println!(
            "  {:<22}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "", "median", "p99", "× bare", "× rslock", "× limit"
        );
        for who in ALL {
            let case = |who| Case {
                nodes,
                who,
                tasks: 1,
            };
            let ratio = |other| results.ratio(case(who), case(other), latency);
            println!(
                "  {who:<22}{:>7.0} µs{:>7.0} µs{:>10.2}{:>10.2}{:>10.2}",
                results.median(case(who), latency),
                results.median(case(who), |it| it.latency_p99),
                ratio(BARE),
                ratio(RSLOCK),
                ratio(limit_of(who))
            );
        }
        println!("\n{nodes}: locks per second (× rslock; × limit)");
        by_tasks(nodes, &TASKS[1..], |case| {
            let median = results.median(case, rate);
            let ratio = |who| results.ratio(case, Case { who, ..case }, rate);
            let (rslock, limit) = (ratio(RSLOCK), ratio(limit_of(case.who)));
            format!("{median:.0} ({rslock:.2}; {limit:.2})")
        });
    }
    println!("\n{FIVE}: CPU time per lock in µs, of the client + of all servers");
    by_tasks(FIVE, &TASKS, |case| {
        let client = results.median(case, |it| it.client_cpu);
        let servers = results.median(case, |it| it.server_cpu);
        format!("{client:.1} + {servers:.1}")
    });
    println!("\n{FIVE}: commands of all servers per lock, including those in scripts");
    by_tasks(FIVE, &TASKS, |case| {
        format!("{:.1}", results.median(case, |it| it.commands))
    });
    faults(results);
}

fn by_tasks(nodes: &'static str, tasks: &[usize], cell: impl Fn(Case) -> String) {
    print!("  {:<22}", "");
    for tasks in tasks {
        print!("{:>22}", heading(*tasks));
    }
    println!();
    for who in ALL {
        print!("  {who:<22}");
        for &tasks in tasks {
            print!("{:>22}", cell(Case { nodes, who, tasks }));
        }
        println!();
    }
}

/// Returns the heading of a column.
pub(crate) fn heading(tasks: usize) -> String {
    match tasks {
        1 => "1 task".to_owned(),
        tasks => format!("{tasks} tasks"),
    }
}

fn faults(results: &Results) {
    println!("\na minority hung or dead (relative to 4 healthy nodes; relative to 5)");
    println!(
        "  {:<20}{:<26}{:>26}{:>30}",
        "", "", "1 task", "64 tasks, locks per second"
    );
    for who in [UNFENCED, FENCED] {
        for nodes in [faulty::FIVE, FOUR, JUST_HUNG, HUNG, DEAD] {
            let case = |nodes, tasks| Case { nodes, who, tasks };
            let cell = |tasks, of: fn(&Outcome) -> f64| {
                let median = results.median(case(nodes, tasks), of);
                let ratio = |other| results.ratio(case(nodes, tasks), case(other, tasks), of);
                (median, ratio(FOUR), ratio(faulty::FIVE))
            };
            let latency = match nodes {
                JUST_HUNG => "-".to_owned(),
                _ => {
                    let (median, four, five) = cell(1, latency);
                    format!("{median:.0} µs ({four:.2}; {five:.2})")
                }
            };
            let (rate, four, five) = cell(64, rate);
            let rate = format!("{rate:.0} ({four:.2}; {five:.2})");
            println!("  {who:<20}{nodes:<26}{latency:>26}{rate:>30}");
        }
    }
    for nodes in [faulty::FIVE, HUNG, DEAD] {
        let case = |tasks| Case {
            nodes,
            who: RSLOCK,
            tasks,
        };
        let latency = format!("{:.0} µs", results.median(case(1), latency));
        let rate = format!("{:.0}", results.median(case(64), rate));
        println!("  {RSLOCK:<20}{nodes:<26}{latency:>26}{rate:>30}");
    }
}

fn rate(outcome: &Outcome) -> f64 {
    outcome.rate
}

fn latency(outcome: &Outcome) -> f64 {
    outcome.latency
}
