//! The number proposed as fencing token.
//!
//! A node whose counter is below the proposal stamps the proposal itself, so all such nodes agree
//! at once. A proposal should therefore be beyond every counter, but only just. It is the time of
//! day in microseconds, plus the largest lead of any observed stamp over the local clock.
//!
//! A stamp far beyond the clocks is not observed unless a quorum shows it: an absurd counter of one
//! resource on one node would make those of all other resources absurd too. A raise may take such a
//! counter to a quorum. Half of the remaining numbers are therefore out of its reach.
//!
//! While the nodes keep their counters, the order of tokens does not depend on proposals. One that
//! is too small costs one more round trip. Once the counters have expired or are lost, proposals are
//! all that is left: the order then rests on the clocks that they are made from.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::token::FencingToken;

/// The proposals of a manager.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    /// The largest lead of a stamp over the local clock, in microseconds.
    lead: AtomicU64,
    /// Consecutive stamps that accepted a proposal, up to [`ENOUGH`].
    accepted: AtomicU32,
}

impl Proposals {
    /// Returns the next proposal, at most `max`.
    pub(crate) fn next(&self, max: Option<u64>) -> u64 {
        self.at(now_micros(), max)
    }

    /// Records a stamp of any manager, unless it is beyond the limit. `limit` gets the time of day.
    pub(crate) fn observe(&self, stamp: u64, limit: impl FnOnce(u64) -> u64) {
        self.observe_at(stamp, now_micros(), limit);
    }

    /// Records whether a node accepted a proposal as its stamp.
    pub(crate) fn count(&self, is_accepted: bool) {
        let accepted = self.accepted.load(Ordering::Relaxed);
        if !is_accepted {
            self.accepted.store(0, Ordering::Relaxed);
        } else if accepted < ENOUGH {
            self.accepted.store(accepted + 1, Ordering::Relaxed);
        }
    }

    /// Whether recent proposals were all beyond the counters.
    pub(crate) fn are_likely_accepted(&self) -> bool {
        self.accepted.load(Ordering::Relaxed) >= ENOUGH
    }

    /// The largest stamp to observe if a quorum shows it. `now`: the time of day.
    pub(crate) fn limit_of_quorum(now: u64) -> u64 {
        now + MAX_TOKEN.saturating_sub(now) / 2
    }

    fn at(&self, now: u64, max: Option<u64>) -> u64 {
        let proposal = now.saturating_add(self.lead.load(Ordering::Relaxed));
        proposal.min(max.unwrap_or(MAX_TOKEN)).min(MAX_TOKEN)
    }

    fn observe_at(&self, stamp: u64, now: u64, limit: impl FnOnce(u64) -> u64) {
        let lead = stamp.saturating_sub(now);
        if lead > self.lead.load(Ordering::Relaxed) && stamp <= limit(now) {
            self.lead.fetch_max(lead, Ordering::Relaxed);
        }
    }
}

/// Returns the time of day in microseconds; 0 before 1970.
pub(crate) fn now_micros() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Accepted stamps after which the next proposal is expected to be accepted: a few acquisitions.
const ENOUGH: u32 = 32;

const MAX_TOKEN: u64 = FencingToken::MAX.get();

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000_000_000;

    fn an_hour_more(now: u64) -> u64 {
        now + 3_600_000_000
    }

    #[test]
    fn a_proposal_is_the_time_of_day_plus_the_largest_lead() {
        let proposals = Proposals::default();
        assert_eq!(proposals.at(NOW, None), NOW);
        for stamp in [NOW + 5_000, NOW - 9_000, NOW + 1_000] {
            proposals.observe_at(stamp, NOW, an_hour_more);
        }
        assert_eq!(proposals.at(NOW + 10, None), NOW + 10 + 5_000);
    }

    #[test]
    fn a_stamp_beyond_the_limit_is_not_observed() {
        let proposals = Proposals::default();
        for stamp in [MAX_TOKEN, MAX_TOKEN - 1, an_hour_more(NOW) + 1] {
            proposals.observe_at(stamp, NOW, an_hour_more);
            assert_eq!(proposals.at(NOW, None), NOW);
        }
        proposals.observe_at(an_hour_more(NOW), NOW, an_hour_more);
        assert_eq!(proposals.at(NOW, None), an_hour_more(NOW));
    }

    #[test]
    fn a_wrong_clock_does_not_exhaust_the_tokens() {
        let proposals = Proposals::default();
        let year_2300 = 10_413_792_000_000_000;
        assert_eq!(proposals.at(year_2300, Some(NOW + 7)), NOW + 7);
        assert_eq!(proposals.at(year_2300, None), MAX_TOKEN);
        proposals.observe_at(u64::MAX, NOW, |_| u64::MAX);
        assert_eq!(proposals.at(NOW, Some(NOW + 7)), NOW + 7);
    }

    #[test]
    fn one_counter_ahead_resets_the_confidence_in_proposals() {
        let proposals = Proposals::default();
        for _ in 0..ENOUGH {
            assert!(!proposals.are_likely_accepted());
            proposals.count(true);
        }
        assert!(proposals.are_likely_accepted());
        proposals.count(false);
        assert!(!proposals.are_likely_accepted());
    }

    /// The share of proposals that nodes accept unchanged, with skewed clocks and nodes that agree.
    #[test]
    fn skewed_clocks_cost_a_second_round_trip_only_at_first() {
        let skews = [0_i64, 5_000, -5_000, 2_500, -2_500];
        let managers: Vec<Proposals> = skews.iter().map(|_| Proposals::default()).collect();
        let (mut counter, mut accepted, mut total) = (0, 0_u32, 0_u32);
        for step in 0..10_000_u64 {
            let index = usize::try_from(step * 7 % 5).unwrap();
            // A handoff every 200 microseconds, far less than the skew.
            let clock = (NOW + step * 200).saturating_add_signed(skews[index]);
            let proposal = managers[index].at(clock, None);
            let stamp = proposal.max(counter + 1);
            accepted += u32::from(stamp == proposal);
            total += 1;
            counter = stamp;
            managers[index].observe_at(stamp, clock, an_hour_more);
        }
        let share = f64::from(accepted) / f64::from(total);
        println!(
            "{:.2} % of proposals were accepted unchanged",
            share * 100.0
        );
        assert!(share > 0.99, "{share}");
    }
}
