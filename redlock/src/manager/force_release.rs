//! The release of a resource by force, whatever holds it.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::error::{LossReason, Released, UnlockError};
use crate::lease::ReleaseById;
use crate::lease_id::LeaseId;
use crate::manager::Redlock;
use crate::manager::broken::{Broken, Outcomes, has, is_not_a_lock};
use crate::manager::status::{LockState, Status};
use crate::node::{Keys, Record};
use crate::quorum::per_node::Selection;
use crate::quorum::responses;
use crate::resource::Resource;
use crate::time::clock::Moment;
use crate::time::validity;

impl Redlock {
    /// Releases a resource by force, whatever holds it: a lease of any process, or the lock of another
    /// library, with or without an expiry.
    ///
    /// It is for operators. A holder that is alive does not stop: until it notices, it works beside the
    /// next one, and only the [token](crate::guide::fencing) separates them. Tokens go on increasing:
    /// the counter is left alone. Waiters are [hinted](crate::guide::waiting), as by a release.
    ///
    /// The nodes are read first. If a quorum of them has the same lease id, that lease is deleted from
    /// all nodes. If no lease has a quorum and no acquisition is possible, every lease that is still
    /// there a node timeout later is. If the resource is free, only locks without an expiry are, which a minority
    /// of nodes may have. A key that holds anything else by then is left alone, so a later acquisition
    /// never loses its lock. So is a key that is not a string.
    ///
    /// The nodes are then read again. A live holder may have [put back](crate::guide::guarantees) a key
    /// that was deleted just before: that is deleted too. After an `Ok`, the former holder has no quorum
    /// any more. A holder that reaches nodes which do not respond here could regain one only by a command
    /// that was on its way for longer than a node timeout.
    ///
    /// A guard of this manager is [lost](crate::LockGuard::lost) at once, with the reason
    /// [`ForceReleased`](LossReason::ForceReleased) and with all its resources. A guard elsewhere is lost
    /// as [`Gone`](LossReason::Gone): when the servers push the change, or at its next extension. They
    /// push it if the holder has a [label](crate::RedlockBuilder::label), or once the lease was extended
    /// for the first time, a third of its ttl after it was acquired.
    ///
    /// # Errors
    ///
    /// - [`UnlockError::NoQuorum`]: too few nodes responded within the node timeout. The lock is deleted
    ///   on those that did, and its release stays queued for the others.
    /// - [`UnlockError::NotALock`]: the key holds something that is not a lock.
    /// - [`UnlockError::Invalid`]: the resource is invalid, or there is no Tokio runtime.
    /// - [`UnlockError::Closed`]: the manager was shut down.
    ///
    /// # Cancel safety
    ///
    /// Cancelling while the nodes are read has no effect. A release that was sent continues in the
    /// background.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let stuck = redlock.lock("report").await?;
    ///
    /// let broken = redlock.force_release("report").await?;
    /// assert!(broken.was_held());
    /// assert_eq!(broken.lease_ids(), [stuck.lease_id().clone()]);
    ///
    /// let next = redlock.try_lock("report").await?;
    /// assert!(next.token() > stuck.token());
    /// assert!(!stuck.is_held());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn force_release(
        &self,
        resource: impl Into<Resource>,
    ) -> Result<Broken, UnlockError> {
        let resource = resource.into();
        resource.validate()?;
        if self.is_closed() {
            return Err(UnlockError::Closed);
        }
        let engine = self.engine()?;
        let timeout = engine.node_timeout(self.config().ttl);
        let mut before = self.thorough_status(&engine, &resource).await;
        let mut ids = ids_to_break(&before);
        if before.state() != LockState::Held && !ids.is_empty() {
            // Rounds in progress look like this. They have won or lost within this time.
            sleep(&engine, timeout).await;
            before = self.thorough_status(&engine, &resource).await;
            let is_left = |id: &LeaseId| before.state() == LockState::Held || ids.contains(id);
            ids = ids_to_break(&before).into_iter().filter(is_left).collect();
        }
        if ids.is_empty() && before.state() == LockState::NotALock {
            let mut nodes = before.nodes().iter();
            let node = nodes.find(|node| is_not_a_lock(node));
            let node = node.map_or_else(|| "".into(), |it| Arc::clone(&it.node));
            return Err(UnlockError::NotALock { resource, node });
        }
        let mut outcomes = Outcomes::of(&before);
        let sent = self.break_leases(&engine, &resource, &ids, &before, &mut outcomes);
        sent.await;
        let confirmed = outcomes.confirmed();
        let broken = Broken::new(resource, before, ids, outcomes, engine.names());
        if broken.was_held() {
            let (resource, lease_ids) = (broken.resource(), broken.lease_ids());
            tracing::warn!(%resource, ?lease_ids, "lock released by force");
        }
        if confirmed < engine.quorum().needed() {
            let report = Released::new(broken.was_held(), Arc::new(broken));
            return Err(UnlockError::NoQuorum { report });
        }
        Ok(broken)
    }

    /// Reads the state as [`status`](Self::status) does, but waits for all nodes that respond within the
    /// node timeout.
    async fn thorough_status(&self, engine: &Engine, resource: &Resource) -> Status {
        let (responses, end) = self.inspect_nodes(engine, resource);
        let deadlines = engine.deadlines();
        let results = responses.until(deadlines, end, responses::all).await;
        let status = self.judge(engine, &results);
        if status.is_held() {
            return status;
        }
        self.identified(engine).await;
        self.judge(engine, &results)
    }

    /// Deletes the keys of these leases, again if a holder has put some back meanwhile.
    async fn break_leases(
        &self,
        engine: &Engine,
        resource: &Resource,
        ids: &[LeaseId],
        before: &Status,
        outcomes: &mut Outcomes,
    ) {
        let timeout = engine.node_timeout(self.config().ttl);
        let keys = Keys::from(resource.key(&self.config().key_prefix));
        let mut left = ids.to_vec();
        for _ in 0..ATTEMPTS {
            // All are queued before the first wait.
            let sent = left
                .iter()
                .map(|id| self.send_break(engine, &keys, id, before, timeout));
            let sent: Vec<ReleaseById> = sent.collect();
            let end = Moment::now().saturating_add(timeout);
            let mut released = Vec::new();
            for release in sent {
                released.push(release.all(engine, end).await);
            }
            outcomes.record(&released);
            left.retain(LeaseId::is_unique);
            if left.is_empty() {
                return;
            }
            let after = self.status_after(engine, resource, timeout).await;
            left.retain(|id| after.nodes().iter().any(|node| has(node, id)));
            outcomes.check(&after, &left);
            if left.is_empty() {
                return;
            }
        }
    }

    /// Queues the releases of one lease.
    fn send_break(
        &self,
        engine: &Engine,
        keys: &Keys,
        id: &LeaseId,
        before: &Status,
        timeout: Duration,
    ) -> ReleaseById {
        let (config, count) = (self.config(), engine.quorum().nodes());
        // Another library may give the same value to the next lock. Its release is sent only to the nodes
        // that have shown it, and is not kept.
        let is_unique = id.is_unique();
        let nodes = Selection::of(count, |node| is_unique || has(&before.nodes()[node], id));
        let longest = if is_unique { config.max_ttl } else { timeout };
        let gone_by = validity::gone_by(Moment::now(), longest, config.drift_factor);
        let send = || ReleaseById::send(engine, nodes, keys, id, gone_by);
        let reason = LossReason::ForceReleased;
        let (release, _was_live) = self.release_live(id, keys, reason, send);
        release
    }

    /// Reads the nodes behind the releases.
    async fn status_after(
        &self,
        engine: &Engine,
        resource: &Resource,
        timeout: Duration,
    ) -> Status {
        let status = self.thorough_status(engine, resource).await;
        if status.nodes().iter().all(|node| node.record.is_ok()) {
            return status;
        }
        // A holder that reaches the other nodes may have a quorum together with one whose key it is
        // putting back. Such a command arrives within this time.
        sleep(engine, timeout).await;
        self.thorough_status(engine, resource).await
    }
}

/// Returns the id that a quorum of nodes has. Without one, every id, but of a resource that is free only
/// those without expiry: the others may be of an acquisition that has just begun, and are in no one's way.
fn ids_to_break(before: &Status) -> Vec<LeaseId> {
    if let Some(id) = before.lease_id() {
        return vec![id.clone()];
    }
    let is_free = before.state() == LockState::Free;
    let mut ids = Vec::new();
    for node in before.nodes() {
        let Ok(Some(Record {
            id: Some(id),
            remaining,
            ..
        })) = &node.record
        else {
            continue;
        };
        let may_begin = is_free && remaining.is_some();
        if !may_begin && !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    ids
}

async fn sleep(engine: &Engine, time: Duration) {
    let end = Moment::now().saturating_add(time);
    let _over = engine.deadlines().until(end, pending::<()>()).await;
}

/// The number of times that keys are deleted. The second is needed if the holder has put back one of
/// them at the same time, which takes a quorum of nodes that still have theirs.
const ATTEMPTS: u32 = 4;
