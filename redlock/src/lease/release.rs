//! The release of a lease.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::{NodeRelease, ReleaseError, ReleaseOutcome, ReleaseOutcomes, Released};
use crate::lease::ActiveLease;
use crate::lease::state::{End, Phase, ReleasePlan, State};
use crate::lease_id::LeaseId;
use crate::node::{
    Command, Keys, NodeResult, Release, ReleaseTerms, Removal, Responder, ResponseSink,
};
use crate::quorum::Verdict;
use crate::quorum::per_node::Selection;
use crate::quorum::responses::{NodeResults, Responses};
use crate::time::clock::Moment;
use crate::time::validity;

impl ActiveLease {
    /// Plans the releases that are due if the lease ends this way now.
    pub(super) fn release_plan(&self, state: &State, end: End) -> ReleasePlan {
        let hold = self.hold_at_least().filter(|_| end.keeps());
        let keep_until = hold
            .and_then(|hold| self.sent_at.checked_add(hold))
            .filter(|keep_until| *keep_until > Moment::now());
        let kept = |hold| validity::gone_by(self.sent_at, hold, self.engine.config().drift_factor);
        let gone_by = hold.map_or(state.gone_by, |hold| state.gone_by.max(kept(hold)));
        let return_to = match end {
            End::Abandoned => state.adopted_from().cloned(),
            _ => None,
        };
        let terms = ReleaseTerms::new(self.keys.clone(), self.id.clone(), gone_by)
            .keep_until(keep_until)
            .return_to(return_to);
        let nodes = match end {
            End::Detached => state.unsettled(),
            _ => state.holds.may_hold(),
        };
        ReleasePlan {
            repeating: ReleasePlan::repeating(&nodes, &self.id),
            nodes,
            terms: Arc::new(terms),
            requeues: end == End::Abandoned,
        }
    }

    /// Queues a release at each node that may hold a key of the lease. Never blocks.
    pub(super) fn send_releases(&self, plan: &ReleasePlan) {
        let release = |node| Some(self.release_at(node, plan, Responder::ignored()));
        self.engine.submit_each(plan.nodes.iter(), release);
    }

    /// Releases the lease and waits for the confirmation of a quorum, at most for the node timeout.
    ///
    /// Cancel safe: the releases are queued by the first poll.
    pub(crate) async fn release_and_wait(&self) -> Result<Released, ReleaseError> {
        let now = Moment::now();
        let was_held = !self.remaining_at(now).is_zero();
        let mut report = None;
        let mut send = |plan: &ReleasePlan| {
            let sent = Arc::new(Report::of(&self.engine, plan));
            let release = |node| {
                let responder = Responder::new(Arc::<Report>::clone(&sent), node);
                Some(self.release_at(node, plan, responder))
            };
            self.engine.submit_each(plan.nodes.iter(), release);
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
        let confirmed = report.confirmed(&self.engine, Some(was_held), end).await;
        confirmed.map_err(ReleaseError::new)
    }

    /// Returns the release for a node.
    pub(super) fn release_at(
        &self,
        node: usize,
        plan: &ReleasePlan,
        responder: Responder<Removal>,
    ) -> Command {
        let mut release = Release::with_terms(Arc::clone(&plan.terms), responder);
        release.repeats_hint = plan.repeats_hint(node);
        if plan.requeues {
            release.requeue = self.requeued(node).map(Box::new);
        }
        Command::Release(release)
    }
}

/// The release of a lease by its id.
pub(crate) struct ReleaseById(Arc<Report>);

impl ReleaseById {
    /// Queues the releases at these nodes. Never blocks.
    pub(crate) fn send(
        engine: &Engine,
        nodes: Selection,
        keys: &Keys,
        id: &LeaseId,
        gone_by: Moment,
    ) -> Self {
        let terms = Arc::new(ReleaseTerms::new(keys.clone(), id.clone(), gone_by));
        let report = Arc::new(Report {
            responses: Responses::collector(0, engine.quorum().nodes()),
            nodes,
            is_kept: false,
            names: Arc::clone(engine.names()),
        });
        engine.submit_each(report.nodes.iter(), |node| {
            let responder = Responder::new(Arc::<Report>::clone(&report), node);
            let release = Release::with_terms(Arc::clone(&terms), responder);
            Some(Command::Release(release))
        });
        Self(report)
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
        let end = Moment::now().saturating_add(timeout);
        let was_held = was_held.then_some(true);
        self.0.confirmed(engine, was_held, end).await
    }

    /// Waits for the confirmation of all nodes that the release was sent to, at most until `end`.
    pub(crate) async fn all(self, engine: &Engine, end: Moment) -> Released {
        let report = self.0;
        let nodes = report.nodes.len();
        let are_all = |results: &NodeResults<_>| results.iter().flatten().count() >= nodes;
        let waiting = report.responses.wait(engine.deadlines(), end, are_all);
        waiting.await;
        let was_held = report.responses.finish(any_deleted);
        Released::new(was_held, report)
    }
}

/// A release that waits for its responses.
struct Report {
    responses: Responses<Removal>,
    nodes: Selection,
    /// Whether the keys stay until `hold_at_least` is over.
    is_kept: bool,
    names: Arc<[Arc<str>]>,
}

impl Report {
    /// Expects responses from the nodes of the plan. All others count as confirmed.
    fn of(engine: &Engine, plan: &ReleasePlan) -> Self {
        let quorum = engine.quorum();
        let not_contacted = quorum.nodes() - plan.nodes.len();
        let least = quorum.least().saturating_sub(not_contacted);
        Self {
            responses: Responses::collector(least, quorum.nodes()),
            nodes: plan.nodes.clone(),
            is_kept: plan.terms.keep_until.is_some(),
            names: Arc::clone(engine.names()),
        }
    }

    /// Waits until a quorum has confirmed, or no longer can.
    ///
    /// `was_held`: whether the lease was held, if that is known here. Otherwise a node that deleted
    /// the key shows that it was.
    async fn confirmed(
        self: Arc<Self>,
        engine: &Engine,
        was_held: Option<bool>,
        end: Moment,
    ) -> Result<Released, Released> {
        let quorum = engine.quorum();
        let not_contacted = quorum.nodes() - self.nodes.len();
        let verdict = |results: &NodeResults<Removal>| {
            let responded = results.iter().flatten().count();
            let is_error = |result: &&NodeResult<Removal>| result.is_err();
            let failed = results.iter().flatten().filter(is_error).count();
            quorum.verdict(responded - failed + not_contacted, failed)
        };
        let is_decided = |results: &NodeResults<Removal>| verdict(results) != Verdict::Open;
        let waiting = self.responses.wait(engine.deadlines(), end, is_decided);
        waiting.await;
        // The report is about this moment, whenever it is looked at.
        let (verdict, any_deleted) = self
            .responses
            .finish(|results| (verdict(results), any_deleted(results)));
        let was_held = was_held.unwrap_or(any_deleted);
        let report = Released::new(was_held, self);
        if verdict == Verdict::Reached {
            Ok(report)
        } else {
            Err(report)
        }
    }

    fn outcome(&self, node: usize, result: Option<&NodeResult<Removal>>) -> ReleaseOutcome {
        match result {
            Some(Ok(Removal::Deleted)) if self.is_kept => ReleaseOutcome::Kept,
            Some(Ok(Removal::Deleted)) => ReleaseOutcome::Deleted,
            Some(Ok(Removal::Absent)) => ReleaseOutcome::Absent,
            Some(Err(error)) => ReleaseOutcome::Failed(error.clone()),
            None if self.nodes.contains(node) => ReleaseOutcome::Pending,
            None => ReleaseOutcome::NotContacted,
        }
    }
}

fn any_deleted(results: &NodeResults<Removal>) -> bool {
    let is_deleted = |result: &Option<_>| *result == Some(Ok(Removal::Deleted));
    results.iter().any(is_deleted)
}

impl ResponseSink<Removal> for Report {
    fn on_response(&self, node: usize, response: NodeResult<Removal>) {
        self.responses.on_response(node, response);
    }
}

impl ReleaseOutcomes for Report {
    fn nodes(&self) -> Arc<[NodeRelease]> {
        self.responses.read(|results| {
            let nodes = results.iter().zip(&*self.names).enumerate();
            nodes
                .map(|(node, (result, name))| {
                    let outcome = self.outcome(node, result.as_ref());
                    NodeRelease::new(Arc::clone(name), outcome)
                })
                .collect()
        })
    }
}
