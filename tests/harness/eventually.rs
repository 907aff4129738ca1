//! Conditions that tests wait for.

use std::panic::Location;
use std::time::{Duration, Instant};

/// Waits until `check` returns true, for at most `bound`.
///
/// `bound` is measured in real time, even if the runtime's clock is paused.
///
/// # Panics
///
/// Panics with the caller's location if `check` does not return true in time.
#[track_caller]
pub fn eventually(
    what: &str,
    bound: Duration,
    mut check: impl FnMut() -> bool,
) -> impl Future<Output = ()> {
    let caller = Location::caller();
    async move {
        let start = Instant::now();
        while !check() {
            let waited = start.elapsed();
            assert!(waited < bound, "{caller}: not within {bound:?}: {what}");
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

const INTERVAL: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn checks_again_until_the_condition_holds() {
        let mut looks = 0;
        eventually("three looks", Duration::from_secs(5), || {
            looks += 1;
            looks == 3
        })
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "not within 20ms: the impossible")]
    async fn gives_up_at_the_bound() {
        eventually("the impossible", Duration::from_millis(20), || false).await;
    }
}
