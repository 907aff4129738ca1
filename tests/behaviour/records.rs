//! Identity records of nodes that refuse changes, lose responses, or show other processes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use redlock::node::{
    Acquire, Command, Identified, Identify, Keys, Node, NodeResult, RecordChange, Responder,
    SessionOptions,
};
use redlock::{Fault, LockError, MemoryNode, Redlock};

use crate::common::{MS, SECOND};
use crate::quirks::{Quirky, manager, servers};

#[tokio::test(start_paused = true)]
async fn a_longer_max_ttl_elsewhere_keeps_untracked_nodes_usable() {
    let nodes = servers();
    for node in &nodes {
        node.quirks.is_untracked.store(true, Ordering::SeqCst);
    }
    let first = manager(&nodes, 10 * SECOND);
    drop(first.lock("a").await.unwrap());
    let second = manager(&nodes, 20 * SECOND);
    drop(second.lock("a").await.unwrap());
    tokio::time::sleep(60 * SECOND).await;
    let result = first.lock("a").wait(60 * SECOND).await;
    assert!(result.is_ok(), "{result:?} {:#?}", first.nodes().await);
}

#[tokio::test(start_paused = true)]
async fn an_untracked_node_that_lost_its_data_recovers() {
    let nodes = servers();
    for node in &nodes {
        node.quirks.is_untracked.store(true, Ordering::SeqCst);
    }
    let redlock = manager(&nodes, 10 * SECOND);
    drop(redlock.lock("a").await.unwrap());
    nodes.iter().for_each(|it| it.node.flush());
    let result = redlock.lock("a").wait(120 * SECOND).await;
    assert!(result.is_ok(), "{result:?} {:#?}", redlock.nodes().await);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_changed_causes_no_storm() {
    let nodes = servers();
    nodes[2]
        .quirks
        .ignores_changes
        .store(true, Ordering::SeqCst);
    let redlock = manager(&nodes, 10 * SECOND);
    let _result = redlock.lock("a").wait(5 * SECOND).await;
    let count = nodes[2].quirks.identified.load(Ordering::SeqCst);
    assert!(count < 100, "{count} identifications within 5 s");
}

#[tokio::test(start_paused = true)]
async fn nodes_out_of_memory_keep_a_lease_through_a_rolling_restart() {
    let nodes = servers();
    let redlock = manager(&nodes, 10 * SECOND);
    let guard = redlock.lock("a").await.unwrap();
    for node in &nodes {
        node.quirks.is_full.store(true, Ordering::SeqCst);
    }
    for node in &nodes {
        // Restarts with its data.
        node.node.restart();
        tokio::time::sleep(10 * SECOND).await;
        let lost = tokio::time::timeout(MS, guard.lost())
            .await
            .ok()
            .map(|it| format!("{it} {it:?}"));
        assert_eq!(lost, None, "after {}", node.node.name());
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_lease_survives_a_rolling_loss() {
    for ttl in [1000, 400, 300, 250, 200, 100] {
        let nodes = MemoryNode::cluster::<5>();
        let redlock = Redlock::builder().nodes(nodes.iter().cloned());
        let redlock = redlock.build().unwrap();
        let guard = redlock.lock("a").ttl(MS * ttl).await.unwrap();
        for node in &nodes {
            node.wipe();
            tokio::time::sleep(10 * SECOND).await;
            assert!(guard.is_held(), "ttl {ttl} after {}", node.name());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_identification_is_repeated() {
    let nodes = servers();
    let redlock = manager(&nodes, 10 * SECOND);
    drop(redlock.lock("a").await.unwrap());
    tokio::time::sleep(10 * SECOND).await;
    nodes[0].quirks.loses.store(true, Ordering::SeqCst);
    nodes[0].node.restart();
    nodes[0].quirks.loses.store(false, Ordering::SeqCst);
    tokio::time::sleep(3600 * SECOND).await;
    let reports = redlock.nodes().await;
    assert!(reports.iter().all(|it| it.is_usable()), "{reports:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_stays_forming_does_not_stop_the_others() {
    let nodes = servers();
    let redlock = manager(&nodes, 10 * SECOND);
    drop(redlock.lock("a").await.unwrap());
    tokio::time::sleep(10 * SECOND).await;
    nodes[2].quirks.is_full.store(true, Ordering::SeqCst);
    nodes[2].node.flush();
    // A manager that begins to form a deployment, and dies.
    let text = "redlock 1 id=0 nodes=3 state=forming run_id=- durable=no max_ttl=10000 \
                quarantined_until=0 quarantine=on stamp=0";
    let session = nodes[2]
        .node
        .open(SessionOptions::new(tokio::runtime::Handle::current()));
    let run_id = Arc::new(Mutex::new(None));
    let read = Arc::clone(&run_id);
    let responder = Responder::from_fn(move |it: NodeResult<Identified>| {
        *read.lock().unwrap() = it.unwrap().run_id;
    });
    let key: Arc<[u8]> = b"redlock:node".as_slice().into();
    let read = Identify::new(Arc::clone(&key), responder);
    session.submit(Command::Identify(read.into()));
    let run_id = run_id.lock().unwrap().take();
    let change = RecordChange::new(None, run_id, text.into());
    let responder = Responder::from_fn(|it: NodeResult<Identified>| {
        assert!(it.unwrap().record.unwrap().is_some());
    });
    session.submit(Command::Identify(
        Identify::new(key, responder).change(change).into(),
    ));
    let mut slow = 0;
    for _ in 0..100 {
        let watch = crate::common::Stopwatch::start();
        let result = redlock.try_lock("a").await;
        assert!(result.is_ok(), "{result:?}");
        drop(result);
        slow += u32::from(watch.elapsed() > 100 * MS);
        tokio::time::sleep(100 * MS).await;
    }
    assert_eq!(slow, 0);
}

#[tokio::test(start_paused = true)]
async fn split_votes_beside_a_quarantine_are_retried_soon() {
    let nodes = servers();
    let redlock = manager(&nodes, 60 * SECOND);
    drop(redlock.lock("b").await.unwrap());
    nodes[0].node.wipe();
    // Another contender got the last node, and nothing else. It gives up in a moment.
    let session = nodes[2]
        .node
        .open(SessionOptions::new(tokio::runtime::Handle::current()));
    let key: Arc<[u8]> = b"a".as_slice().into();
    let (keys, id, responder) = (Keys::from(key), "another".into(), Responder::ignored());
    let acquire = Acquire::new(keys, id, 100 * MS, responder);
    session.submit(Command::Acquire(acquire));
    let watch = crate::common::Stopwatch::start();
    let result = redlock.lock("a").wait(59 * SECOND).await;
    assert!(result.is_ok(), "{result:?}");
    assert!(watch.elapsed() < 5 * SECOND, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_returns_beside_a_quarantine_is_used_soon() {
    let nodes = servers();
    let redlock = manager(&nodes, 60 * SECOND);
    drop(redlock.lock("b").await.unwrap());
    nodes[0].node.wipe();
    nodes[1].node.fault(Fault::Crash);
    let returning = nodes[1].node.clone();
    let _detached = tokio::spawn(async move {
        tokio::time::sleep(SECOND).await;
        returning.fault(None);
    });
    let watch = crate::common::Stopwatch::start();
    let result = redlock.lock("a").wait(59 * SECOND).await;
    assert!(result.is_ok(), "{result:?}");
    assert!(watch.elapsed() < 5 * SECOND, "{:?}", watch.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_was_cut_off_does_not_form_a_deployment_over_lost_data() {
    let nodes = servers();
    let seen_by_other = nodes.clone().map(|it| Quirky {
        node: it.node,
        quirks: Arc::default(),
    });
    let cut = |nodes: &[Quirky], is_cut| {
        for node in nodes {
            node.quirks.is_cut.store(is_cut, Ordering::SeqCst);
        }
    };
    // One of three new nodes is not there yet when the other manager starts.
    nodes[2].node.fault(Fault::Crash);
    let other = manager(&seen_by_other, 10 * SECOND);
    let refused = other.try_lock("a").await.unwrap_err();
    assert!(
        matches!(refused, LockError::Quarantined { .. }),
        "{refused:?}"
    );
    cut(&seen_by_other, true);
    nodes[2].node.fault(None);
    // The deployment is formed and used, unseen by the other manager.
    let redlock = manager(&nodes, 10 * SECOND);
    drop(redlock.lock("b").await.unwrap());
    tokio::time::sleep(3600 * SECOND).await;
    // The holder and its manager are paused.
    let holder = redlock.lock("a").ttl(10 * SECOND).auto_extend(false);
    let holder = holder.await.unwrap();
    cut(&nodes, true);
    nodes[2].node.fault(Fault::Crash);
    nodes[0].node.wipe();
    nodes[1].node.wipe();
    cut(&seen_by_other, false);
    let second = other.lock("a").wait(5 * SECOND).await;
    assert!(
        !(second.is_ok() && holder.is_held()),
        "both hold the lock, {:?} and {:?}, {:?} left",
        second.map(|it| it.token()),
        holder.token(),
        holder.remaining()
    );
}

async fn seen_in_turn(processes: [&'static str; 3]) {
    let nodes = servers();
    let show = |shown: &'static str| {
        *nodes[0].quirks.shown.lock().unwrap() = Some(shown);
    };
    show(processes[0]);
    let redlock = manager(&nodes, 10 * SECOND);
    drop(redlock.lock("a").await.unwrap());
    for process in &processes[1..] {
        show(process);
        nodes[0].node.restart();
        tokio::time::sleep(60 * SECOND).await;
    }
    let reports = redlock.nodes().await;
    assert!(reports.iter().all(|it| it.is_usable()), "{reports:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_failover_and_back_leads_to_a_quarantine_only() {
    seen_in_turn(["first", "second", "first"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_info_was_denied_for_a_while_is_used_again() {
    seen_in_turn(["first", "-", "first"]).await;
}
