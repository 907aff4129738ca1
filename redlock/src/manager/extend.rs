//! Extension of a lease by its id.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::deployment::Standing;
use crate::error::{
    ExtendError, InvalidRequest, LockError, LockLost, LossReason, NodeError, NodeErrorKind,
    NodeFailure,
};
use crate::guard::detached::Lease;
use crate::lease_id::LeaseId;
use crate::manager::Redlock;
use crate::node::{Command, Extend, ExtendTerms, Extension, Keys};
use crate::quorum::responses::{self, NodeResults};
use crate::quorum::{self, Quorum, Verdict};
use crate::resource::{Resource, Resources};
use crate::time::clock::Moment;
use crate::time::validity;

impl Redlock {
    /// Extends a live lease by its id to `ttl` from now, unless it already lasts longer. Returns its
    /// validity: the time for which a quorum of nodes keeps it, less the allowance for drift.
    ///
    /// The lease may have been acquired by another process, or by another library that stores its
    /// locks in the same way. It keeps its id; to take it over for good, [`adopt`](Self::adopt) it. A guard that holds it elsewhere does not notice, and
    /// its next extension changes nothing or lengthens it again.
    ///
    /// A key that is gone is not set again. A lease that has lost nodes is kept by the others.
    ///
    /// # Errors
    ///
    /// - [`ExtendError::Lost`]: so many nodes do not have the lease any more that it has no quorum.
    /// - [`ExtendError::NoQuorum`]: too few nodes confirmed within the node timeout. The lease may
    ///   have been extended on the others.
    /// - [`ExtendError::Closed`]: the manager was shut down.
    /// - [`ExtendError::Invalid`]: the ttl is out of bounds, the id is empty, the resource is invalid,
    ///   or there is no Tokio runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancelling leaves it open which nodes have extended the lease.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let lease = redlock.lock("upload").await?.detach();
    /// let validity = redlock.extend("upload", lease.lease_id(), Duration::from_secs(50)).await?;
    /// assert!(validity > Duration::from_secs(45));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn extend(
        &self,
        resource: impl Into<Resource>,
        id: impl Into<LeaseId>,
        ttl: Duration,
    ) -> Result<Duration, ExtendError> {
        self.extend_by_id(&resource.into().into(), &id.into(), ttl)
            .await
    }

    /// Extends a [detached](crate::LockGuard::detach) lease, with all its resources.
    ///
    /// In all other respects this is [`extend`](Self::extend).
    ///
    /// # Errors
    ///
    /// Those of [`extend`](Self::extend).
    ///
    /// # Cancel safety
    ///
    /// That of [`extend`](Self::extend).
    pub async fn extend_lease(
        &self,
        lease: &Lease,
        ttl: Duration,
    ) -> Result<Duration, ExtendError> {
        self.extend_by_id(lease.all(), lease.lease_id(), ttl).await
    }

    async fn extend_by_id(
        &self,
        resources: &Resources,
        id: &LeaseId,
        ttl: Duration,
    ) -> Result<Duration, ExtendError> {
        resources.validate()?;
        if id.as_bytes().is_empty() {
            return Err(InvalidRequest::EmptyLeaseId.into());
        }
        let config = self.config();
        config.check_ttl(ttl)?;
        let engine = self.open_engine().map_err(|error| match error {
            LockError::Invalid(error) => ExtendError::Invalid(error),
            _ => ExtendError::Closed,
        })?;
        let keys: Keys = resources.keys(&config.key_prefix).into();
        let retention = config.fencing.then(|| config.fence_retention());
        // Before anything is sent, so that no node's expiry can be earlier than assumed.
        let sent = Moment::now();
        let terms = ExtendTerms::new(keys.clone(), id.clone(), ttl).fence_retention(retention);
        let terms = Arc::new(terms);
        let responses = engine.broadcast(|responder| {
            Command::Extend(Extend::with_terms(Arc::clone(&terms), responder))
        });
        let quorum = Quorum::of(self.node_set().nodes.len());
        let end = sent.saturating_add(engine.node_timeout(ttl));
        // Another name of a server, or a node of another deployment, has no say.
        let count = |results: &NodeResults<_>, extension| {
            let standings = engine.deployment().standings();
            let is_counted = |(result, standing): &(&Option<_>, &Standing)| {
                matches!(result, Some(Ok(it)) if *it == extension) && !standing.is_misplaced()
            };
            results.iter().zip(&standings).filter(is_counted).count()
        };
        // Definite responses alone decide: a node that failed may have extended the lease.
        let verdict = |results: &NodeResults<_>| {
            let against = count(results, Extension::NotHeld);
            quorum.verdict(count(results, Extension::Confirmed), against)
        };
        let is_decided = |results: &NodeResults<_>| verdict(results) != Verdict::Open;
        let results = responses.until(engine.deadlines(), end, is_decided).await;
        let failures = || responses::failures(&results, &self.node_set().names);
        match verdict(&results) {
            Verdict::Reached => {
                let expiry = validity::expiry(sent, ttl, config.drift_factor);
                Ok(validity::remaining(expiry, Moment::now()))
            }
            Verdict::Impossible => {
                let causes = against(&results, &self.node_set().names);
                let lost = LockLost::new(resources.clone(), LossReason::Gone, causes);
                Err(ExtendError::Lost(lost))
            }
            Verdict::Open => Err(ExtendError::NoQuorum {
                confirmed: quorum::nodes(count(&results, Extension::Confirmed)),
                needed: quorum::nodes(quorum.needed()),
                nodes: quorum::nodes(quorum.nodes()),
                failures: failures(),
            }),
        }
    }
}

/// The nodes that have refused. The decision did not wait for those that have not responded.
fn against(results: &NodeResults<Extension>, names: &[Arc<str>]) -> Arc<[NodeFailure]> {
    let refusals = results.iter().zip(names).filter_map(|(result, name)| {
        let error = match result.as_ref()? {
            Ok(Extension::NotHeld) => NodeError::new(NodeErrorKind::NotHeld, ""),
            Ok(_) => return None,
            Err(error) => error.clone(),
        };
        Some(NodeFailure::new(Arc::clone(name), error))
    });
    refusals.collect()
}
