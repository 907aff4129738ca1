//! A record of the run's events, printed as they happen.

use std::env;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::chart::Scale;

/// A record of events, and the output that they are printed to.
pub(crate) struct Timeline {
    start: Instant,
    workers: Vec<String>,
    nodes: Vec<String>,
    /// The width of the longest name.
    width: usize,
    is_coloured: bool,
    log: Mutex<Log>,
}

struct Log {
    out: Box<dyn Write + Send>,
    events: Vec<Event>,
}

struct Event {
    at: Duration,
    who: String,
    what: What,
}

/// An event of a worker or a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Waits,
    Holds,
    Extends,
    Releases,
    Loses(String),
    Refused(String),
    Fails(String),
    Heals,
}

impl Timeline {
    pub(crate) fn new(
        out: impl Write + Send + 'static,
        workers: &[&str],
        nodes: impl IntoIterator<Item = String>,
    ) -> Arc<Self> {
        let workers: Vec<_> = workers.iter().map(|&it| it.to_owned()).collect();
        let nodes: Vec<_> = nodes.into_iter().collect();
        let width = workers.iter().chain(&nodes).map(String::len).max();
        let is_plain = env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty())
            || env::var_os("TERM").is_some_and(|it| it == "dumb");
        Arc::new(Self {
            start: Instant::now(),
            workers,
            nodes,
            width: width.unwrap_or_default(),
            is_coloured: !is_plain && std::io::stdout().is_terminal(),
            log: Mutex::new(Log {
                out: Box::new(out),
                events: Vec::new(),
            }),
        })
    }

    /// Prints a line. A closed output, as behind `| head`, does not end the run.
    pub(crate) fn say(&self, line: &str) {
        writeln!(self.log().out, "{line}").unwrap_or_default();
    }

    /// Records an event and prints it, except those that only the chart shows.
    pub(crate) fn record(&self, who: &str, what: What) {
        let mut log = self.log();
        // Read under the mutex, so that the events are in order of time.
        let at = self.start.elapsed();
        if !matches!(what, What::Waits | What::Extends) {
            let (seconds, width) = (at.as_secs_f64(), self.width);
            let line = format!("{seconds:>7.2} s  {who:width$}  {what}");
            writeln!(log.out, "{}", self.painted(who, &line)).unwrap_or_default();
        }
        let who = who.to_owned();
        log.events.push(Event { at, who, what });
    }

    /// Draws a row for every worker and every node.
    pub(crate) fn draw(&self) {
        let end = self.log().events.last().map_or(Duration::ZERO, |it| it.at);
        let (scale, width) = (Scale::of(end), self.width);
        let row = |name: &str, cells: &str| format!("  {name:width$}  {cells}");

        self.say("");
        self.say(&row("", &scale.axis()));
        for worker in &self.workers {
            let row = row(worker, &scale.worker(&self.events_of(worker)));
            self.say(&self.painted(worker, &row));
        }
        for node in &self.nodes {
            let row = row(node, &scale.node(&self.events_of(node)));
            self.say(&self.painted(node, &row));
        }
        self.say("");
        self.say(&row("", "█ holds the lock   ◆ extends it   · waits"));
        self.say("");
    }

    /// Returns the line that sums up the run.
    pub(crate) fn summary(&self) -> String {
        format!(
            "Checked: {} turns, {} extensions, {} overlaps, {} losses",
            self.count(|it| *it == What::Holds),
            self.extensions(),
            self.overlaps(),
            self.count(|it| matches!(it, What::Loses(_))),
        )
    }

    pub(crate) fn extensions(&self) -> usize {
        self.count(|it| *it == What::Extends)
    }

    /// Returns how often a worker got the lock while another one held it.
    pub(crate) fn overlaps(&self) -> usize {
        let (mut holders, mut overlaps) = (0, 0);
        for event in &self.log().events {
            match event.what {
                What::Holds => {
                    overlaps += holders;
                    holders += 1;
                }
                What::Releases | What::Loses(_) => holders -= 1,
                _ => {}
            }
        }
        overlaps
    }

    fn count(&self, is_counted: impl Fn(&What) -> bool) -> usize {
        let log = self.log();
        log.events.iter().filter(|it| is_counted(&it.what)).count()
    }

    fn events_of(&self, who: &str) -> Vec<(Duration, What)> {
        let log = self.log();
        let events = log.events.iter().filter(|it| it.who == who);
        events.map(|it| (it.at, it.what.clone())).collect()
    }

    /// Paints everything about one worker in one colour. The text is complete without it.
    fn painted(&self, who: &str, text: &str) -> String {
        match self.workers.iter().position(|it| it == who) {
            Some(index) if self.is_coloured => {
                let colour = [36, 32, 35][index % 3];
                format!("\x1b[{colour}m{text}\x1b[0m")
            }
            _ => text.to_owned(),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap()
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waits => f.write_str("waits"),
            Self::Holds => f.write_str("holds the lock"),
            Self::Extends => f.write_str("extends it"),
            Self::Releases => f.write_str("releases it"),
            Self::Loses(why) => write!(f, "loses it: {why}"),
            Self::Refused(why) => write!(f, "does not get it: {why}"),
            Self::Fails(how) => write!(f, "is down: {how}"),
            Self::Heals => f.write_str("is back"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_holders_at_once_are_an_overlap() {
        let timeline = Timeline::new(std::io::sink(), &[], []);
        timeline.record("ada", What::Holds);
        timeline.record("ada", What::Releases);
        timeline.record("bob", What::Holds);
        assert_eq!(timeline.overlaps(), 0);
        timeline.record("cyn", What::Holds);
        assert_eq!(timeline.overlaps(), 1);
    }
}
