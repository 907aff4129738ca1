//! Hand-overs, as they are seen by looking.

use std::time::Duration;

use crate::time::clock::Moment;

/// What whoever looks sees of hand-overs: that what is left of the lease has grown.
#[derive(Debug, Default)]
pub(crate) struct PollPacing {
    /// How many times in a row it had changed at the next look.
    handoffs: u32,
    /// When the lease ends if nobody extends it.
    ends: Option<Moment>,
}

impl PollPacing {
    /// Looks at what is left of the lease, and says whether there is another than at the last look,
    /// or it was extended.
    pub(crate) fn observe(&mut self, free_in: Option<Duration>, now: Moment) -> bool {
        let ends = free_in.and_then(|left| now.checked_add(left));
        // Servers count milliseconds, and their answers take longer at times.
        let is_later = match (self.ends, ends) {
            (Some(before), Some(ends)) => ends.saturating_since(before) > SLACK,
            _ => false,
        };
        self.handoffs = if is_later { self.handoffs + 1 } else { 0 };
        self.ends = ends;
        is_later
    }

    /// The longest pause before the next look where nobody tells: while a lock changes hands, the
    /// shorter the longer one has waited. While it does not, there is no hurry.
    pub(crate) fn max_pause(&self, most: Duration) -> Duration {
        most / (1 << self.handoffs.min(4))
    }
}

/// How much later an answer may come than another without meaning anything.
const SLACK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told_nothing_hurries_only_while_the_lock_changes_hands() {
        let (mut pacing, start) = (PollPacing::default(), Moment::now());
        let (most, lease) = (Duration::from_millis(200), Duration::from_secs(30));
        let mut observe = |millis, left| {
            let now = start.checked_add(Duration::from_millis(millis)).unwrap();
            (pacing.observe(Some(left), now), pacing.max_pause(most))
        };
        // The first has nothing to be compared with; then there is another lease at every look.
        assert_eq!(observe(0, lease), (false, most));
        for (millis, part) in [(100, 2), (200, 4), (300, 8), (400, 16), (500, 16)] {
            assert_eq!(observe(millis, lease), (true, most / part));
        }
        // The same at two looks, but for what an answer may be late.
        let left = lease - Duration::from_millis(98);
        assert_eq!(observe(600, left), (false, most));
    }
}
