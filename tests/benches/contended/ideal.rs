//! The rate that the hold alone allows.

use std::time::Duration;

use redlock_tests::Server;

use crate::crew::Crew;
use crate::figures::median;

/// The turns per second that the hold alone allows on this machine, measured once per round.
///
/// One contender without competitors holds the lock with the same timer. The ideal is the inverse
/// of the mean time that it held the lock, as if each turn began at the end of the previous one.
#[derive(Debug, Default)]
pub(crate) struct Ideal(Vec<f64>);

impl Ideal {
    /// Measures it once more, next to a round of a crew that holds the lock for `hold`.
    pub(crate) async fn measure(&mut self, servers: &[Server], hold: Duration) {
        let round = Crew::of_managers(1, hold, RUN).compete(servers).await;
        self.0.push(round.rate_of_holds());
    }

    /// Returns the median, in turns per second.
    pub(crate) fn rate(self) -> f64 {
        median(self.0)
    }
}

const RUN: Duration = Duration::from_millis(500);
