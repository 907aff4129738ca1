//! The commands that each round sends to the nodes.

use redlock::MemoryNode;
use redlock::node::Fault;

use crate::common::{NODE_TIMEOUT, SECOND, manager, settle};
use crate::recorder::{Note, recorded};

fn ids(notes: &[Note]) -> Vec<&str> {
    let id = |note| match note {
        &Note::Acquire { ref id, .. }
        | &Note::Extend { ref id }
        | &Note::Rearm { ref id }
        | &Note::Release { ref id } => Some(id.as_str()),
        &Note::Raise { .. } => None,
    };
    notes.iter().filter_map(id).collect()
}

#[tokio::test(start_paused = true)]
async fn a_free_lock_costs_each_node_an_acquire_and_a_release() {
    let nodes = MemoryNode::cluster::<3>();
    let (recorders, redlock) = recorded(&nodes);
    let guard = redlock.lock("a").await.unwrap();
    let id = guard.lease_id().to_string();
    drop(guard);
    for recorder in &recorders {
        let expected = [
            Note::Acquire {
                id: id.clone(),
                contended: false,
            },
            Note::Release { id: id.clone() },
        ];
        assert_eq!(recorder.take(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn every_round_has_its_own_lease_id() {
    let nodes = MemoryNode::cluster::<3>();
    let (recorders, redlock) = recorded(&nodes);
    let _guard = manager(&nodes).lock("a").await.unwrap();
    assert!(
        redlock
            .lock("a")
            .wait(60 * SECOND)
            .await
            .unwrap_err()
            .is_busy()
    );
    let notes = recorders[0].take();
    assert_eq!(
        notes.len(),
        3,
        "three rounds, and nothing to undo: {notes:?}"
    );
    let ids = ids(&notes);
    assert!(
        ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2],
        "{ids:?}"
    );
    let contended: Vec<_> = notes
        .iter()
        .map(|note| {
            matches!(
                note,
                Note::Acquire {
                    contended: true,
                    ..
                }
            )
        })
        .collect();
    assert_eq!(contended, [false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_round_is_released_except_where_it_was_refused() {
    let nodes = MemoryNode::cluster::<5>();
    let (recorders, redlock) = recorded(&nodes);
    // Another owner holds two nodes, one is free, one hangs, and one is down.
    let _guard = manager(&nodes[..2]).lock("a").await.unwrap();
    // The first contact takes a round trip more.
    redlock.nodes().await;
    nodes[3].fault(Fault::Hang);
    nodes[4].fault(Fault::Crash);
    assert!(redlock.try_lock("a").await.is_err());
    settle().await;
    let released: Vec<_> = recorders
        .iter()
        .map(|recorder| matches!(recorder.take()[..], [_, Note::Release { .. }]))
        .collect();
    // The node that is down never received a command.
    assert_eq!(released, [false, false, true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_key_is_put_back_and_then_confirmed() {
    let nodes = MemoryNode::cluster::<3>();
    let (recorders, redlock) = recorded(&nodes);
    let guard = redlock.lock("a").await.unwrap();
    nodes[0].forget_keys();
    recorders.iter().for_each(|recorder| drop(recorder.take()));
    // The key may be missing because another process is unlocking the lease, which takes it at most a
    // node timeout.
    let id = guard.lease_id().to_string();
    let extend = || Note::Extend { id: id.clone() };
    let rearm = Note::Rearm { id: id.clone() };
    for _ in 0..2 {
        guard.extend(20 * SECOND).await.unwrap();
        settle().await;
        assert_eq!(recorders[0].take(), [extend()]);
    }
    tokio::time::sleep(NODE_TIMEOUT + SECOND / 10).await;
    assert_eq!(recorders[0].take(), [extend(), rearm, extend()]);
    assert_eq!(recorders[1].take(), [extend(), extend(), extend()]);
    assert_eq!(recorders[2].take(), [extend(), extend(), extend()]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_a_lease_has_ended() {
    let nodes = MemoryNode::cluster::<3>();
    let (recorders, redlock) = recorded(&nodes);
    let guard = redlock.lock("a").await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    drop(guard);
    recorders.iter().for_each(|recorder| drop(recorder.take()));
    tokio::time::sleep(600 * SECOND).await;
    for recorder in &recorders {
        assert_eq!(recorder.take(), []);
    }
}
