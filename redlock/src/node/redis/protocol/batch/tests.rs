//! Tests of the cost of batches and of the order within one.

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
        let (batch, ..) =
            Batch::take_from(&mut pending, &mut CounterTtls::default(), dialect, None);
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
    let (batch, _, responses) =
        Batch::take_from(pending, &mut CounterTtls::default(), dialect, None);
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
