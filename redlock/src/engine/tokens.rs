//! The proposals for fencing tokens, and what an engine learns about the counters of the nodes.

use crate::engine::Engine;
use crate::engine::proposal::Proposals;
use crate::engine::server_clock::ServerTime;
use crate::node::{Fence, Stamp};
use crate::time::clock::Moment;
use crate::time::validity;

impl Engine {
    /// The proposal for the counters in a new round; `None` without fencing.
    pub(crate) fn fence(&self, now: Moment) -> Option<Fence> {
        let retention = self.shared.config.fence_retention();
        self.shared.config.fencing.then(|| {
            let proposals = &self.shared.proposals;
            Fence::new(proposals.next(self.max_proposal(now)), retention)
                .likely_accepted(proposals.are_likely_accepted())
        })
    }

    /// Adapts later proposals to a counter that a node reported.
    pub(crate) fn observe_counter(&self, counter: u64) {
        let proposals = &self.shared.proposals;
        proposals.observe(counter, |now| self.max_observed(now));
    }

    /// Adapts later proposals to a token. `shown`: the counter that a quorum had reached before.
    pub(crate) fn observe_token(&self, token: u64, shown: impl FnOnce() -> u64) {
        let limit = |now| match self.max_observed(now) {
            limit if shown() > limit => limit.max(Proposals::limit_of_quorum(now)),
            limit => limit,
        };
        self.shared.proposals.observe(token, limit);
    }

    /// Records whether `proposal` was accepted by the node that reported `stamp`.
    pub(crate) fn observe_stamp(&self, proposal: u64, stamp: Stamp) {
        match stamp {
            Stamp::Moved(counter) if counter == proposal => self.shared.proposals.count(true),
            // Another owner holds the lock, and the counter is still at its token.
            Stamp::Beyond(counter) if counter < proposal => {}
            _ => self.shared.proposals.count(false),
        }
    }

    /// The largest token to propose: the median time of day of the servers plus half of the fence
    /// retention. A local clock that is far ahead thus cannot move counters to a value that other
    /// managers need long to reach. `None` if no server has reported its time yet.
    fn max_proposal(&self, now: Moment) -> Option<u64> {
        self.server_clock(now)
            .map(|time| self.latest_at(time.median))
    }

    /// The largest counter that proposals adapt to: half of the fence retention beyond the clock, or
    /// beyond those of the servers if a quorum has reported its time.
    fn max_observed(&self, now: u64) -> u64 {
        let time = self
            .server_clock(Moment::now())
            .filter(|time| time.is_of_quorum);
        self.latest_at(time.map_or(now, |time| now.max(time.median)))
    }

    /// The latest time of day that a clock may show at `now`.
    fn latest_at(&self, now: u64) -> u64 {
        let half = validity::clock_skew_limit(self.shared.config.fence_retention());
        now.saturating_add(u64::try_from(half.as_micros()).unwrap_or(u64::MAX))
    }

    /// The time of day of the servers, once one has reported it.
    fn server_clock(&self, now: Moment) -> Option<ServerTime> {
        let time = |node| self.call(node, |session| session.time_of_day())?;
        let read = || (0..self.sessions.len()).filter_map(time);
        self.server_clock.time(now, read, self.quorum().needed())
    }
}
