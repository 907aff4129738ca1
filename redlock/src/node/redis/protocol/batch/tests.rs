//! Tests of the cost of batches and of the order within one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_redis::redis::{Arg, Value, parse_redis_value};

use super::*;
use crate::node::redis::protocol::request::Settled;
use crate::node::{Acquire, Command, Extend, Identity, Keys, Release, Responder, Watch, Watcher};
use crate::time::clock::Moment;

mod extensions;

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

/// Returns the costs of all requests, batch by batch.
fn costs(
    pending: impl IntoIterator<Item = Request>,
    delete: Option<CompareDelete>,
) -> Vec<Vec<usize>> {
    let mut pending: VecDeque<_> = pending.into_iter().collect();
    let mut batches = Vec::new();
    while !pending.is_empty() {
        let dialect = Dialect {
            delete,
            ..Dialect::default()
        };
        let (batch, ..) = take(&mut pending, dialect, None);
        let costs = batch.into_requests().map(|request| request.cost());
        batches.push(costs.collect());
    }
    batches
}

#[test]
fn the_cost_of_a_batch_is_bounded() {
    for delete in [None, Some(CompareDelete::IfEq)] {
        for size in [1, 10, 100] {
            let requests = (0..1_000).map(|number| match number % 2 {
                0 => acquire(keys_from(number * size, size)),
                _ => release(keys_from((number - 1) * size, size)),
            });
            let batches = costs(requests, delete);
            assert_eq!(
                batches.iter().flatten().count(),
                1_000,
                "no request is lost"
            );
            for batch in &batches {
                assert!(batch.iter().sum::<usize>() <= MAX_COST, "{batch:?}");
            }
            let total: usize = batches.iter().flatten().sum();
            assert!(
                batches.len() <= total / (MAX_COST / 2) + 1,
                "batches are at least half full"
            );
        }
    }
}

#[test]
fn a_request_above_the_maximum_cost_is_sent_alone() {
    let huge = || acquire(keys(1_000));
    let requests = [acquire(one("a")), huge(), huge(), acquire(one("b"))];
    let sizes = costs(requests, None).into_iter().map(|batch| batch.len());
    assert!(sizes.eq([1, 1, 1, 1]));
}

/// Returns whether each request of a batch is a release, with its first key. Also returns the
/// number of responses to expect.
fn order(
    pending: &mut VecDeque<Request>,
    delete: Option<CompareDelete>,
) -> (Vec<(bool, Vec<u8>)>, usize) {
    let dialect = Dialect {
        delete,
        ..Dialect::default()
    };
    let (batch, _, responses) = take(pending, dialect, None);
    let order = batch.into_requests().map(|request| {
        let is_release = request.command.as_release().is_some();
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
fn releases_precede_requests_for_other_keys() {
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
fn no_request_overtakes_a_trailing_release_of_its_key() {
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

#[derive(Default)]
struct Count(AtomicUsize);

impl Watcher for Count {
    fn key_changed(&self, _node: usize) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn watched_extension(keys: Keys, watcher: &Arc<Count>) -> Request {
    let ttl = Duration::from_secs(1);
    let extend = Extend::new(keys, "1".into(), ttl, Responder::ignored());
    Request::new(Command::Extend(extend.watch(Watch::new(watcher, 0))))
}

/// Takes a batch. Also returns the words of each command, and the number of responses to expect.
fn take(
    pending: &mut VecDeque<Request>,
    dialect: Dialect,
    invalidations: Option<&Invalidations>,
) -> (Batch, Vec<String>, usize) {
    let (ttls, mut calls) = (&mut CounterTtls::default(), Calls::listed());
    let mut batch = Batch::default();
    batch.fill(pending, ttls, dialect, invalidations, &mut calls);
    let count = calls.take_count();
    let pipeline = calls.take_pipeline();
    let commands = pipeline.cmd_iter().map(|command| {
        let words = command.args_iter().filter_map(|arg| match arg {
            Arg::Simple(word) => Some(String::from_utf8_lossy(word).into_owned()),
            _ => None,
        });
        words.collect::<Vec<_>>().join(" ")
    });
    (batch, commands.collect(), count)
}

fn settle(mut batch: Batch, responses: &[&str]) -> Vec<Settled> {
    let responses = responses.iter();
    let mut responses: Vec<Value> = responses
        .map(|text| parse_redis_value(text.as_bytes()).unwrap())
        .collect();
    let mut settled = Vec::new();
    batch.settle(&mut responses, &Identity::default(), |it| settled.push(it));
    assert!(batch.is_empty() && responses.is_empty());
    settled
}

#[test]
fn keys_are_tracked_behind_their_extensions_and_before_later_releases() {
    let (watcher, invalidations) = (Arc::<Count>::default(), Invalidations::default());
    let mut pending = VecDeque::from([
        watched_extension(one("a"), &watcher),
        watched_extension(one("b"), &watcher),
        release(one("a")),
    ]);
    let dialect = Dialect {
        delete: Some(CompareDelete::IfEq),
        ..Dialect::default()
    };
    let (batch, words, count) = take(&mut pending, dialect, Some(&invalidations));
    assert_eq!(words.len(), count);
    assert!(words[0].starts_with("EVALSHA"));
    assert_eq!(words[1..3], ["CLIENT CACHING YES", "EXISTS a b"]);
    assert!(words[3].starts_with("DELIFEQ a"), "{words:?}");
    let responses = ["*2\r\n:1\r\n:1\r\n", "+OK\r\n", ":2\r\n", ":1\r\n"];
    let settled = settle(batch, &responses);
    assert!(matches!(
        settled[..],
        [Settled::Done, Settled::Done, Settled::Released(..)]
    ));
    assert_eq!(watcher.0.load(Ordering::Relaxed), 0);
}

#[test]
fn a_key_that_is_gone_before_it_is_tracked_is_reported() {
    let watchers = [(); 2].map(|()| Arc::<Count>::default());
    let mut pending = VecDeque::new();
    let invalidations = Invalidations::default();
    pending.push_back(watched_extension(one("a"), &watchers[0]));
    pending.push_back(watched_extension(keys(2), &watchers[1]));
    let (batch, ..) = take(&mut pending, Dialect::default(), Some(&invalidations));
    settle(batch, &[":1\r\n", ":1\r\n", "+OK\r\n", ":2\r\n"]);
    // One of three is gone. Which one is unknown.
    let counts = watchers.each_ref().map(|it| it.0.load(Ordering::Relaxed));
    assert_eq!(counts, [1, 1]);
}

#[test]
fn keys_in_several_slots_are_tracked_one_by_one() {
    let (watcher, invalidations) = (Arc::<Count>::default(), Invalidations::default());
    let extend = || -> VecDeque<Request> {
        let names = ["a", "b"].into_iter();
        names
            .map(|it| watched_extension(one(it), &watcher))
            .collect()
    };
    let (batch, ..) = take(&mut extend(), Dialect::default(), Some(&invalidations));
    let refused = "-CROSSSLOT Keys in request don't hash to the same slot\r\n";
    let settled = settle(batch, &["*2\r\n:1\r\n:1\r\n", "+OK\r\n", refused]);
    assert!(matches!(settled.last(), Some(Settled::NotTogether)));
    invalidations.set_clustered();
    let (_, words, _) = take(&mut extend(), Dialect::default(), Some(&invalidations));
    assert_eq!(
        words[1..],
        [
            "CLIENT CACHING YES",
            "EXISTS a",
            "CLIENT CACHING YES",
            "EXISTS b"
        ]
    );
}

#[test]
fn a_server_that_does_not_push_tracks_nothing() {
    let watcher = Arc::<Count>::default();
    let mut pending = VecDeque::from([watched_extension(one("a"), &watcher)]);
    let (batch, words, count) = take(&mut pending, Dialect::default(), None);
    assert_eq!((words.len(), count), (1, 1));
    assert!(batch.watched.is_empty());
}
