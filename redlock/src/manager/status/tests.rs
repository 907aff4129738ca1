//! Tests of the decision between held, free and neither.

use super::*;

/// What is known of one node.
#[derive(Clone, Copy, Debug)]
enum Seen {
    Silent,
    Failed,
    Absent,
    /// Absent, on a node in quarantine.
    Quarantined,
    /// Another name of a server that has this id.
    Misplaced(&'static str),
    Id(&'static str),
    /// A key of another type.
    Other,
}

use Seen::{Absent, Failed, Id, Misplaced, Other, Quarantined, Silent};

fn error(kind: NodeErrorKind) -> NodeError {
    NodeError::unsent(kind, "")
}

fn record(id: Option<&'static str>) -> Option<Result<Snapshot, NodeError>> {
    let record = Record::new(id.map(LeaseId::from), Some(Duration::from_secs(1)));
    Some(Ok(Snapshot::new(Some(record), None)))
}

/// Returns the status of an acquisition that needs a majority, or `durability` nodes if that is more.
fn status(seen: &[Seen], durability: usize) -> Status {
    let quorum = Quorum::of(seen.len());
    let names: Vec<Arc<str>> = seen.iter().map(|_| "node".into()).collect();
    let results: Vec<_> = seen
        .iter()
        .map(|seen| match seen {
            Silent => None,
            Failed => Some(Err(error(NodeErrorKind::Unreachable))),
            Absent | Quarantined => Some(Ok(Snapshot::default())),
            Id(id) | Misplaced(id) => record(Some(id)),
            Other => record(None),
        })
        .collect();
    let refusal = |seen: &Seen| match seen {
        Quarantined => Some(error(NodeErrorKind::Quarantined)),
        Misplaced(_) => Some(error(NodeErrorKind::Misplaced)),
        _ => None,
    };
    let refusals = seen.iter().map(refusal).collect();
    let acquire = quorum.at_least(durability);
    Status::new(quorum, acquire, &names, &results, refusals)
}

#[test]
fn a_resource_is_free_only_if_enough_nodes_could_grant_it() {
    use LockState::{Free, Held, NotALock, Taken, Unknown};
    let (a, b) = (Id("a"), Id("b"));
    let cases: [(&[Seen], LockState); 20] = [
        (&[Absent, Absent, a], Free),
        (&[Absent, Absent, Failed], Free),
        (&[Absent, Absent, Other], Free),
        (&[Absent, Quarantined, Quarantined], Unknown),
        (&[Absent, Failed, Failed], Unknown),
        (&[Absent, Failed, a], Unknown),
        (&[a, Failed, Failed], Unknown),
        (&[a, a, Failed], Held),
        (&[a, a, b], Held),
        (&[a, a, Other], Held),
        (&[a, Misplaced("a"), Absent], Unknown),
        (&[a, b, Absent], Taken),
        (&[a, Other, Absent], Taken),
        (&[a, b, Failed], Taken),
        (&[Other, Other, Absent], NotALock),
        (&[Other, Other, Failed], NotALock),
        (&[a, a, b, b, Absent], Taken),
        (&[a, a, Failed, Failed], Taken),
        (&[Other, Absent, Absent, Absent], Free),
        (&[Absent, Absent, a, b], Taken),
    ];
    for (seen, state) in cases {
        let status = status(seen, 1);
        assert_eq!(status.state(), state, "{seen:?}");
        assert_eq!(status.is_held(), state == Held);
        let holder = status.lease_id().and_then(LeaseId::as_str);
        assert_eq!(holder, (state == Held).then_some("a"));
        assert!(status.is_certain(), "{seen:?}");
    }
    // With more nodes needed for an acquisition than for a hold.
    assert_eq!(status(&[Absent, Absent, a], 3).state(), Taken);
    assert_eq!(status(&[Absent, Absent, Failed], 3).state(), Unknown);
    assert_eq!(status(&[a, a, Absent], 3).state(), Held);
}

#[test]
fn a_status_is_certain_once_no_response_can_change_it() {
    let (a, b) = (Id("a"), Id("b"));
    let uncertain: [&[Seen]; 5] = [
        &[a, Silent, Silent],
        &[a, b, Silent],
        &[Absent, a, Silent],
        &[Absent, Failed, Silent],
        &[a, b, Other, Silent, Silent],
    ];
    for seen in uncertain {
        assert!(!status(seen, 1).is_certain(), "{seen:?}");
    }
    let certain: [&[Seen]; 5] = [
        &[a, a, Silent],
        &[Absent, Absent, Silent],
        &[Other, Other, Silent],
        &[Failed, Failed, Silent],
        &[a, b, Other, Absent, Silent],
    ];
    for seen in certain {
        assert!(status(seen, 1).is_certain(), "{seen:?}");
    }
}

#[test]
fn a_quorum_without_expiry_has_no_time_left() {
    let quorum = Quorum::of(3);
    let names: Vec<Arc<str>> = vec!["node".into(); 3];
    let remaining = |times: [Option<u64>; 3]| {
        let results = times.map(|left| {
            let record = Record::new(Some("a".into()), left.map(Duration::from_secs));
            Some(Ok(Snapshot::new(Some(record), None)))
        });
        let status = Status::new(quorum, quorum, &names, &results, vec![None; 3]);
        assert!(status.is_held());
        status.remaining().map(|left| left.as_secs())
    };
    assert_eq!(remaining([Some(3), Some(1), Some(2)]), Some(2));
    assert_eq!(remaining([None, Some(1), Some(2)]), Some(2));
    assert_eq!(remaining([None, None, Some(2)]), None);
}
