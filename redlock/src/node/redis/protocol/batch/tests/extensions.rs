//! Tests of extensions that share calls.

use super::*;
use crate::node::redis::protocol::request::Encoding;
use crate::node::{Extension, Identify, NodeResult};
use crate::sync::Mutex;

/// The results of extensions.
type Results = Arc<Mutex<Vec<NodeResult<Extension>>>>;

fn extension(keys: Keys, retention: Option<u64>, results: &Results) -> Request {
    let results = Arc::clone(results);
    let responder = Responder::from_fn(move |result| results.lock().push(result));
    let extend = Extend::new(keys, "1".into(), Duration::from_secs(1), responder);
    let extend = extend.fence_retention(retention.map(Duration::from_millis));
    Request::new(Command::Extend(extend))
}

fn simple(name: &str) -> Request {
    extension(one(name), None, &Results::default())
}

/// The words behind the script of a call.
fn call(words: &str) -> &str {
    let mut words = words.splitn(3, ' ');
    words.by_ref().take(2).for_each(drop);
    words.next().unwrap()
}

#[test]
fn extensions_follow_acquires_and_precede_releases() {
    let mut pending = VecDeque::from([
        simple("b"),
        acquire(one("a")),
        simple("a"),
        release(one("b")),
        release(one("c")),
        extension(keys(2), None, &Results::default()),
    ]);
    let (_, words, count) = take(&mut pending, Dialect::default(), None);
    assert_eq!(words.len(), count);
    assert!(call(&words[0]).starts_with("2 c "), "{words:?}");
    assert!(call(&words[1]).starts_with("2 a "), "{words:?}");
    assert_eq!(call(&words[2]), "2 key 0 key 1 1 1000");
    assert_eq!(call(&words[3]), "2 b a  1 1000 1 1000");
    assert!(call(&words[4]).starts_with("2 b "), "{words:?}");
    assert!(pending.is_empty());
}

#[test]
fn only_extensions_with_one_retention_share_a_call() {
    let results = Results::default();
    let retentions = [None, None, Some(5), Some(6), Some(6)].into_iter();
    let names = ["a", "b", "c", "d", "e"];
    let mut pending = names
        .iter()
        .zip(retentions)
        .map(|(name, retention)| extension(one(name), retention, &results))
        .collect();
    let (batch, words, _) = take(&mut pending, Dialect::default(), None);
    let calls: Vec<_> = words.iter().map(|it| call(it)).collect();
    assert_eq!(
        calls,
        [
            "2 a b  1 1000 1 1000",
            "2 c {c}:fence 5 1 1000",
            "4 d e {d}:fence {e}:fence 6 1 1000 1 1000",
        ]
    );
    settle(batch, &["*2\r\n:1\r\n:0\r\n", ":-1\r\n", "*1\r\n:1\r\n"]);
    let results = results.lock();
    let expected = [
        Extension::Confirmed,
        Extension::NotHeld,
        Extension::Contested,
        Extension::Confirmed,
    ];
    let confirmed = results.iter().filter_map(|it| it.as_ref().ok());
    assert!(confirmed.eq(&expected), "{results:?}");
    assert!(results[4].is_err(), "a missing value is no confirmation");
}

/// Settles two extensions of which the call fails. Returns the encodings in which they are sent again.
fn settle_failed(error: &str) -> Vec<Option<Encoding>> {
    let mut pending = VecDeque::from([simple("a"), simple("b")]);
    let (batch, ..) = take(&mut pending, Dialect::default(), None);
    let settled = settle(batch, &[error]).into_iter();
    settled
        .map(|it| match it {
            Settled::Resend(request) => Some(request.encoding),
            _ => None,
        })
        .collect()
}

#[test]
fn extensions_of_a_call_that_fails_are_sent_alone() {
    let alone = Some(Encoding::EvalshaAlone);
    assert_eq!(settle_failed("-NOPERM no key\r\n"), [alone, alone]);
    let crossed = settle_failed("-CROSSSLOT several\r\n");
    assert_eq!(crossed, [None, alone, alone], "and it is noted");
    let by_text = Some(Encoding::Eval);
    assert_eq!(settle_failed("-NOSCRIPT none\r\n"), [by_text, by_text]);
    assert_eq!(settle_failed("-READONLY replica\r\n"), [None, None]);
    let mut again = simple("a");
    again.encoding = Encoding::EvalshaAlone;
    let mut pending = VecDeque::from([simple("b"), again, simple("c")]);
    let (_, words, _) = take(&mut pending, Dialect::default(), None);
    let calls: Vec<_> = words.iter().map(|it| call(it)).collect();
    assert_eq!(calls, ["1 a  1 1000", "2 b c  1 1000 1 1000"]);
}

#[test]
fn no_request_overtakes_an_extension_of_its_key() {
    let identify = || {
        let identify = Identify::new(Arc::from(&b"id"[..]), Responder::ignored());
        Request::new(Command::Identify(identify.into()))
    };
    for (behind, batches) in [
        (acquire(one("a")), 2),
        (acquire(one("b")), 1),
        (extension(keys(3), None, &Results::default()), 1),
        (identify(), 2),
    ] {
        let mut pending = VecDeque::from([simple("a"), behind]);
        let mut count = 0;
        while !pending.is_empty() {
            take(&mut pending, Dialect::default(), None);
            count += 1;
        }
        assert_eq!(count, batches);
    }
}

#[test]
fn extensions_in_a_cluster_share_no_call() {
    let mut pending = VecDeque::from([simple("a"), simple("b")]);
    let dialect = Dialect {
        is_clustered: true,
        ..Dialect::default()
    };
    let (batch, words, _) = take(&mut pending, dialect, None);
    assert_eq!(words.len(), 2);
    let settled = settle(batch, &[":1\r\n", ":1\r\n"]);
    assert!(matches!(settled[..], [Settled::Done, Settled::Done]));
}
