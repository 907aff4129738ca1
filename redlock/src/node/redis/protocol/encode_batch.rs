//! The calls that requests of a batch share.

use std::time::Duration;

use crate::node::redis::protocol::batch::{Batch, WatchGroup};
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::protocol::counter_ttl::CounterTtls;
use crate::node::redis::protocol::dialect::Dialect;
use crate::node::redis::protocol::invalidation::Invalidations;
use crate::node::redis::protocol::request::Request;
use crate::node::redis::protocol::{encode_shared, encode_waiting};

impl Batch {
    /// Encodes releases, which share calls.
    pub(super) fn encode_releases(
        &self,
        releases: &[Request],
        calls: &mut Calls,
        counter_ttls: &mut CounterTtls,
        dialect: Dialect,
    ) {
        for shared in releases.chunks(self.releases_per_call) {
            if let [request] = shared {
                request.encode(calls, counter_ttls, dialect);
                continue;
            }
            let releases = shared.iter().filter_map(|it| it.command.as_release());
            let by_text = dialect.scripts.by_text(false);
            calls.add(|call| {
                encode_shared::shared_release(call, releases, dialect.waiting, by_text);
            });
        }
    }

    /// Encodes simple extensions, which share calls.
    pub(super) fn encode_extensions(
        &mut self,
        calls: &mut Calls,
        counter_ttls: &mut CounterTtls,
        dialect: Dialect,
    ) {
        let by_text = dialect.scripts.by_text(false);
        let most = if dialect.is_clustered {
            1
        } else {
            MAX_EXTENSIONS_PER_SCRIPT
        };
        let alike = self
            .extensions
            .chunk_by(|one, next| shared_terms(one, dialect) == shared_terms(next, dialect));
        for shared in alike.flat_map(|alike| alike.chunks(most)) {
            self.extension_calls.push(shared.len());
            if let [request] = shared {
                request.encode(calls, counter_ttls, dialect);
                continue;
            }
            let label = shared_terms(&shared[0], dialect).and_then(|(_, label)| label);
            let extensions = shared.iter().filter_map(Request::as_simple_extension);
            calls.add(|call| encode_shared::shared_extension(call, extensions, label, by_text));
        }
    }

    /// Requests invalidations for the keys of extensions with a watch.
    pub(super) fn encode_watches(&mut self, invalidations: &Invalidations, calls: &mut Calls) {
        let ordered = self.ordered.iter().map(|ordered| &ordered.request);
        let mut extensions = ordered
            .chain(&self.extensions)
            .filter_map(Request::as_watched_extension);
        loop {
            let group = extensions.clone().take(invalidations.group_size());
            let before = self.watches.len();
            self.watches
                .extend(group.clone().map(|(_, watch)| watch.clone()));
            let watches = self.watches.len() - before;
            let Some(last) = watches.checked_sub(1) else {
                return;
            };
            invalidations.register_holders(group.clone());
            let keys = group.flat_map(|(keys, _)| keys.iter());
            let responses = encode_waiting::track(keys.clone(), calls);
            self.watched.push(WatchGroup {
                watches,
                keys: keys.count(),
                responses,
            });
            extensions.nth(last);
        }
    }
}

/// Returns what extensions that share a call have in common: the retention of the counters and the label.
fn shared_terms(request: &Request, dialect: Dialect) -> Option<(Option<Duration>, Option<&str>)> {
    let it = request.as_simple_extension()?;
    Some((it.fence_retention, dialect.label_of(it)))
}

/// The maximum number of extensions in one script, which takes a server about as long.
const MAX_EXTENSIONS_PER_SCRIPT: usize = 64;
