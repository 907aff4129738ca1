//! Whether the nodes are fast enough for the ttl and the node timeout.

use std::time::Duration;

use crate::histogram::Histogram;

/// What the measured times are judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) ttl: Duration,
    pub(super) node_timeout: Duration,
}

impl Limits {
    /// Returns what is wrong with the times of one node.
    pub(super) fn about_node(self, node: &str, times: &Histogram) -> Option<String> {
        let (p99, timeout) = (times.percentile(99.0), self.node_timeout);
        let is_measured = times.count() > 0;
        (is_measured && p99.saturating_mul(2) > timeout).then(|| {
            format!(
                "{node}: grants take up to {p99:.1?}, and the node timeout is {timeout:?}: raise \
                 --node-timeout to {:.1?} or more, or it counts as failed under load",
                p99.saturating_mul(4)
            )
        })
    }

    /// Returns what is wrong with the limits themselves. `p99`: that of the slowest node that a quorum
    /// needs.
    pub(super) fn about_limits(self, p99: Duration) -> Vec<String> {
        let Self { ttl, node_timeout } = self;
        let short = (ttl < p99.saturating_mul(TIMES_TTL)).then(|| {
            format!(
                "a quorum takes up to {p99:.1?}, so a ttl of {ttl:?} may end before it is extended: use \
                 at least {:.1?}",
                p99.saturating_mul(TIMES_TTL)
            )
        });
        let loose = (node_timeout > LOOSE && p99.saturating_mul(100) < node_timeout).then(|| {
            format!(
                "the node timeout of {node_timeout:?} is far above the {p99:.1?} that a quorum takes: a \
                 round without a quorum lasts that long, so use less"
            )
        });
        short.into_iter().chain(loose).collect()
    }

    /// Returns how the times compare with the limits, as a sentence.
    pub(super) fn comparison(self, p99: Duration) -> String {
        let times = |limit: Duration| limit.as_nanos() / p99.as_nanos().max(1);
        format!(
            "a quorum of nodes grants within {p99:.1?} (p99): the node timeout of {:?} is {} times that, \
             and the ttl of {:?} is {} times that",
            self.node_timeout,
            times(self.node_timeout),
            self.ttl,
            times(self.ttl),
        )
    }
}

/// A lock is extended after a third of its ttl, and must have time for several attempts.
const TIMES_TTL: u32 = 20;

/// The largest node timeout that the library chooses by itself.
const LOOSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn limits(ttl: u64, node_timeout: u64) -> Limits {
        Limits {
            ttl: millis(ttl),
            node_timeout: millis(node_timeout),
        }
    }

    #[test]
    fn a_node_that_needs_half_of_the_node_timeout_is_too_slow() {
        let mut times = Histogram::default();
        assert_eq!(limits(1_000, 50).about_node("a", &times), None);
        times.record(millis(20));
        assert_eq!(limits(1_000, 50).about_node("a", &times), None);
        times.record(millis(30));
        let text = limits(1_000, 50).about_node("a", &times).unwrap();
        assert!(
            text.contains("up to 30.0ms") && text.contains("120.0ms"),
            "{text}"
        );
    }

    #[test]
    fn a_ttl_must_be_long_and_a_node_timeout_not_too_long() {
        assert!(limits(1_000, 50).about_limits(millis(40)).is_empty());
        let [short] = &limits(1_000, 50).about_limits(millis(60))[..] else {
            panic!()
        };
        assert!(short.contains("at least 1.2s"), "{short}");
        assert!(limits(30_000, 1_000).about_limits(millis(1)).is_empty());
        let [loose] = &limits(30_000, 5_000).about_limits(millis(1))[..] else {
            panic!()
        };
        assert!(loose.contains("node timeout of 5s"), "{loose}");
        assert!(limits(30_000, 5_000).about_limits(millis(200)).is_empty());
    }

    #[test]
    fn the_comparison_names_both() {
        assert_eq!(
            limits(30_000, 1_000).comparison(millis(2)),
            "a quorum of nodes grants within 2.0ms (p99): the node timeout of 1s is 500 times that, and \
             the ttl of 30s is 15000 times that"
        );
    }
}
