//! Cases for adoptions: keys that get the id of another lease, and get their own back.

use std::time::Duration;

use redlock::LeaseId;
use redlock::node::{
    Adopt, Adopted, Command, Extension, Fence, Moment, Raised, Rearmed, Release, Removal, Stamp,
    Vote,
};

use crate::commands::{CountingWatcher, Form, IntoKeys, RETENTION};
use crate::subject::{Pending, Subject};

/// Long enough not to expire in any test.
const LONG: Duration = Duration::from_secs(60);

const CHANGED: Adopted = Adopted::Changed { stamp: None };

impl Subject {
    /// Adopts keys. The adopter decides within a time that is longer than any test.
    pub(crate) fn adopt(
        &self,
        keys: impl IntoKeys,
        ids: [&str; 2],
        fence: impl Into<Option<Fence>>,
    ) -> Pending<Adopted> {
        self.adopt_within(keys, ids, LONG, fence)
    }

    fn adopt_within(
        &self,
        keys: impl IntoKeys,
        ids: [&str; 2],
        decided_within: Duration,
        fence: impl Into<Option<Fence>>,
    ) -> Pending<Adopted> {
        let (keys, [from, id]) = (keys.into_keys(), ids.map(LeaseId::from));
        self.submit(|responder| {
            let adopt = Adopt::new(keys, from, id, LONG, responder);
            Command::Adopt(adopt.decided_within(decided_within).fence(fence).into())
        })
    }

    /// Undoes an adoption.
    pub(crate) fn return_to(&self, keys: impl IntoKeys, ids: [&str; 2]) -> Pending<Removal> {
        let (keys, [id, former]) = (keys.into_keys(), ids.map(LeaseId::from));
        let gone_by = Moment::now().checked_add(LONG).unwrap();
        self.submit(|responder| {
            Command::Release(Release::new(keys, id, gone_by, responder).return_to(former))
        })
    }

    async fn id_and_time(&self, key: &[u8]) -> (Option<LeaseId>, Duration) {
        let record = self.inspect(key).get().await.record.unwrap();
        (record.id, record.remaining.unwrap())
    }
}

pub(crate) async fn an_adoption_changes_the_id_and_keeps_the_expiry(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    assert_eq!(node.adopt(b"a", ["1", "2"], None).get().await, CHANGED);
    let (id, left) = node.id_and_time(b"a").await;
    assert_eq!(id, Some("2".into()));
    assert!(left > LONG / 2 && left <= LONG, "{left:?}");
    assert_eq!(node.release(b"a", "1").get().await, Removal::Absent);
    assert_eq!(node.release(b"a", "2").get().await, Removal::Deleted);
}

pub(crate) async fn an_adoption_needs_the_former_id_and_a_key(node: Subject) {
    let fence = Fence::new(100, RETENTION);
    let adopted = node.adopt(b"a", ["1", "2"], fence).get().await;
    assert_eq!(adopted, Adopted::NotHeld);
    node.acquire(b"a", "3", LONG).get().await;
    let adopted = node.adopt(b"a", ["1", "2"], fence).get().await;
    assert_eq!(adopted, Adopted::NotHeld);
    let snapshot = node.inspect(b"a").get().await;
    assert_eq!(snapshot.record.unwrap().id, Some("3".into()));
    assert_eq!(snapshot.counter, None, "a refusal moves no counter");
}

pub(crate) async fn an_adoption_moves_the_counter_as_a_grant_does(node: Subject) {
    let vote = node.acquire_fenced(b"a", "1", 100, Form::Contended);
    vote.get().await;
    for (ids, proposal, expected) in [(["1", "2"], 500, 500), (["2", "3"], 7, 501)] {
        let fence = Fence::new(proposal, RETENTION);
        let stamp = Some(Stamp::Moved(expected));
        let adopted = node.adopt(b"a", ids, fence).get().await;
        assert_eq!(adopted, Adopted::Changed { stamp });
        assert_eq!(node.inspect(b"a").get().await.counter, Some(expected));
    }
}

pub(crate) async fn an_adoption_that_failed_is_undone(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    node.adopt(b"a", ["1", "2"], None).get().await;
    let returned = node.return_to(b"a", ["3", "1"]).get().await;
    assert_eq!(returned, Removal::Absent, "of another adopter");
    let returned = node.return_to(b"a", ["2", "1"]).get().await;
    assert_eq!(returned, Removal::Deleted);
    let (id, left) = node.id_and_time(b"a").await;
    assert_eq!(id, Some("1".into()));
    assert!(left > LONG / 2 && left <= LONG, "{left:?}");
    assert_eq!(node.adopt(b"a", ["1", "3"], None).get().await, CHANGED);
    let returned = node.return_to(b"b", ["2", "1"]).get().await;
    assert_eq!(returned, Removal::Absent, "no key is created");
    assert_eq!(node.inspect(b"b").get().await.record, None);
}

pub(crate) async fn a_returned_key_expires_as_before(node: Subject) {
    let ttl = Duration::from_millis(300);
    node.acquire(b"a", "1", ttl).get().await;
    node.adopt(b"a", ["1", "2"], None).get().await;
    node.return_to(b"a", ["2", "1"]).get().await;
    tokio::time::sleep(ttl).await;
    let vote = node.acquire(b"a", "3", LONG).get().await;
    assert_eq!(vote, Vote::Granted { stamp: None });
}

pub(crate) async fn a_key_is_contested_until_its_adopter_decides(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    node.adopt(b"a", ["1", "2"], None).get().await;
    let extended = node.extend(b"a", "1", LONG).get().await;
    assert_eq!(extended, Extension::Contested);
    let extended = node.extend(b"a", "0", LONG).get().await;
    assert_eq!(extended, Extension::NotHeld, "not the former owner");
    let adopted = node.adopt(b"a", ["1", "3"], None).get().await;
    assert_eq!(adopted, Adopted::Contested);
    assert_eq!(node.raise(b"a", "1", 100).get().await, Raised::NotHeld);
    let rearmed = node.rearm(b"a", "1", LONG, None).get().await;
    assert!(matches!(rearmed, Rearmed::Busy { .. }), "{rearmed:?}");
    let extended = node.extend(b"a", "2", LONG).get().await;
    assert_eq!(extended, Extension::Confirmed);
    // The key of anybody else is not contested, even before the time is over.
    node.release(b"a", "2").get().await;
    let extended = node.extend(b"a", "1", LONG).get().await;
    assert_eq!(extended, Extension::NotHeld);
    node.acquire(b"a", "4", LONG).get().await;
    let extended = node.extend(b"a", "1", LONG).get().await;
    assert_eq!(extended, Extension::NotHeld);
}

pub(crate) async fn a_decision_is_not_awaited_for_longer(node: Subject) {
    let within = Duration::from_millis(50);
    for (ids, within) in [(["1", "2"], within), (["2", "3"], Duration::ZERO)] {
        node.acquire(b"a", ids[0], LONG).get().await;
        let adopted = node.adopt_within(b"a", ids, within, None).get().await;
        assert_eq!(adopted, CHANGED);
        tokio::time::sleep(within * 2).await;
        let extended = node.extend(b"a", ids[0], LONG).get().await;
        assert_eq!(extended, Extension::NotHeld, "{within:?}");
    }
}

pub(crate) async fn of_several_keys_all_are_adopted_or_none(node: Subject) {
    let (keys, fence) = (["a", "b{x}", "c"], Fence::new(100, RETENTION));
    node.acquire(["a", "c"], "1", LONG).get().await;
    let adopted = node.adopt(keys, ["1", "2"], fence).get().await;
    assert_eq!(adopted, Adopted::NotHeld);
    assert_eq!(node.id_and_time(b"a").await.0, Some("1".into()));
    node.acquire(b"b{x}", "1", LONG).get().await;
    let stamp = Some(Stamp::Moved(100));
    let adopted = node.adopt(keys, ["1", "2"], fence).get().await;
    assert_eq!(adopted, Adopted::Changed { stamp });
    let extended = node.extend(keys, "1", LONG).get().await;
    assert_eq!(extended, Extension::Contested);
    let returned = node.return_to(keys, ["2", "1"]).get().await;
    assert_eq!(returned, Removal::Deleted);
    let extended = node.extend(keys, "1", LONG).get().await;
    assert_eq!(extended, Extension::Confirmed);
}

pub(crate) async fn a_return_never_overtakes_its_adoption(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    for _ in 0..100 {
        let adopted = node.adopt(b"a", ["1", "2"], Fence::new(1, RETENTION));
        let returned = node.return_to(b"a", ["2", "1"]);
        assert!(matches!(adopted.get().await, Adopted::Changed { .. }));
        assert_eq!(returned.get().await, Removal::Deleted);
    }
    assert_eq!(node.id_and_time(b"a").await.0, Some("1".into()));
}

pub(crate) async fn a_holder_is_notified_of_an_adoption(node: Subject) {
    let watcher = std::sync::Arc::<CountingWatcher>::default();
    node.acquire(b"a", "1", LONG).get().await;
    node.prepare_to_wait().await;
    node.extend_watched(b"a", "1", &watcher).get().await;
    node.adopt(b"a", ["1", "2"], None).get().await;
    watcher.wait_for(1).await;
}

pub(crate) async fn a_return_is_kept_while_the_node_is_unreachable(node: Subject) {
    node.acquire(b"a", "1", LONG).get().await;
    node.adopt(b"a", ["1", "2"], None).get().await;
    node.cut_off().await;
    node.return_to(b"a", ["2", "1"])
        .outcome()
        .await
        .unwrap_err();
    node.reconnect().await;
    let extended = node.extend(b"a", "1", LONG).get().await;
    assert_eq!(extended, Extension::Confirmed);
}
