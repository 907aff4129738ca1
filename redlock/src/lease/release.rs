//! The release of a lease.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::{NodeRelease, ReleaseError, ReleaseOutcome, Released};
use crate::lease::ActiveLease;
use crate::lease::state::{End, Phase, ReleasePlan, State};
use crate::lease_id::LeaseId;
use crate::node::{Command, Keys, Release, ReleaseTerms, Removal, Responder};
use crate::quorum::Verdict;
use crate::quorum::responses::{NodeResults, Responses};
use crate::time::clock::Moment;
use crate::time::validity;

impl ActiveLease {
    /// Plans the releases that are due if the lease ends this way now.
    pub(super) fn release_plan(&self, state: &State, end: End) -> ReleasePlan {
        let hold = self.hold_at_least.filter(|_| end.keeps());
        let keep_until = hold
            .and_then(|hold| self.sent_at.checked_add(hold))
            .filter(|keep_until| *keep_until > Moment::now());
        let kept = |hold| validity::gone_by(self.sent_at, hold, self.engine.config().drift_factor);
        let gone_by = hold.map_or(state.gone_by, |hold| state.gone_by.max(kept(hold)));
        let return_to = state.adopted_from.clone().filter(|_| end == End::Abandoned);
        let terms = ReleaseTerms::new(self.keys.clone(), self.id.clone(), gone_by)
            .keep_until(keep_until)
            .return_to(return_to);
        ReleasePlan {
            nodes: match end {
                End::Detached => state.unsettled(),
                _ => state.holds.may_hold(),
            },
            terms: Arc::new(terms),
            requeues: end == End::Abandoned,
        }
    }

    /// Queues a release at each node that may hold a key of the lease. Never blocks.
    pub(super) fn send_releases(&self, plan: &ReleasePlan) {
        for node in &plan.nodes {
            self.send_release(*node, plan, Responder::ignored());
        }
    }

    /// Releases the lease and waits for the confirmation of a quorum, at most for the node timeout.
    ///
    /// Cancel safe: the releases are queued by the first poll.
    pub(crate) async fn release_and_wait(&self) -> Result<Released, ReleaseError> {
        let now = Moment::now();
        let was_held = !self.remaining_at(now).is_zero();
        let mut report = None;
        let mut send = |plan: &ReleasePlan| {
            let sent = Report::of(&self.engine, plan, was_held);
            for node in &plan.nodes {
                self.send_release(*node, plan, sent.responses.responder(*node));
            }
            report = Some(sent);
        };
        if !self.end_with(End::Released, &mut send) {
            // The lease was lost and has sent its releases before. These are for the report.
            let plan = {
                let state = self.lock();
                match state.phase {
                    Phase::Ended(end) => self.release_plan(&state, end),
                    _ => self.release_plan(&state, End::Released),
                }
            };
            send(&plan);
        }
        let Some(report) = report else {
            unreachable!("the plan was carried out here or there");
        };
        let end = now.saturating_add(self.node_timeout());
        report
            .confirmed(&self.engine, end)
            .await
            .map_err(ReleaseError::new)
    }

    pub(super) fn send_release(
        &self,
        node: usize,
        plan: &ReleasePlan,
        responder: Responder<Removal>,
    ) {
        let requeue = plan.requeues.then(|| self.requeued(node)).flatten();
        let release = Release::with_terms(Arc::clone(&plan.terms), responder)
            .requeue(requeue)
            .repeats_hint(plan.repeats_hint(node, &self.id));
        self.engine.submit(node, Command::Release(release));
    }
}

/// The release of a lease by its id, on all nodes.
pub(crate) struct ReleaseById(Report);

impl ReleaseById {
    /// Queues the releases. Never blocks.
    pub(crate) fn send(engine: &Engine, keys: &Keys, id: &LeaseId, gone_by: Moment) -> Self {
        let terms = Arc::new(ReleaseTerms::new(keys.clone(), id.clone(), gone_by));
        let responses = engine.broadcast(|responder| {
            Command::Release(Release::with_terms(Arc::clone(&terms), responder))
        });
        Self(Report {
            responses,
            nodes: (0..engine.quorum().nodes()).collect(),
            was_held: None,
            is_kept: false,
        })
    }

    /// Waits for the confirmation of a quorum, at most for the node timeout.
    ///
    /// `was_held`: whether a guard of this manager is known to have held the lease.
    pub(crate) async fn outcome(
        self,
        engine: &Engine,
        was_held: bool,
        timeout: Duration,
    ) -> Result<Released, Released> {
        let was_held = was_held.then_some(true);
        let report = Report { was_held, ..self.0 };
        let end = Moment::now().saturating_add(timeout);
        report.confirmed(engine, end).await
    }
}

/// A release that waits for its responses.
struct Report {
    responses: Arc<Responses<Removal>>,
    nodes: Vec<usize>,
    /// Whether the lease was held, if that is known here. Otherwise a node that deleted the key
    /// shows that it was.
    was_held: Option<bool>,
    /// Whether the keys stay until `hold_at_least` is over.
    is_kept: bool,
}

impl Report {
    /// Expects responses from the nodes of the plan. All others count as confirmed.
    fn of(engine: &Engine, plan: &ReleasePlan, was_held: bool) -> Self {
        let quorum = engine.quorum();
        let not_contacted = quorum.nodes() - plan.nodes.len();
        let least = quorum.least().saturating_sub(not_contacted);
        Self {
            responses: Responses::with_minimum(least, quorum.nodes()),
            nodes: plan.nodes.clone(),
            was_held: Some(was_held),
            is_kept: plan.terms.keep_until.is_some(),
        }
    }

    /// Waits until a quorum has confirmed, or no longer can.
    async fn confirmed(self, engine: &Engine, end: Moment) -> Result<Released, Released> {
        let quorum = engine.quorum();
        let not_contacted = quorum.nodes() - self.nodes.len();
        let verdict = |results: &NodeResults<Removal>| {
            let failed = results
                .iter()
                .flatten()
                .filter(|result| result.is_err())
                .count();
            let confirmed = results.iter().flatten().count() - failed;
            quorum.verdict(confirmed + not_contacted, failed)
        };
        let is_decided = |results: &_| verdict(results) != Verdict::Open;
        let deadlines = engine.deadlines();
        let results = self.responses.until(deadlines, end, is_decided).await;
        let verdict = verdict(&results);
        let report = self.report(engine, results);
        if verdict == Verdict::Reached {
            Ok(report)
        } else {
            Err(report)
        }
    }

    fn report(&self, engine: &Engine, results: NodeResults<Removal>) -> Released {
        let is_deleted = |result: &Option<_>| *result == Some(Ok(Removal::Deleted));
        let was_held = self
            .was_held
            .unwrap_or_else(|| results.iter().any(is_deleted));
        let nodes = results.into_iter().enumerate().map(|(node, result)| {
            let outcome = match result {
                Some(Ok(Removal::Deleted)) if self.is_kept => ReleaseOutcome::Kept,
                Some(Ok(Removal::Deleted)) => ReleaseOutcome::Deleted,
                Some(Ok(Removal::Absent)) => ReleaseOutcome::Absent,
                Some(Err(error)) => ReleaseOutcome::Failed(error),
                None if self.nodes.contains(&node) => ReleaseOutcome::Pending,
                None => ReleaseOutcome::NotContacted,
            };
            NodeRelease::new(Arc::clone(&engine.names()[node]), outcome)
        });
        Released::new(was_held, nodes.collect())
    }
}
