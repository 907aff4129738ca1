//! Events as rows of characters.

use std::fmt::Write;
use std::time::Duration;

use crate::timeline::What;

/// A scale from times to columns, in a width that fits every terminal.
pub(crate) struct Scale {
    column: Duration,
    columns: usize,
}

impl Scale {
    pub(crate) fn of(end: Duration) -> Self {
        let tenths = end.as_millis().div_ceil(100).max(1);
        let tenths_per_column = u32::try_from(tenths.div_ceil(60)).unwrap_or(u32::MAX);
        let column = Duration::from_millis(100) * tenths_per_column;
        let columns = end.div_duration_f64(column) as usize + 1;
        Self { column, columns }
    }

    /// Returns the axis, which shows the time at every tenth column.
    pub(crate) fn axis(&self) -> String {
        let mut axis = String::new();
        for tick in (0..self.columns).step_by(10) {
            let seconds = self.column.as_secs_f64() * tick as f64;
            let label = format!("{seconds:.0} s");
            write!(axis, "{label:<10}").unwrap_or_default();
        }
        axis.trim_end().to_owned()
    }

    /// Returns the row of a worker, which waits for the lock and holds it.
    pub(crate) fn worker(&self, events: &[(Duration, What)]) -> String {
        let mut cells = vec![' '; self.columns];
        for (at, what) in events {
            let at = self.column(*at);
            match what {
                What::Waits => cells[at..].fill('·'),
                What::Holds => cells[at..].fill('█'),
                What::Extends => cells[at] = '◆',
                What::Loses(_) => {
                    cells[at..].fill(' ');
                    cells[at] = '×';
                }
                _ => cells[at..].fill(' '),
            }
        }
        String::from_iter(cells).trim_end().to_owned()
    }

    /// Returns the row of a node: a line, with a gap while it is down.
    pub(crate) fn node(&self, events: &[(Duration, What)]) -> String {
        let mut cells = vec!['─'; self.columns];
        for (index, (at, what)) in events.iter().enumerate() {
            if let What::Fails(how) = what {
                let end = events[index + 1..].first();
                let end = end.map_or(self.columns - 1, |(at, _)| self.column(*at));
                cut(&mut cells[self.column(*at)..=end], how);
            }
        }
        cells.into_iter().collect()
    }

    fn column(&self, at: Duration) -> usize {
        (at.div_duration_f64(self.column) as usize).min(self.columns - 1)
    }
}

/// Cuts a gap into the line of a node, with the reason in it if the gap is long enough.
fn cut(gap: &mut [char], how: &str) {
    gap.fill(' ');
    if let [first, inside @ .., last] = gap {
        (*first, *last) = ('┤', '├');
        let fits = |text: &&str| text.len() <= inside.len();
        let text = [how, "down"].into_iter().find(fits).unwrap_or_default();
        let start = (inside.len() - text.len()) / 2;
        let cells = inside[start..].iter_mut();
        cells.zip(text.chars()).for_each(|(cell, it)| *cell = it);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64, what: What) -> (Duration, What) {
        (Duration::from_millis(millis), what)
    }

    #[test]
    fn rows_show_events_at_their_times() {
        let scale = Scale::of(Duration::from_millis(1100));
        let turn = [
            at(0, What::Waits),
            at(200, What::Holds),
            at(600, What::Extends),
            at(800, What::Releases),
        ];
        assert_eq!(scale.axis(), "0 s       1 s");
        assert_eq!(scale.worker(&turn), "··████◆█");
        let faults = [
            at(100, What::Fails("hung".into())),
            at(700, What::Heals),
            at(900, What::Fails("cannot connect".into())),
        ];
        assert_eq!(scale.node(&faults), "─┤hung ├─┤ ├");
    }

    #[test]
    fn long_runs_stay_narrow() {
        for seconds in [7, 60, 3600] {
            let scale = Scale::of(Duration::from_secs(seconds));
            assert!((30..=61).contains(&scale.columns), "{}", scale.columns);
        }
    }
}
