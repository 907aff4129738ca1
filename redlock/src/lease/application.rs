//! The acquire of a lease at one node, which is sent only where the node has a vote.
//!
//! A grant counts only if the node's identity record was valid from the sending of the acquire to
//! its response: a node that loses its data in between has also lost the locks of others.

use std::sync::{Arc, Weak};

use crate::engine::deployment::{Applicant, Standing, Version};
use crate::error::{NodeError, NodeErrorKind};
use crate::lease::ActiveLease;
use crate::node::{Acquire, Command, Extension, NodeResult, Responder, ResponseSink, Vote};
use crate::waiting::wakeup::Wakeup;

/// An acquire that waits until its node is identified.
struct Application {
    lease: Weak<ActiveLease>,
    is_contended: bool,
    wakeup: Option<Arc<Wakeup>>,
}

impl ActiveLease {
    /// Sends the acquire to a node, now or once the node is identified. Fails the vote of a node
    /// that has none.
    pub(super) fn apply(
        self: &Arc<Self>,
        node: usize,
        is_contended: bool,
        wakeup: Option<&Arc<Wakeup>>,
    ) {
        let applicant = || {
            let application: Arc<dyn Applicant> = Arc::new(Application {
                lease: Arc::downgrade(self),
                is_contended,
                wakeup: wakeup.map(Arc::clone),
            });
            application
        };
        let watch = || wakeup.map(|wakeup| wakeup.watch(node));
        let standing = self.engine.deployment().apply(node, applicant, watch);
        let (version, record) = match &standing {
            Standing::Admitted(admission) => (admission.version, admission.check.clone()),
            // Its session fails the acquire with the cause, and notifies the watch later. Should it
            // connect just now, a grant does not count.
            Standing::Down => (Version::NONE, None),
            Standing::Pending => return,
            Standing::Quarantined(..) | Standing::Refused(_) => {
                if let Some(error) = standing.refusal() {
                    self.on_response(node, Err(error));
                }
                return;
            }
        };
        self.lock().versions[node] = version;
        let responder = Responder::new(Arc::<Self>::clone(self), node);
        let acquire = Acquire::new(self.keys.clone(), self.id.clone(), self.ttl, responder)
            .contended(is_contended)
            .fence(self.fence)
            .watch(watch())
            .record(record);
        self.engine.submit(node, Command::Acquire(acquire));
    }

    /// Turns a confirmation into an error if the node has no vote: one server under two names must
    /// not confirm twice.
    pub(super) fn unless_without_vote(
        &self,
        node: usize,
        result: NodeResult<Extension>,
    ) -> NodeResult<Extension> {
        if result.is_err() || self.engine.deployment().may_confirm(node) {
            return result;
        }
        Err(NodeError::new(NodeErrorKind::Misplaced, "it has no vote"))
    }

    /// Turns a grant into an error if the node may have lost its data since the acquire was sent.
    pub(super) fn unless_record_changed(
        &self,
        node: usize,
        result: NodeResult<Vote>,
    ) -> NodeResult<Vote> {
        let Ok(Vote::Granted { .. }) = result else {
            return result;
        };
        let version = self.lock().versions[node];
        if self.engine.deployment().is_current(node, version) {
            return result;
        }
        let text = "its identity record may have changed since the acquire was sent";
        Err(NodeError::new(NodeErrorKind::DataLost, text))
    }
}

impl Applicant for Application {
    fn decided(self: Arc<Self>, node: usize) {
        let lease = self.lease.upgrade();
        if let Some(lease) = lease.filter(|lease| ResponseSink::<Vote>::is_wanted(&**lease)) {
            lease.apply(node, self.is_contended, self.wakeup.as_ref());
        }
    }

    fn is_wanted(&self) -> bool {
        self.lease.strong_count() > 0
    }
}
