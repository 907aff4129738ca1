//! What leaves for a server together.

use std::collections::VecDeque;
use std::sync::Arc;

use deadpool_redis::redis::{Pipeline, Value};

use super::counters::Counters;
use super::delete::Delete;
use super::item::{Item, Settled};
use super::push::Pushes;
use super::wire;
use crate::error::{NodeError, NodeErrorKind};
use crate::node::Identity;

/// Commands that leave together, and their order of going.
#[derive(Debug)]
pub(super) struct Batch {
    /// Releases of one key each. They go first, ahead of commands for other keys: whoever is next
    /// in line for a key finds it free.
    releases: Vec<Item>,
    /// How many of them share a call.
    shared: usize,
    /// Everything else, in order.
    items: Vec<Sent>,
}

/// A command that was encoded.
#[derive(Debug)]
struct Sent {
    item: Item,
    /// How many answers come first, about remembering who has asked.
    before: usize,
    /// The number of answers that the server gives to the command.
    answers: usize,
}

impl Batch {
    /// Takes commands out of `pending`, as many as make a batch, and encodes them, releases with
    /// the server's own command for them if it has one. With `listeners`, the server can tell those
    /// who wait. Returns the number of answers to expect.
    pub(super) fn load(
        pending: &mut VecDeque<Item>,
        counters: &mut Counters,
        delete: Option<Delete>,
        listeners: Option<&Pushes>,
    ) -> (Self, Pipeline, usize) {
        // Most batches are a command or two: room for more would be most of what they take.
        let most = pending.len().min(MAX_BATCH);
        let first = pending.iter().take(most);
        let releases = first.filter(|it| it.as_release().is_some()).count();
        let mut batch = Self {
            releases: Vec::with_capacity(releases),
            shared: if delete.is_some() { 1 } else { SHARED },
            items: Vec::with_capacity(most - releases),
        };
        let (mut cost, mut keys) = (0, Sketch::default());
        while let Some(mut item) = pending.pop_front() {
            if !item.is_wanted() {
                let error = NodeError::unsent(NodeErrorKind::Closed, "no longer wanted");
                item.command.fail(error);
                continue;
            }
            let is_simple_release = item.tune_release(delete);
            cost += item.cost();
            // What is too much for any batch goes alone.
            if cost > MAX_COST && !batch.is_empty() {
                pending.push_front(item);
                break;
            }
            let goes_first =
                is_simple_release && (!keys.may_have(item.keys()) || !batch.touches(item.keys()));
            if goes_first {
                batch.releases.push(item);
            } else {
                keys.add(item.keys());
                batch.items.push(Sent {
                    item,
                    before: 0,
                    answers: 0,
                });
            }
        }
        let mut pipeline = Pipeline::with_capacity(batch.releases.len() + 2 * batch.items.len());
        let mut count = 0;
        for chunk in batch.releases.chunks(batch.shared) {
            match (delete, chunk) {
                (Some(_), [item]) => count += item.encode(&mut pipeline, counters),
                _ => {
                    let releases = chunk.iter().filter_map(Item::as_release);
                    pipeline.add_command(wire::releases(releases));
                    count += 1;
                }
            }
        }
        for sent in &mut batch.items {
            if let (Some(listeners), Some(watch)) = (listeners, sent.item.watch()) {
                listeners.expect(sent.item.keys(), watch);
                sent.before = wire::remember(sent.item.keys(), &mut pipeline);
            }
            sent.answers = sent.item.encode(&mut pipeline, counters);
            count += sent.before + sent.answers;
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
            let chunk = releases.by_ref().take(self.shared);
            let answer = answers.next().unwrap_or(Value::Nil);
            Item::settle_releases(chunk, answer, &mut then);
        }
        for sent in self.items {
            // Where this is refused there is nothing to do: who waits asks again in any case.
            answers.by_ref().take(sent.before).for_each(drop);
            let mut own = answers.by_ref().take(sent.answers);
            then(sent.item.settle(&mut own, identity));
            own.for_each(drop);
        }
    }

    /// The commands, in the order in which they were carried out.
    pub(super) fn into_items(self) -> impl DoubleEndedIterator<Item = Item> {
        let items = self.items.into_iter().map(|sent| sent.item);
        self.releases.into_iter().chain(items)
    }

    /// Whether a command that goes in order is about one of `keys`.
    fn touches(&self, keys: &[Arc<[u8]>]) -> bool {
        let mut others = self.items.iter().flat_map(|sent| sent.item.keys());
        others.any(|other| keys.contains(other))
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

/// What a batch may cost, in the units of [`Item::cost`]: about a millisecond of a server's time.
/// Nothing is worth waiting for longer behind the commands of others; only one command can take
/// more, which is about hundreds of keys and has to be carried out as a whole.
const MAX_COST: usize = 512;

/// Releases that share a script, which a server carries out in one go: a tenth of a millisecond.
const SHARED: usize = 64;

/// Commands that are taken out of the queue at once: more than that are seldom a batch.
pub(super) const MAX_BATCH: usize = 256;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Moment;
    use crate::node::{Acquire, Command, Keys, Release, Reply};

    fn keys(count: usize) -> Keys {
        let keys = (0..count).map(|number| format!("key {number}").into_bytes().into());
        Keys::try_from(keys.collect::<Vec<Arc<[u8]>>>()).unwrap()
    }

    fn one(name: &str) -> Keys {
        Arc::<[u8]>::from(name.as_bytes()).into()
    }

    fn acquire(keys: Keys) -> Item {
        Item::new(Command::Acquire(Acquire {
            keys,
            id: "1".into(),
            ttl: Duration::from_secs(1),
            contended: true,
            fence: None,
            watch: None,
            reply: Reply::ignored(),
        }))
    }

    fn release(keys: Keys) -> Item {
        Item::new(Command::Release(Release {
            keys,
            id: "1".into(),
            until: Moment::now(),
            keep_until: None,
            reply: Reply::ignored(),
        }))
    }

    /// The costs of the batches in which everything leaves.
    fn costs(pending: impl IntoIterator<Item = Item>, delete: Option<Delete>) -> Vec<Vec<usize>> {
        let mut pending: VecDeque<_> = pending.into_iter().collect();
        let mut batches = Vec::new();
        while !pending.is_empty() {
            let (batch, ..) = Batch::load(&mut pending, &mut Counters::default(), delete, None);
            batches.push(batch.into_items().map(|item| item.cost()).collect());
        }
        batches
    }

    #[test]
    fn a_batch_is_bounded_by_what_it_costs_a_server() {
        for delete in [None, Some(Delete::IfEq)] {
            for size in [1, 10, 100] {
                let items = (0..1_000).map(|number| match number % 2 {
                    0 => acquire(keys(size)),
                    _ => release(keys(size)),
                });
                let batches = costs(items, delete);
                assert_eq!(batches.iter().flatten().count(), 1_000, "none is lost");
                for batch in &batches {
                    assert!(batch.iter().sum::<usize>() <= MAX_COST, "{batch:?}");
                }
                let total: usize = batches.iter().flatten().sum();
                assert!(batches.len() <= total / (MAX_COST / 2) + 1, "none is small");
            }
        }
    }

    #[test]
    fn what_is_too_much_for_any_batch_goes_alone() {
        let huge = || acquire(keys(1_000));
        let items = [acquire(one("a")), huge(), huge(), acquire(one("b"))];
        let sizes = costs(items, None).into_iter().map(|batch| batch.len());
        assert!(sizes.eq([1, 1, 1, 1]));
    }

    #[test]
    fn releases_go_ahead_of_what_is_not_about_their_keys() {
        for delete in [None, Some(Delete::Ex)] {
            let items = [
                acquire(keys(3)),
                release(one("key 1")),
                release(keys(2)),
                release(one("b")),
                acquire(one("b")),
            ];
            let mut pending = VecDeque::from(items);
            let (batch, _, answers) =
                Batch::load(&mut pending, &mut Counters::default(), delete, None);
            assert_eq!(answers, 5);
            let order = batch.into_items().map(|item| {
                let is_release = item.as_release().is_some();
                (is_release, item.keys().len(), item.keys()[0].to_vec())
            });
            let expected: [(bool, usize, &[u8]); 5] = [
                (true, 1, b"b"),
                (false, 3, b"key 0"),
                (true, 1, b"key 1"),
                (true, 2, b"key 0"),
                (false, 1, b"b"),
            ];
            assert!(order.eq(expected.map(|(is_release, count, key)| (
                is_release,
                count,
                key.to_vec()
            ))));
        }
    }
}
