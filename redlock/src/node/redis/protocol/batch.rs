//! What leaves for a server together.

use std::collections::VecDeque;
use std::sync::Arc;

use deadpool_redis::redis::{Pipeline, Value};

use crate::error::{NodeError, NodeErrorKind};
use crate::node::Identity;
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::redis::protocol::counter_ttl::CounterTtls;
use crate::node::redis::protocol::encode;
use crate::node::redis::protocol::invalidation::Invalidations;
use crate::node::redis::protocol::key_filter::KeyFilter;
use crate::node::redis::protocol::request::{Request, Settled};

/// Commands that leave together, and their order of going.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Releases of one key each. They go first, ahead of commands for other keys: whoever is next
    /// in line for a key finds it free.
    releases: Vec<Request>,
    /// Everything else, in order.
    requests: Vec<Sent>,
    /// Releases of one key each that something before them is about.
    last: Vec<Request>,
    /// How many releases share a call.
    shared: usize,
}

/// A command that was encoded.
#[derive(Debug)]
struct Sent {
    request: Request,
    /// How many answers come first, about remembering who has asked.
    before: usize,
    /// The number of answers that the server gives to the command.
    responses: usize,
}

impl Batch {
    /// Takes a batch out of `pending` and encodes it, releases with the server's own command for
    /// them if it has one. With `listeners`, the server can tell those who wait. Returns the number
    /// of answers to expect.
    pub(crate) fn load(
        pending: &mut VecDeque<Request>,
        counters: &mut CounterTtls,
        delete: Option<CompareDelete>,
        invalidations: Option<&Invalidations>,
    ) -> (Self, Pipeline, usize) {
        let mut batch = Self::take(pending, delete);
        let calls = batch.releases.len() + 2 * batch.requests.len() + batch.last.len();
        let mut pipeline = Pipeline::with_capacity(calls);
        let mut count = batch.encode(&batch.releases, &mut pipeline, counters);
        for sent in &mut batch.requests {
            if let (Some(invalidations), Some(watch)) = (invalidations, sent.request.watch()) {
                invalidations.register(sent.request.keys(), watch);
                sent.before = encode::remember(sent.request.keys(), &mut pipeline);
            }
            sent.responses = sent.request.encode(&mut pipeline, counters);
            count += sent.before + sent.responses;
        }
        count += batch.encode(&batch.last, &mut pipeline, counters);
        (batch, pipeline, count)
    }

    /// Takes commands out of `pending`, as many as make a batch, and gives each its place.
    fn take(pending: &mut VecDeque<Request>, delete: Option<CompareDelete>) -> Self {
        // Most batches are a command or two: room for more would be most of what they take.
        let most = pending.len().min(MAX_BATCH);
        let first = pending.iter().take(most);
        let releases = first.filter(|it| it.as_release().is_some()).count();
        let mut batch = Self {
            releases: Vec::with_capacity(releases),
            requests: Vec::with_capacity(most - releases),
            last: Vec::new(),
            shared: if delete.is_some() { 1 } else { SHARED },
        };
        // Nothing is in the way of a release where there is none, or nothing else.
        let is_mixed = 0 < releases && most > 1 || most < pending.len();
        let mut keys = is_mixed.then(KeyFilter::default);
        let mut cost = 0;
        while let Some(mut request) = pending.pop_front() {
            if !request.is_wanted() {
                let error = NodeError::unsent(NodeErrorKind::Closed, "no longer wanted");
                request.command.fail(error);
                continue;
            }
            let is_simple_release = request.tune_release(delete);
            let may_meet = keys.as_ref().is_some_and(|it| it.may_have(request.keys()));
            cost += request.cost();
            // What is too much for any batch goes alone.
            let is_full = cost > MAX_COST && !batch.is_empty();
            let comes_after_last =
                !is_simple_release && may_meet && batch.ends_with(request.keys());
            if is_full || comes_after_last {
                pending.push_front(request);
                break;
            }
            if is_simple_release {
                if may_meet && batch.touches(request.keys()) {
                    batch.last.push(request);
                } else {
                    batch.releases.push(request);
                }
                continue;
            }
            if let Some(keys) = &mut keys {
                keys.add(request.keys());
            }
            batch.requests.push(Sent {
                request,
                before: 0,
                responses: 0,
            });
        }
        batch
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of commands.
    pub(crate) fn len(&self) -> usize {
        self.releases.len() + self.requests.len() + self.last.len()
    }

    /// Encodes releases, which share calls. Returns the number of answers to expect.
    fn encode(
        &self,
        releases: &[Request],
        pipeline: &mut Pipeline,
        counters: &mut CounterTtls,
    ) -> usize {
        let mut count = 0;
        for chunk in releases.chunks(self.shared) {
            count += match chunk {
                [request] => request.encode(pipeline, counters),
                _ => {
                    let releases = chunk.iter().filter_map(Request::as_release);
                    pipeline.add_command(encode::releases(releases));
                    1
                }
            };
        }
        count
    }

    /// Gives the answers to whoever asked, and tells what is left to do for each.
    pub(crate) fn settle(
        self,
        responses: Vec<Value>,
        identity: &Identity,
        mut then: impl FnMut(Settled),
    ) {
        let mut responses = responses.into_iter();
        settle_releases(self.releases, self.shared, &mut responses, &mut then);
        for sent in self.requests {
            // Whoever waits asks again in any case.
            let mut before = responses.by_ref().take(sent.before);
            if before.any(|response| is_refused(&response)) {
                then(Settled::Untracked);
            }
            before.for_each(drop);
            let mut own = responses.by_ref().take(sent.responses);
            then(sent.request.settle(&mut own, identity));
            own.for_each(drop);
        }
        settle_releases(self.last, self.shared, &mut responses, &mut then);
    }

    /// The commands, in the order in which they were carried out.
    pub(crate) fn into_requests(self) -> impl DoubleEndedIterator<Item = Request> {
        let requests = self.requests.into_iter().map(|sent| sent.request);
        self.releases.into_iter().chain(requests).chain(self.last)
    }

    /// Whether a command that goes in order is about one of `keys`.
    fn touches(&self, keys: &[Arc<[u8]>]) -> bool {
        let mut others = self.requests.iter().flat_map(|sent| sent.request.keys());
        others.any(|other| keys.contains(other))
    }

    /// Whether the last releases are about one of `keys`.
    fn ends_with(&self, keys: &[Arc<[u8]>]) -> bool {
        let mut others = self.last.iter().flat_map(Request::keys);
        others.any(|other| keys.contains(other))
    }
}

/// Whether the server does not have a command, or does not let its user have it.
fn is_refused(response: &Value) -> bool {
    matches!(response, Value::ServerError(error) if matches!(error.code(), "NOPERM" | "ERR"))
}

/// Gives the answers to releases of which so many shared a call.
fn settle_releases(
    releases: Vec<Request>,
    shared: usize,
    responses: &mut impl Iterator<Item = Value>,
    then: &mut impl FnMut(Settled),
) {
    let mut releases = releases.into_iter();
    while releases.len() > 0 {
        let chunk = releases.by_ref().take(shared);
        let response = responses.next().unwrap_or(Value::Nil);
        Request::settle_releases(chunk, response, then);
    }
}

/// What a batch may cost, in the units of [`Request::cost`]: about a millisecond of a server's time.
/// Nothing is worth waiting for longer behind the commands of others; only one command can take
/// more, which is about hundreds of keys and has to be carried out as a whole.
const MAX_COST: usize = 512;

/// Releases that share a script, which a server carries out in one go: a tenth of a millisecond.
const SHARED: usize = 64;

/// Commands that are taken out of the queue at once: more than that are seldom a batch.
pub(crate) const MAX_BATCH: usize = 256;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::node::{Acquire, Command, Keys, Release, Responder};
    use crate::time::clock::Moment;

    fn keys(count: usize) -> Keys {
        keys_from(0, count)
    }

    fn keys_from(first: usize, count: usize) -> Keys {
        let keys = (first..first + count).map(|number| format!("key {number}").into_bytes().into());
        Keys::try_from(keys.collect::<Vec<Arc<[u8]>>>()).unwrap()
    }

    fn one(name: &str) -> Keys {
        Arc::<[u8]>::from(name.as_bytes()).into()
    }

    fn acquire(keys: Keys) -> Request {
        let ttl = Duration::from_secs(1);
        let acquire = Acquire::new(keys, "1".into(), ttl, Responder::ignored());
        Request::new(Command::Acquire(acquire.contended(true)))
    }

    fn release(keys: Keys) -> Request {
        let release = Release::new(keys, "1".into(), Moment::now(), Responder::ignored());
        Request::new(Command::Release(release))
    }

    /// The costs of the batches in which everything leaves.
    fn costs(
        pending: impl IntoIterator<Item = Request>,
        delete: Option<CompareDelete>,
    ) -> Vec<Vec<usize>> {
        let mut pending: VecDeque<_> = pending.into_iter().collect();
        let mut batches = Vec::new();
        while !pending.is_empty() {
            let (batch, ..) = Batch::load(&mut pending, &mut CounterTtls::default(), delete, None);
            batches.push(
                batch
                    .into_requests()
                    .map(|request| request.cost())
                    .collect(),
            );
        }
        batches
    }

    #[test]
    fn a_batch_is_bounded_by_what_it_costs_a_server() {
        for delete in [None, Some(CompareDelete::IfEq)] {
            for size in [1, 10, 100] {
                let requests = (0..1_000).map(|number| match number % 2 {
                    0 => acquire(keys_from(number * size, size)),
                    _ => release(keys_from((number - 1) * size, size)),
                });
                let batches = costs(requests, delete);
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
        let requests = [acquire(one("a")), huge(), huge(), acquire(one("b"))];
        let sizes = costs(requests, None).into_iter().map(|batch| batch.len());
        assert!(sizes.eq([1, 1, 1, 1]));
    }

    /// Whether each command of a batch is a release, and its first key; and the number of answers.
    fn order(
        pending: &mut VecDeque<Request>,
        delete: Option<CompareDelete>,
    ) -> (Vec<(bool, Vec<u8>)>, usize) {
        let (batch, _, responses) = Batch::load(pending, &mut CounterTtls::default(), delete, None);
        let order = batch.into_requests().map(|request| {
            let is_release = request.as_release().is_some();
            (is_release, request.keys()[0].to_vec())
        });
        (order.collect(), responses)
    }

    fn expected<const N: usize>(order: [(bool, &str); N]) -> Vec<(bool, Vec<u8>)> {
        order
            .map(|(is_release, key)| (is_release, key.into()))
            .to_vec()
    }

    #[test]
    fn releases_go_ahead_of_what_is_not_about_their_keys() {
        for delete in [None, Some(CompareDelete::Ex)] {
            let mut pending = VecDeque::from([
                acquire(keys(3)),
                release(one("key 1")),
                release(one("b")),
                acquire(one("b")),
            ]);
            let (first, responses) = order(&mut pending, delete);
            assert_eq!(responses, 4);
            let in_order = [(true, "b"), (false, "key 0"), (false, "b"), (true, "key 1")];
            assert_eq!(first, expected(in_order));
            assert!(pending.is_empty());
        }
    }

    #[test]
    fn releases_behind_something_share_a_call_and_nothing_about_their_keys_comes_between() {
        for (delete, calls) in [(None, 3), (Some(CompareDelete::Ex), 4)] {
            let mut pending = VecDeque::from([
                acquire(one("a")),
                release(one("a")),
                acquire(one("b")),
                release(one("b")),
                acquire(one("a")),
                release(one("c")),
            ]);
            let (first, responses) = order(&mut pending, delete);
            assert_eq!(responses, calls);
            let in_order = [(false, "a"), (false, "b"), (true, "a"), (true, "b")];
            assert_eq!(first, expected(in_order));
            let (second, _) = order(&mut pending, delete);
            assert_eq!(second, expected([(true, "c"), (false, "a")]));
        }
    }
}
