//! Tests of the releases that wait for a connection, or for a server that carries them out.

use std::sync::Arc;

use super::*;
use crate::error::NodeErrorKind;
use crate::node::Keys;

const MS: Duration = Duration::from_millis(1);
const TTL: Duration = Duration::from_millis(100);

fn keys() -> Keys {
    Arc::<[u8]>::from(&b"a"[..]).into()
}

/// A release of keys that live for [`TTL`] from now.
fn release(id: &str) -> Release {
    let gone_by = Moment::now().checked_add(TTL).unwrap();
    Release::new(keys(), id.into(), gone_by, Responder::ignored())
}

fn refuse(releases: &mut PendingReleases, id: &str) {
    let cause = NodeError::unsent(NodeErrorKind::Unreachable, "");
    releases.refuse(Command::Release(release(id)), &cause);
}

fn ids(requests: impl IntoIterator<Item = Request>) -> Vec<String> {
    let requests = requests.into_iter();
    let releases = requests.filter_map(|it| Some(it.command.as_release()?.id.to_string()));
    releases.collect()
}

#[tokio::test(start_paused = true)]
async fn releases_for_a_dead_node_do_not_accumulate() {
    let mut releases = PendingReleases::default();
    for number in 0..10_000 {
        refuse(&mut releases, &number.to_string());
        tokio::time::advance(MS).await;
        // About a hundred are alive at any time.
        assert!(releases.due_on_connect.len() < 400);
    }
    let due = ids(releases.take_due_on_connect(true));
    assert!(due.len() <= 100, "{}", due.len());
    assert_eq!(due.last().unwrap(), "9999");
}

#[tokio::test(start_paused = true)]
async fn the_release_of_an_unknown_acquire_is_kept_for_the_next_connection() {
    let mut releases = PendingReleases::default();
    let id = "unknown".into();
    releases.add_unknown(MaySet {
        keys: &keys(),
        id: &id,
        ttl: TTL,
        return_to: None,
    });
    refuse(&mut releases, "unknown");
    tokio::time::advance(100 * TTL).await;
    for number in 0..1_000 {
        refuse(&mut releases, &number.to_string());
        tokio::time::advance(MS).await;
    }
    // A server that was stopped all that time may still carry the acquire out.
    let due = releases.take_due_on_connect(false);
    assert_eq!(ids(due)[0], "unknown");
    releases.on_released(release("unknown"));
    assert!(releases.next_repeat().is_some());
    releases.on_released(release("another"));
    tokio::time::advance(TTL).await;
    assert_eq!(ids(releases.take_repeats()), ["unknown"]);
}

#[tokio::test(start_paused = true)]
async fn one_refused_release_at_a_time_tries_again() {
    let mut releases = PendingReleases::default();
    let refused = |releases: &mut PendingReleases, id| {
        let gone_by = Moment::now().checked_add(60_000 * MS).unwrap();
        let release = Release::new(keys(), LeaseId::from(id), gone_by, Responder::ignored());
        releases.add_refused(release)
    };
    let is_first = ["1", "2", "3"].map(|id| refused(&mut releases, id));
    assert_eq!(is_first, [true, false, false], "one line in the log");
    let mut last = Duration::ZERO;
    for id in ["1", "2", "3", "1", "2", "3", "1"] {
        let wait = releases
            .next_repeat()
            .unwrap()
            .saturating_since(Moment::now());
        assert!(wait >= last && wait <= 1_000 * MS, "{wait:?}");
        last = wait;
        assert_eq!(ids(releases.take_repeats()), [""; 0]);
        tokio::time::advance(wait).await;
        assert_eq!(ids(releases.take_repeats()), [id]);
        assert!(!refused(&mut releases, id));
    }
    tokio::time::advance(last).await;
    assert_eq!(ids(releases.take_repeats()), ["2"]);
    releases.on_released(release("2"));
    assert_eq!(ids(releases.take_repeats()), ["3", "1"]);
    assert!(releases.is_empty());
    assert!(refused(&mut releases, "4"), "a new row of refusals");
}

#[tokio::test(start_paused = true)]
async fn repeats_do_not_outlive_their_keys_without_a_connection() {
    let mut releases = PendingReleases::default();
    releases.add_unknown(MaySet {
        keys: &keys(),
        id: &"unknown".into(),
        ttl: TTL,
        return_to: None,
    });
    drop(releases.take_due_on_connect(false));
    releases.on_released(release("unknown"));
    releases.discard_expired();
    assert!(!releases.is_empty(), "the acquire may still be carried out");
    // The node is down, so that the repeat is never taken.
    tokio::time::advance(100 * TTL).await;
    releases.discard_expired();
    assert!(releases.is_empty(), "the session may end");
}

#[tokio::test(start_paused = true)]
async fn refused_releases_go_first_over_a_new_connection() {
    let mut releases = PendingReleases::default();
    releases.add_refused(release("1"));
    refuse(&mut releases, "2");
    assert_eq!(ids(releases.take_due_on_connect(true)), ["2", "1"]);
    assert_eq!(releases.next_repeat(), None);
    releases.add_refused(release("3"));
    tokio::time::advance(TTL).await;
    assert!(ids(releases.take_repeats()).is_empty(), "it has expired");
    releases.discard_expired();
    assert!(releases.is_empty());
}
