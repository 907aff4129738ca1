//! The causes of a loss, and the log of the refusals that lead to one.

use std::sync::Arc;
use std::time::Duration;

use tracing::field::DisplayValue;

use crate::error::{CauseList, LossReason, NodeError, NodeErrorKind, NodeFailure};
use crate::lease::ActiveLease;
use crate::lease::failures::WARN_AT;
use crate::lease::state::{Phase, State};
use crate::time::clock::Moment;

/// A refused attempt.
pub(super) struct Refusal {
    /// Its number in a row.
    in_row: u32,
    causes: Arc<[NodeFailure]>,
}

impl ActiveLease {
    /// Counts the attempt before the next one as refused, unless a quorum has confirmed it.
    pub(super) fn refusal(&self, state: &mut State, timeout: Duration) -> Option<Refusal> {
        let in_row = state.failures.refused(state.attempt.sent)?;
        Some(Refusal {
            in_row,
            causes: self.causes(state, timeout),
        })
    }

    /// Lists the last failure of each node that does not confirm the lease.
    pub(super) fn causes(&self, state: &State, timeout: Duration) -> Arc<[NodeFailure]> {
        let now = Moment::now();
        let names = self.engine.names().iter().enumerate();
        let failures = names.filter_map(|(node, name)| {
            let error = match state.failures.get(node) {
                Some(error) => error.clone(),
                None if state.watching.is_silent(node, now, timeout) => {
                    NodeError::new(NodeErrorKind::Timeout, "")
                }
                None => return None,
            };
            Some(NodeFailure::new(Arc::clone(name), error))
        });
        failures.collect()
    }

    /// Keeps the causes of a loss that is about to be recorded, and returns them. Other reasons than
    /// these are not the fault of any node.
    pub(super) fn set_loss_causes(&self, reason: LossReason) -> Option<Arc<[NodeFailure]>> {
        if !matches!(reason, LossReason::Expired | LossReason::Gone) {
            return None;
        }
        // This calls the sessions, so it comes before the state is locked.
        let timeout = self.node_timeout();
        let mut state = self.lock();
        if state.phase != Phase::Held {
            return None;
        }
        let causes = self.causes(&state, timeout);
        state.failures.set_causes(Arc::clone(&causes));
        Some(causes)
    }

    /// Logs a refused attempt. The second in a row is worth a warning: the first is often that of a
    /// node that restarts.
    pub(super) fn log_refusal(&self, refusal: &Refusal) {
        let (resource, remaining) = (&self.resources, self.time_left());
        let causes = log_field(&refusal.causes);
        if refusal.in_row == WARN_AT {
            tracing::warn!(
                %resource, ?remaining, causes,
                "no quorum of nodes confirmed the last two extensions"
            );
        } else {
            tracing::debug!(
                %resource, ?remaining, causes,
                "no quorum of nodes confirmed the last extension"
            );
        }
    }

    pub(super) fn log_recovery(&self) {
        let (resource, remaining) = (&self.resources, self.time_left());
        tracing::info!(%resource, ?remaining, "a quorum of nodes confirms extensions again");
    }
}

/// The causes as a field of a log line, which has none if there are none.
pub(super) fn log_field(causes: &[NodeFailure]) -> Option<DisplayValue<CauseList<'_>>> {
    (!causes.is_empty()).then(|| tracing::field::display(CauseList(causes)))
}

#[cfg(test)]
mod tests {
    use std::fmt;
    use std::fmt::Write;

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};

    use super::*;
    use crate::manager::Redlock;
    use crate::node::{Fault, MemoryNode};
    use crate::sync::Mutex;

    /// Collects the messages of this layer, with their levels and causes.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<(Level, String)>>>);

    struct Text(String);

    impl Visit for Text {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            match field.name() {
                "message" => self.0.insert_str(0, &format!("{value:?}")),
                "causes" => write!(self.0, ": {value:?}").unwrap(),
                _ => {}
            }
        }
    }

    impl Subscriber for Log {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target().starts_with("redlock::lease")
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut text = Text(String::new());
            event.record(&mut text);
            self.0.lock().push((*event.metadata().level(), text.0));
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    impl Log {
        fn take(&self) -> Vec<(Level, String)> {
            std::mem::take(&mut *self.0.lock())
        }
    }

    fn named(names: [&str; 3]) -> [MemoryNode; 3] {
        names.map(MemoryNode::named)
    }

    const TTL: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn refused_extensions_and_the_loss_are_logged_with_their_causes() {
        let log = Log::default();
        let _subscribed = tracing::subscriber::set_default(log.clone());
        let nodes = named(["a", "b", "c"]);
        let builder = Redlock::builder().nodes(nodes.iter().cloned());
        let redlock = builder.build().unwrap();
        let guard = redlock.lock("x").await.unwrap();
        tokio::time::sleep(TTL).await;
        assert_eq!(log.take(), [], "all is well");

        nodes[..2].iter().for_each(|node| node.fault(Fault::Crash));
        guard.lost().await;
        let log = log.take();
        let causes = "a: cannot connect: node has crashed; b: cannot connect: node has crashed";
        let refused = |level, count| {
            let text = format!("no quorum of nodes confirmed the last {count}: {causes}");
            (level, text)
        };
        assert_eq!(log[0], refused(Level::DEBUG, "extension"));
        assert_eq!(log[1], refused(Level::WARN, "two extensions"));
        let (lost, refusals) = log.split_last().unwrap();
        assert_eq!(
            *lost,
            (Level::WARN, format!("lock lost before release: {causes}"))
        );
        let is_refused = |it: &(Level, String)| *it == refused(Level::DEBUG, "extension");
        assert!(refusals[2..].iter().all(is_refused), "one warning");
        assert!(refusals.len() > 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_recovery_is_logged_once_after_a_warning() {
        let log = Log::default();
        let _subscribed = tracing::subscriber::set_default(log.clone());
        let nodes = named(["a", "b", "c"]);
        let builder = Redlock::builder().nodes(nodes.iter().cloned());
        let redlock = builder.build().unwrap();
        let guard = redlock.lock("x").await.unwrap();
        nodes[..2].iter().for_each(|node| node.fault(Fault::Crash));
        tokio::time::sleep(TTL / 2).await;
        drop(log.take());
        nodes[..2].iter().for_each(|node| node.fault(None));
        tokio::time::sleep(2 * TTL).await;
        assert!(guard.is_held());
        let text = "a quorum of nodes confirms extensions again".to_owned();
        // The attempt of the outage may have been the last one. The nodes have confirmed since.
        let (recovered, refused) = log
            .take()
            .split_last()
            .map(|(it, rest)| (it.clone(), rest.len()))
            .unwrap();
        assert_eq!(recovered, (Level::INFO, text));
        assert!(refused <= 1, "{refused}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_minority_of_failures_is_not_logged() {
        let log = Log::default();
        let _subscribed = tracing::subscriber::set_default(log.clone());
        let nodes = named(["a", "b", "c"]);
        let builder = Redlock::builder().nodes(nodes.iter().cloned());
        let redlock = builder.build().unwrap();
        let guard = redlock.lock("x").await.unwrap();
        nodes[0].fault(Fault::Crash);
        tokio::time::sleep(4 * TTL).await;
        assert!(guard.is_held());
        assert_eq!(log.take(), []);
    }
}
