//! Requests that are sent together, and their order.
//!
//! # Order within a batch
//!
//! A batch has four parts: leading releases, the other requests in their order, extensions, and
//! trailing releases. A simple release deletes a single key and lists no contender. It leads, unless an
//! earlier request in the batch has the same key: then it trails. Without a native command for
//! releases, those of one part share a script.
//!
//! ```text
//! queued     acquire a,b,c │ release b │ release d │ acquire d
//!
//! leading    release d         the next acquire of d finds it free
//! ordered    acquire a,b,c
//!            acquire d
//! trailing   release b         stays behind the acquire of b, which it undoes
//! ```
//!
//! A simple extension has a single key. It moves behind the ordered requests, where those with the
//! same retention of counters share a script. The keys of extensions with a watch are tracked behind
//! them, because an extension is a change itself. One call tracks them all.
//!
//! ```text
//! queued     acquire a │ extend b │ acquire c │ extend a │ release b
//!
//! ordered    acquire a │ acquire c
//! extensions extend b + extend a, in one script
//! trailing   release b         stays behind the extension, which would otherwise not find the key
//! ```
//!
//! A request behind a trailing release of its key, or an ordered one behind an extension of its key,
//! ends the batch, so it cannot overtake them. So does a request for the identity of the node behind
//! an extension: a lease whose keys are missing looks at what was found out before.
//!
//! ```text
//! queued     acquire a │ release a │ acquire b │ release b │ acquire a │ release c
//!
//! batch 1    acquire a │ acquire b │ release a + release b, in one script
//! batch 2    release c │ acquire a
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::Command;
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::redis::protocol::counter_ttl::CounterTtls;
use crate::node::redis::protocol::dialect::Dialect;
use crate::node::redis::protocol::encode_waiting;
use crate::node::redis::protocol::invalidation::Invalidations;
use crate::node::redis::protocol::key_filter::KeyFilter;
use crate::node::redis::protocol::push_probe;
use crate::node::redis::protocol::request::Request;
use crate::node::redis::protocol::waiting::{Hinting, WaitingForm};
use crate::node::watch::Watch;

/// Requests that are sent together, in the order in which the server carries them out.
///
/// One that is settled is empty, and can be filled again: it keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Simple releases that precede requests for other keys, so that the next holder finds its key
    /// free.
    pub(super) leading: Vec<Request>,
    /// All other requests, in order.
    pub(super) ordered: Vec<OrderedRequest>,
    /// Simple extensions.
    pub(super) extensions: Vec<Request>,
    /// The number of extensions in each of their calls.
    pub(super) extension_calls: Vec<usize>,
    /// Simple releases of keys that an earlier request has.
    pub(super) trailing: Vec<Request>,
    /// The number of simple releases that share a call.
    pub(super) releases_per_call: usize,
    /// The number of responses to such a call.
    pub(super) responses_per_call: usize,
    /// The watches of extensions, in their order.
    pub(super) watches: Vec<Watch>,
    /// Their groups, the keys of which are tracked by one call.
    pub(super) watched: Vec<WatchGroup>,
    /// Whether the batch only finds out how waiters are hinted, and whether it subscribes.
    pub(crate) waiting_probe: Option<bool>,
}

/// Extensions whose keys are tracked by one call.
#[derive(Debug, Default)]
pub(super) struct WatchGroup {
    /// The number of their watches.
    pub(super) watches: usize,
    /// The number of their keys.
    pub(super) keys: usize,
    /// The number of responses to the call.
    pub(super) responses: usize,
}

/// A request with the number of its responses.
#[derive(Debug)]
pub(super) struct OrderedRequest {
    pub(super) request: Request,
    /// The number of responses that precede its own, to the commands that track its keys.
    pub(super) tracking_responses: usize,
    /// The number of responses to the request itself.
    pub(super) responses: usize,
}

impl Batch {
    /// Fills this empty batch from `pending`, and adds its commands to `calls`.
    ///
    /// The requests have the forms of the server's `dialect`. With `invalidations`, the server
    /// tracks the keys of requests that have a watch.
    pub(crate) fn fill(
        &mut self,
        pending: &mut VecDeque<Request>,
        counter_ttls: &mut CounterTtls,
        dialect: Dialect,
        invalidations: Option<&Invalidations>,
        calls: &mut Calls,
    ) {
        (self.releases_per_call, self.responses_per_call) = match dialect.delete {
            None => (MAX_RELEASES_PER_SCRIPT, 1),
            Some(_) if dialect.waiting.hinting == Hinting::Off => (1, 1),
            Some(_) => (1, 2),
        };
        self.collect(pending, dialect.delete);
        counter_ttls.begin_batch();
        self.encode_releases(&self.leading, calls, counter_ttls, dialect);
        for ordered in &mut self.ordered {
            let request = &ordered.request;
            let watch = request.watch().filter(|_| !request.is_extension());
            if let (Some(invalidations), Some(watch)) = (invalidations, watch) {
                invalidations.register(request.keys(), watch);
                ordered.tracking_responses = match &request.command {
                    Command::Look(it) => encode_waiting::track_look(it.keys.as_slice(), calls),
                    _ => encode_waiting::track(request.keys().iter(), calls),
                };
            }
            if let (Some(invalidations), Command::Identify(it)) =
                (invalidations, &mut ordered.request.command)
                && it.watch.is_some()
            {
                let responses = push_probe::encode_probe(it, invalidations, calls);
                ordered.tracking_responses += responses;
            }
            let request = &ordered.request;
            ordered.responses = request.encode(calls, counter_ttls, dialect);
        }
        if !self.extensions.is_empty() {
            self.encode_extensions(calls, counter_ttls, dialect);
        }
        if let Some(invalidations) = invalidations {
            self.encode_watches(invalidations, calls);
        }
        self.encode_releases(&self.trailing, calls, counter_ttls, dialect);
    }

    /// Returns a batch that only finds out how waiters are hinted, and adds its commands to `calls`.
    pub(crate) fn probe_waiting(form: &WaitingForm, subscribes: bool, calls: &mut Calls) -> Self {
        form.encode_probe(subscribes, calls);
        Self {
            waiting_probe: Some(subscribes),
            ..Self::default()
        }
    }

    /// Takes requests from `pending` until the batch is full, and places each in its part.
    fn collect(&mut self, pending: &mut VecDeque<Request>, delete: Option<CompareDelete>) {
        // A filter for the keys of ordered requests. A conflict takes two requests.
        let mut ordered_keys = (pending.len() > 1).then(KeyFilter::default);
        let mut cost = 0;
        // Each request is moved once, to its part.
        while let Some(request) = pending.front_mut() {
            if !request.is_wanted() {
                let error = NodeError::unsent(NodeErrorKind::Closed, "no longer wanted");
                pending
                    .pop_front()
                    .into_iter()
                    .for_each(|it| it.fail(&error));
                continue;
            }
            let is_simple_release = request.optimize_simple_release(delete);
            let is_simple_extension = request.as_simple_extension().is_some();
            let keys = request.keys();
            let may_conflict = match &mut ordered_keys {
                Some(ordered_keys) if is_simple_release => ordered_keys.may_contain(keys),
                // A request that is not taken ends the batch, and the use of the filter.
                Some(ordered_keys) => ordered_keys.add(keys),
                None => false,
            };
            cost += request.cost();
            // A request that is too expensive for any batch is sent alone.
            let is_full = cost > MAX_COST && !self.is_empty();
            let would_overtake = || {
                may_conflict && self.has_trailing_release_of(keys)
                    || !is_simple_extension && self.has_extension_before(request, may_conflict)
            };
            let may_overtake = !(self.trailing.is_empty() && self.extensions.is_empty());
            if is_full || may_overtake && !is_simple_release && would_overtake() {
                break;
            }
            let trails = is_simple_release && may_conflict && self.has_ordered_request_of(keys);
            let Some(request) = pending.pop_front() else {
                break;
            };
            match (is_simple_release, is_simple_extension) {
                (true, _) if trails => self.trailing.push(request),
                (true, _) => self.leading.push(request),
                (_, true) => self.extensions.push(request),
                _ => self.ordered.push(OrderedRequest {
                    request,
                    tracking_responses: 0,
                    responses: 0,
                }),
            }
        }
    }

    /// Whether the batch has not much memory, so that it may be kept for the next requests.
    pub(crate) fn is_small(&self) -> bool {
        let parts = [&self.leading, &self.extensions, &self.trailing];
        let most = parts.iter().map(|it| it.capacity()).max();
        let others = [self.ordered.capacity(), self.watches.capacity()];
        most.max(others.into_iter().max()) <= Some(MAX_DRAINED)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of requests.
    pub(crate) fn len(&self) -> usize {
        self.leading.len() + self.ordered.len() + self.extensions.len() + self.trailing.len()
    }

    /// Returns the requests in any order.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Request> {
        let ordered = self.ordered.iter().map(|ordered| &ordered.request);
        let moved = self.extensions.iter().chain(&self.trailing);
        self.leading.iter().chain(ordered).chain(moved)
    }

    /// Returns the requests in the order in which the server carries them out.
    pub(crate) fn into_requests(self) -> impl DoubleEndedIterator<Item = Request> {
        let ordered = self.ordered.into_iter().map(|ordered| ordered.request);
        let moved = self.extensions.into_iter().chain(self.trailing);
        self.leading.into_iter().chain(ordered).chain(moved)
    }

    /// Returns the requests to send in place of this batch, which most likely was not sent. An acquire
    /// that was carried out must be undone first, or it would find its own key.
    pub(crate) fn restarted(self) -> VecDeque<Request> {
        let mut requests = VecDeque::new();
        for request in self.into_requests() {
            requests.extend(request.compensating_release());
            requests.push_back(request.restarted());
        }
        requests
    }

    /// Whether a simple extension must not be overtaken by an ordered request.
    fn has_extension_before(&self, request: &Request, may_conflict: bool) -> bool {
        if let Command::Identify(_) = &request.command {
            return !self.extensions.is_empty();
        }
        let mut others = self.extensions.iter().flat_map(Request::keys);
        may_conflict && others.any(|other| request.keys().contains(other))
    }

    /// Whether an ordered request or an extension has one of `keys`.
    fn has_ordered_request_of(&self, keys: &[Arc<[u8]>]) -> bool {
        let ordered = self.ordered.iter().flat_map(|it| it.request.keys());
        let mut others = ordered.chain(self.extensions.iter().flat_map(Request::keys));
        others.any(|other| keys.contains(other))
    }

    /// Whether a trailing release has one of `keys`.
    fn has_trailing_release_of(&self, keys: &[Arc<[u8]>]) -> bool {
        let mut others = self.trailing.iter().flat_map(Request::keys);
        others.any(|other| keys.contains(other))
    }
}

/// The maximum cost of a batch, in the units of [`Request::cost`]: about a millisecond of a
/// server's time.
///
/// No command should wait longer behind the commands of others. Only a single command can exceed
/// it: one with hundreds of keys, which has to be carried out as a whole.
const MAX_COST: usize = 512;

/// The maximum number of releases in one script, which takes a server about a tenth of a
/// millisecond.
const MAX_RELEASES_PER_SCRIPT: usize = 64;

/// The maximum number of commands that are drained from the queue at once. More rarely fit in a
/// batch.
pub(crate) const MAX_DRAINED: usize = 256;

#[cfg(test)]
mod tests;
