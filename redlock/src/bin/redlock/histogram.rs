//! A histogram of times.

use std::time::Duration;

/// Counts of times, in buckets that are a sixteenth wide or less. It never grows, however many times it
/// counts.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    /// Whole microseconds below 16 have a bucket each. Every power of two above has 16.
    buckets: Vec<u64>,
    count: u64,
    max: Duration,
}

impl Histogram {
    /// Counts a time.
    pub(crate) fn record(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(micros)] += 1;
        self.count += 1;
        self.max = self.max.max(time);
    }

    /// Adds the counts of another histogram.
    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *count += more;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn max(&self) -> Duration {
        self.max
    }

    /// Returns a time that `percent` of those counted do not exceed, at most a sixteenth too long. Zero
    /// if there are none.
    pub(crate) fn percentile(&self, percent: f64) -> Duration {
        let rank = (self.count as f64 * percent / 100.0).ceil().max(1.0) as u64;
        let mut seen = 0;
        let reached = self.buckets.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        let limit = reached.map(|it| Duration::from_micros(lowest(it + 1)));
        limit.unwrap_or_default().min(self.max)
    }

    /// Returns the number of times in each power of two, from the first to the last that has any: the
    /// longest time of each, and its count.
    pub(crate) fn by_powers(&self) -> Vec<(Duration, u64)> {
        let powers = self.buckets.chunks(SUB_BUCKETS).enumerate();
        let counts: Vec<_> = powers
            .map(|(power, counts)| {
                let longest = Duration::from_micros(lowest((power + 1) * SUB_BUCKETS));
                (longest, counts.iter().sum())
            })
            .collect();
        let has_any = |it: &(Duration, u64)| it.1 > 0;
        let first = counts.iter().position(has_any).unwrap_or(0);
        let end = counts.iter().rposition(has_any).map_or(0, |last| last + 1);
        counts[first.min(end)..end].to_vec()
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; bucket(u64::MAX) + 1],
            count: 0,
            max: Duration::ZERO,
        }
    }
}

/// Returns the bucket of a time in microseconds.
fn bucket(micros: u64) -> usize {
    if micros < SUB_BUCKETS as u64 {
        return micros as usize;
    }
    let power = micros.ilog2() - SUB_BITS;
    let within = (micros >> power) as usize - SUB_BUCKETS;
    (power as usize + 1) * SUB_BUCKETS + within
}

/// Returns the shortest time in a bucket, in microseconds.
fn lowest(bucket: usize) -> u64 {
    if bucket < SUB_BUCKETS {
        return bucket as u64;
    }
    let power = bucket / SUB_BUCKETS - 1;
    let within = (bucket % SUB_BUCKETS + SUB_BUCKETS) as u64;
    within.checked_shl(power as u32).unwrap_or(u64::MAX)
}

const SUB_BITS: u32 = 4;

const SUB_BUCKETS: usize = 1 << SUB_BITS;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        for micros in micros {
            histogram.record(Duration::from_micros(micros));
        }
        histogram
    }

    #[test]
    fn every_time_has_a_bucket_that_begins_at_most_a_sixteenth_below() {
        for micros in (0..5_000).chain([1 << 20, (1 << 40) + 12_345, u64::MAX]) {
            let lowest = lowest(bucket(micros));
            assert!(
                lowest <= micros && micros - lowest <= micros / 16,
                "{micros}"
            );
        }
    }

    #[test]
    fn percentiles_are_at_most_a_sixteenth_too_long() {
        let histogram = of(1..=1_000);
        for (percent, exact) in [(0.0, 1), (50.0, 500), (99.0, 990), (100.0, 1_000)] {
            let found = histogram.percentile(percent).as_micros();
            assert!(
                found >= exact && found <= exact + exact / 16 + 1,
                "{percent}: {found}"
            );
        }
        assert_eq!(histogram.max(), Duration::from_millis(1));
        assert_eq!(Histogram::default().percentile(99.0), Duration::ZERO);
    }

    #[test]
    fn histograms_add_up() {
        let mut sum = of([1, 2]);
        sum.add(&of([3_000]));
        assert_eq!((sum.count(), sum.max()), (3, Duration::from_millis(3)));
        let powers = sum.by_powers();
        assert_eq!(powers.first(), Some(&(Duration::from_micros(16), 2)));
        assert_eq!(powers.last(), Some(&(Duration::from_micros(4_096), 1)));
        assert!(Histogram::default().by_powers().is_empty());
    }
}
