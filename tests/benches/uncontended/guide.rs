//! The tables of the guide, as Markdown.

use redlock_benches::{Case, Outcome, Results};

use crate::faulty::{FOUR, HUNG};
use crate::healthy::{FIVE, TASKS};
use crate::lineup::{FENCED, RAW, RSLOCK, UNFENCED};
use crate::tables;

/// Prints a table: the columns' names, then the rows.
pub(crate) fn table(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let line = |cells: &[String]| println!("| {} |", cells.join(" | "));
    println!();
    line(&columns.iter().map(ToString::to_string).collect::<Vec<_>>());
    println!("|{}", "---|".repeat(columns.len()));
    rows.into_iter().for_each(|row| line(&row));
}

/// Prints the table of five nodes.
pub(crate) fn print(results: &Results) {
    let columns = [
        "with fencing tokens",
        "`fencing(false)`",
        "rslock",
        "the limit",
    ];
    let rows = TASKS.map(|tasks| {
        let case = |who| Case {
            nodes: FIVE,
            who,
            tasks,
        };
        let figure: fn(&Outcome) -> f64 = match tasks {
            1 => |it| it.latency,
            _ => |it| it.rate,
        };
        let text = |who| {
            let figure = results.median(case(who), figure);
            match tasks {
                1 => format!("{figure:.0} µs"),
                _ => rounded(figure),
            }
        };
        let ratio = |who| {
            let ratio = results.ratio(case(who), case(RSLOCK), figure);
            let digits = if tasks == 1 { 2 } else { 1 };
            format!("{ratio:.digits$} × ({})", text(who))
        };
        let what = match tasks {
            1 => "time for one lock (less is better)",
            8 => "locks per second (more is better)",
            _ => "locks per second",
        };
        let row = format!("{}, {what}", tables::heading(tasks));
        vec![row, ratio(FENCED), ratio(UNFENCED), text(RSLOCK), text(RAW)]
    });
    let [fenced, unfenced, rslock] = [FENCED, UNFENCED, RSLOCK].map(|who| {
        let case = |nodes| Case {
            nodes,
            who,
            tasks: 64,
        };
        let rate = rounded(results.median(case(HUNG), |it| it.rate));
        if who == RSLOCK {
            return format!("{rate} (once)");
        }
        let ratio = results.ratio(case(HUNG), case(FOUR), |it| it.rate);
        format!("{rate} ({ratio:.1} of four nodes)")
    });
    let hung = "64 tasks, one node hung, locks per second".to_owned();
    let hung = vec![hung, fenced, unfenced, rslock, "–".to_owned()];
    table(
        &[&[""], &columns[..]].concat(),
        rows.into_iter().chain([hung]),
    );
}

/// Rounds to three digits, and separates the thousands.
pub(crate) fn rounded(figure: f64) -> String {
    let digits = figure.max(1.0).log10().floor() - 2.0;
    let unit = 10_f64.powf(digits.max(0.0));
    let rounded = (figure / unit).round() * unit;
    if rounded < 1000.0 {
        return format!("{rounded:.0}");
    }
    let thousands = (rounded / 1000.0).floor();
    format!("{thousands:.0} {:03.0}", rounded - 1000.0 * thousands)
}
