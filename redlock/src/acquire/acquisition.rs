//! The beginning and the end of an acquisition, whatever way it ends.

use std::time::Duration;

use crate::error::LockError;
use crate::guard::LockGuard;
use crate::resource::Resources;
use crate::time::clock::Moment;

/// An acquisition in progress. Every path ends in [`end`](Self::end), or in the drop of a request
/// that was cancelled.
///
/// This is the one place that observes acquisitions.
pub(crate) struct Acquisition<'a> {
    resources: &'a Resources,
    began: Moment,
    is_over: bool,
}

/// The way an acquisition ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Acquired,
    Busy,
    NoQuorum,
    Quarantined,
    /// Any other error: a key that is not a lock, a manager that was shut down, a lease to adopt
    /// that was gone.
    Failed,
    /// The request was dropped.
    Cancelled,
}

impl<'a> Acquisition<'a> {
    pub(crate) fn begin(resources: &'a Resources, now: Moment) -> Self {
        Self {
            resources,
            began: now,
            is_over: false,
        }
    }

    /// The moment at which the acquisition began.
    pub(crate) fn began(&self) -> Moment {
        self.began
    }

    /// Ends the acquisition and returns its result.
    pub(crate) fn end(
        mut self,
        result: Result<LockGuard, LockError>,
    ) -> Result<LockGuard, LockError> {
        self.is_over = true;
        self.observe(Ending::of(&result));
        result
    }

    fn observe(&self, ending: Ending) {
        let waited = || -> Duration { Moment::now().saturating_since(self.began) };
        tracing::debug!(
            resource = %self.resources,
            outcome = ?ending,
            waited = ?waited(),
            "lock acquisition ended"
        );
    }
}

impl Drop for Acquisition<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.observe(Ending::Cancelled);
        }
    }
}

impl Ending {
    fn of(result: &Result<LockGuard, LockError>) -> Self {
        match result {
            Ok(_) => Self::Acquired,
            Err(LockError::Busy { .. }) => Self::Busy,
            Err(LockError::NoQuorum { .. }) => Self::NoQuorum,
            Err(LockError::Quarantined { .. }) => Self::Quarantined,
            Err(_) => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::sync::Arc;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use crate::manager::Redlock;
    use crate::sync::Mutex;

    /// Collects the outcomes that are observed.
    #[derive(Clone, Default)]
    struct Outcomes(Arc<Mutex<Vec<String>>>);

    impl Visit for Outcomes {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "outcome" {
                self.0.lock().push(format!("{value:?}"));
            }
        }
    }

    impl Subscriber for Outcomes {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            event.record(&mut self.clone());
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    #[tokio::test(start_paused = true)]
    async fn every_acquisition_ends_once_whatever_way_it_ends() {
        let outcomes = Outcomes::default();
        let _subscribed = tracing::subscriber::set_default(outcomes.clone());
        let take = || std::mem::take(&mut *outcomes.0.lock());
        let redlock = Redlock::in_memory(3);

        let guard = redlock.lock("a").await.unwrap();
        assert_eq!(take(), ["Acquired"]);
        redlock.try_lock("a").await.unwrap_err();
        assert_eq!(take(), ["Busy"]);
        let waiting = tokio::time::timeout(std::time::Duration::from_secs(1), redlock.lock("a"));
        assert!(waiting.await.is_err());
        assert_eq!(take(), ["Cancelled"]);
        redlock.adopt("b", "gone").await.unwrap_err();
        assert_eq!(take(), ["Failed"]);
        let id = guard.detach().lease_id().clone();
        let adopted = redlock.adopt("a", id).await.unwrap();
        assert_eq!(take(), ["Acquired"]);
        let waiting = redlock.lock("a");
        let (closed, ()) = tokio::join!(waiting, redlock.shutdown());
        closed.unwrap_err();
        assert_eq!(take(), ["Failed"]);
        drop(adopted);
    }
}
