//! What leaves for a server together.

use std::collections::VecDeque;
use std::slice::Chunks;
use std::sync::Arc;

use deadpool_redis::redis::{Pipeline, Value};

use super::answer::Settled;
use super::counters::Counters;
use super::wire::{self, Item};
use crate::error::{NodeError, NodeErrorKind};
use crate::node::Identity;

/// Commands that leave together, and their order of going.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Releases that share scripts. They go first, ahead of commands for other keys: whoever is
    /// next in line for a key finds it free.
    releases: Vec<Item>,
    /// Everything else, in order, with the number of answers that the server gives to each.
    items: Vec<(Item, usize)>,
}

impl Batch {
    /// Takes commands out of `pending`, as many as make a batch, and encodes them. Returns the
    /// number of answers to expect.
    pub(super) fn load(
        pending: &mut VecDeque<Item>,
        counters: &mut Counters,
    ) -> (Self, Pipeline, usize) {
        let most = pending.len().min(MAX_BATCH);
        let first = pending.iter().take(most);
        let releases = first.filter(|it| it.as_release().is_some()).count();
        // Most batches are a command or two: room for more would be most of what they take.
        let mut batch = Self {
            releases: Vec::with_capacity(releases),
            items: Vec::with_capacity(most - releases),
        };
        let mut keys = Sketch::default();
        for item in pending.drain(..most) {
            if !item.is_wanted() {
                let error = NodeError::unsent(NodeErrorKind::Closed, "no longer wanted");
                item.command.fail(error);
            } else if item.as_release().is_some_and(|it| {
                !keys.may_have(it.keys.as_slice()) || !batch.touches(it.keys.as_slice())
            }) {
                batch.releases.push(item);
            } else {
                keys.add(item.keys());
                batch.items.push((item, 1));
            }
        }
        let mut pipeline = Pipeline::with_capacity(2 * most);
        let mut count = 0;
        for chunk in batch.shared() {
            let releases = chunk.iter().filter_map(Item::as_release);
            pipeline.add_command(wire::releases(releases));
            count += 1;
        }
        for (item, answers) in &mut batch.items {
            *answers = item.encode(&mut pipeline, counters);
            count += *answers;
        }
        (batch, pipeline, count)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.releases.is_empty() && self.items.is_empty()
    }

    /// Gives the answers to whoever asked, and tells what is left to do for each.
    pub(super) fn settle(
        self,
        answers: Vec<Value>,
        identity: &Identity,
        mut then: impl FnMut(Settled),
    ) {
        let mut answers = answers.into_iter();
        let mut releases = self.releases.into_iter();
        while releases.len() > 0 {
            let chunk = releases.by_ref().take(SHARED);
            let answer = answers.next().unwrap_or(Value::Nil);
            Item::settle_releases(chunk, answer, &mut then);
        }
        for (item, count) in self.items {
            let mut own = answers.by_ref().take(count);
            then(item.settle(&mut own, identity));
            own.for_each(drop);
        }
    }

    /// The commands, in the order in which they were carried out.
    pub(super) fn into_items(self) -> impl DoubleEndedIterator<Item = Item> {
        let items = self.items.into_iter().map(|(item, _)| item);
        self.releases.into_iter().chain(items)
    }

    /// Whether a command that goes in order is about one of `keys`.
    fn touches(&self, keys: &[Arc<[u8]>]) -> bool {
        let mut others = self.items.iter().flat_map(|(item, _)| item.keys());
        others.any(|other| keys.contains(other))
    }

    /// The releases, script by script.
    fn shared(&self) -> Chunks<'_, Item> {
        self.releases.chunks(SHARED)
    }
}

/// Which keys there are, roughly: `false` is certain (Bloom, 1970, with one hash).
#[derive(Default)]
struct Sketch([u64; 16]);

impl Sketch {
    fn add(&mut self, keys: &[Arc<[u8]>]) {
        for key in keys {
            let (word, bit) = Self::place(key);
            self.0[word] |= bit;
        }
    }

    fn may_have(&self, keys: &[Arc<[u8]>]) -> bool {
        keys.iter().any(|key| {
            let (word, bit) = Self::place(key);
            self.0[word] & bit != 0
        })
    }

    /// By the end of the key, in which keys differ most.
    fn place(key: &[u8]) -> (usize, u64) {
        let end = key.iter().rev().take(8);
        let end = end.fold(key.len() as u64, |end, byte| end << 8 ^ u64::from(*byte));
        let spread = end.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
        ((spread >> 6) as usize, 1 << (spread & 63))
    }
}

/// Commands that leave as one batch: about a millisecond of a server's time.
pub(super) const MAX_BATCH: usize = 256;

/// Releases that share a script, which a server carries out in one go: a tenth of a millisecond.
const SHARED: usize = 64;
