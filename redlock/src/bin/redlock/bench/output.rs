//! The outcome of a load, as text and as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::Measured;
use crate::console::times::{micros, milliseconds};
use crate::console::tone::{Tone, Toned};

impl Measured {
    pub(super) fn lines(&self) -> Vec<Toned> {
        let bars = self.bars().into_iter();
        let mut lines: Vec<_> = bars.map(|bar| Toned::new(Tone::Plain, bar)).collect();
        let percentiles = PERCENTILES.map(|(name, percent)| {
            let time = self.times.percentile(percent);
            format!("{name} {time:.1?}")
        });
        lines.push(Toned::new(
            Tone::Plain,
            format!("{}  max {:.1?}", percentiles.join("  "), self.times.max()),
        ));
        if let Some(failure) = &self.failure {
            let text = format!("warning: {} requests failed: {failure}", self.failed);
            lines.push(Toned::new(Tone::Bad, text));
        }
        lines.push(Toned::new(Tone::Good, self.sizing()));
        lines
    }

    /// Returns a bar for each power of two of microseconds.
    fn bars(&self) -> Vec<String> {
        let powers = self.times.by_powers();
        let most = powers.iter().map(|(_, count)| *count).max().unwrap_or(1);
        let bars = powers.into_iter().map(|(longest, count)| {
            let length = (u128::from(count) * WIDTH).div_ceil(u128::from(most.max(1)));
            let bar = "#".repeat(usize::try_from(length).unwrap_or_default());
            let limit = format!("< {longest:.1?}");
            format!("{limit:>10}  {count:>9}  {bar}")
                .trim_end()
                .to_owned()
        });
        bars.collect()
    }

    fn rate(&self) -> f64 {
        self.times.count() as f64 / self.time.as_secs_f64().max(f64::EPSILON)
    }

    /// Returns what the numbers mean, in a sentence or two.
    fn sizing(&self) -> String {
        let p99 = self.times.percentile(99.0);
        let nodes = match self.nodes {
            1 => "this node grants".to_owned(),
            nodes => format!("these {nodes} nodes grant"),
        };
        let tasks = match self.tasks {
            1 => "1 task".to_owned(),
            tasks => format!("{tasks} tasks"),
        };
        let times = self.ttl.as_nanos() / p99.max(Duration::from_nanos(1)).as_nanos();
        format!(
            "With {tasks}, {nodes} {} locks/s; p99 {p99:.1?}. A ttl of {} is {} times the p99.",
            grouped(self.rate() as u128),
            humantime::format_duration(self.ttl),
            grouped(times),
        )
    }

    pub(super) fn json(&self) -> Value {
        let outcome = if self.failed == 0 { "ok" } else { "failed" };
        let histogram = self.times.by_powers().into_iter();
        let histogram =
            histogram.map(|(below, count)| json!({ "below_us": micros(below), "count": count }));
        let mut json = json!({
            "outcome": outcome,
            "nodes": self.nodes,
            "tasks": self.tasks,
            "time_ms": milliseconds(self.time),
            "granted": self.times.count(),
            "failed": self.failed,
            "error": self.failure.as_ref().map(ToString::to_string),
            "per_second": self.rate().round() as u64,
            "max_us": micros(self.times.max()),
            "ttl_ms": milliseconds(self.ttl),
            "histogram": histogram.collect::<Vec<_>>(),
        });
        for (name, percent) in PERCENTILES {
            json[format!("{name}_us")] = micros(self.times.percentile(percent)).into();
        }
        json
    }
}

/// Formats a number with a comma between each three digits.
fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

const PERCENTILES: [(&str, f64); 4] = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p999", 99.9)];

/// The length of the longest bar.
const WIDTH: u128 = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;

    fn measured() -> Measured {
        let mut times = Histogram::default();
        for micros in [500, 600, 700, 2_000] {
            times.record(Duration::from_micros(micros));
        }
        Measured {
            nodes: 5,
            tasks: 64,
            ttl: Duration::from_secs(30),
            time: Duration::from_millis(1),
            times,
            failed: 0,
            failure: None,
        }
    }

    #[test]
    fn the_sentence_names_rate_and_ttl() {
        assert_eq!(
            measured().sizing(),
            "With 64 tasks, these 5 nodes grant 4,000 locks/s; p99 2.0ms. A ttl of 30s is 15,000 times \
             the p99."
        );
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
    }

    #[test]
    fn a_bar_is_as_long_as_its_share() {
        let bars = measured().bars();
        assert_eq!(bars.len(), 3, "{bars:?}");
        assert!(bars[1].contains(" 2  ##################################################"));
        assert!(
            bars[0].ends_with(" 1  #########################"),
            "{bars:?}"
        );
    }
}
