//! Giving a lease back.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::{NodeRelease, ReleaseError, ReleaseOutcome, Released};
use crate::lease::ActiveLease;
use crate::lease::state::{End, Phase, State};
use crate::lease_id::LeaseId;
use crate::node::{Command, Keys, Release, Removal, Reply};
use crate::quorum::Verdict;
use crate::quorum::responses::{Answers, Gather};
use crate::time::clock::Moment;
use crate::time::validity;

/// What is left of a lease that ends.
pub(super) struct Remains {
    /// The nodes that may have keys of it.
    nodes: Vec<usize>,
    /// When the keys are gone from every node at the latest.
    until: Moment,
    /// Until when the keys stay, if they are not to be deleted.
    keep_until: Option<Moment>,
}

impl ActiveLease {
    /// What is left of the lease if it ends like this now.
    pub(super) fn remains(&self, state: &State, end: End) -> Remains {
        let hold = self.hold_at_least.filter(|_| end.keeps());
        let keep_until = hold
            .and_then(|hold| self.asked.checked_add(hold))
            .filter(|keep_until| *keep_until > Moment::now());
        let kept = |hold| validity::gone_by(self.asked, hold, self.engine.config().drift_factor);
        Remains {
            nodes: state.held_at(self.keys.as_one().is_none()),
            until: hold.map_or(state.until, |hold| state.until.max(kept(hold))),
            keep_until,
        }
    }

    /// Queues a release at each node that may have keys of the lease, and waits for nothing.
    pub(super) fn send_releases(&self, remains: &Remains) {
        for node in &remains.nodes {
            self.send_release(*node, remains, Reply::ignored());
        }
    }

    /// Releases the lease and waits for a quorum to confirm it, at most for the node timeout.
    ///
    /// Cancel safe: the releases are queued by the first poll.
    pub(crate) async fn release_and_wait(&self) -> Result<Released, ReleaseError> {
        let was_held = self.is_held();
        let mut asked = None;
        let mut send = |remains: &Remains| {
            let report = Report::of(&self.engine, remains, was_held);
            for node in &remains.nodes {
                self.send_release(*node, remains, report.gather.reply(*node));
            }
            asked = Some(report);
        };
        if !self.end_with(End::Released, &mut send) {
            // It was lost and has sent its releases before; these are for the report.
            let remains = {
                let state = self.lock();
                match state.phase {
                    Phase::Ended(end) => self.remains(&state, end),
                    _ => self.remains(&state, End::Released),
                }
            };
            send(&remains);
        }
        let Some(report) = asked else {
            unreachable!("what remains is always sent, here or there");
        };
        report
            .confirmed(&self.engine, self.node_timeout())
            .await
            .map_err(ReleaseError::new)
    }

    fn send_release(&self, node: usize, remains: &Remains, reply: Reply<Removal>) {
        let (keys, id, until) = (self.keys.clone(), self.id.clone(), remains.until);
        self.engine.submit(
            node,
            Command::Release(Release {
                keys,
                id,
                until,
                keep_until: remains.keep_until,
                reply,
            }),
        );
    }
}

/// Releases a lease of which only the id is known, on all nodes.
pub(crate) async fn release_by_id(
    engine: &Engine,
    keys: &Keys,
    id: &LeaseId,
    until: Moment,
    timeout: Duration,
) -> Result<Released, Released> {
    let gather = engine.ask(|reply| {
        let (keys, id) = (keys.clone(), id.clone());
        Command::Release(Release {
            keys,
            id,
            until,
            keep_until: None,
            reply,
        })
    });
    let asked = (0..engine.quorum().nodes()).collect();
    let report = Report {
        gather,
        asked,
        was_held: None,
        is_kept: false,
    };
    report.confirmed(engine, timeout).await
}

/// A release whose answers are awaited.
struct Report {
    gather: Arc<Gather<Removal>>,
    asked: Vec<usize>,
    /// As far as known here; otherwise a node that had the key tells.
    was_held: Option<bool>,
    /// Whether the keys stay.
    is_kept: bool,
}

impl Report {
    /// Expects the answers of the nodes that are asked. The others count as confirmed.
    fn of(engine: &Engine, remains: &Remains, was_held: bool) -> Self {
        let quorum = engine.quorum();
        let not_asked = quorum.nodes() - remains.nodes.len();
        let least = quorum.least().saturating_sub(not_asked);
        Self {
            gather: Gather::of_at_least(least, quorum.nodes()),
            asked: remains.nodes.clone(),
            was_held: Some(was_held),
            is_kept: remains.keep_until.is_some(),
        }
    }

    /// Waits until a quorum has confirmed, or cannot any more.
    async fn confirmed(self, engine: &Engine, timeout: Duration) -> Result<Released, Released> {
        let quorum = engine.quorum();
        let not_asked = quorum.nodes() - self.asked.len();
        let verdict = |answers: &Answers<Removal>| {
            let failed = answers
                .iter()
                .flatten()
                .filter(|answer| answer.is_err())
                .count();
            let confirmed = answers.iter().flatten().count() - failed;
            quorum.verdict(confirmed + not_asked, failed)
        };
        let answers = self
            .gather
            .until(timeout, |answers| verdict(answers) != Verdict::Open)
            .await;
        let verdict = verdict(&answers);
        let report = self.report(engine, answers);
        if verdict == Verdict::Reached {
            Ok(report)
        } else {
            Err(report)
        }
    }

    fn report(&self, engine: &Engine, answers: Answers<Removal>) -> Released {
        let is_deleted = |answer: &Option<_>| *answer == Some(Ok(Removal::Deleted));
        let was_held = self
            .was_held
            .unwrap_or_else(|| answers.iter().any(is_deleted));
        let nodes = answers.into_iter().enumerate().map(|(node, answer)| {
            let outcome = match answer {
                Some(Ok(Removal::Deleted)) if self.is_kept => ReleaseOutcome::Kept,
                Some(Ok(Removal::Deleted)) => ReleaseOutcome::Deleted,
                Some(Ok(Removal::Absent)) => ReleaseOutcome::Absent,
                Some(Err(error)) => ReleaseOutcome::Failed(error),
                None if self.asked.contains(&node) => ReleaseOutcome::Pending,
                None => ReleaseOutcome::NotAsked,
            };
            NodeRelease::new(Arc::clone(&engine.names()[node]), outcome)
        });
        Released::new(was_held, nodes.collect())
    }
}
