//! Tests of the responses to releases.

use std::sync::{Arc, Mutex};

use deadpool_redis::redis::parse_redis_value;

use super::*;
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::time::clock::Moment;

type Result = std::result::Result<Removal, NodeErrorKind>;

/// Settles a release by the server's native command. Also returns what its caller received.
fn settle(response: &str) -> (Settled, Vec<Result>) {
    let received = Arc::<Mutex<Vec<_>>>::default();
    let receiver = Arc::clone(&received);
    let responder = Responder::from_fn(move |response: NodeResult<_>| {
        let response = response.map_err(|error| error.kind());
        receiver.lock().unwrap().push(response);
    });
    let keys = Arc::<[u8]>::from(&b"a"[..]).into();
    let release = Release::new(keys, "1".into(), Moment::now(), responder);
    let request = Request {
        command: Command::Release(release),
        encoding: Encoding::CompareDelete(CompareDelete::IfEq),
    };
    let value = parse_redis_value(response.as_bytes()).unwrap();
    let settled = request.settle(&mut std::iter::once(value), &Identity::default());
    let received = std::mem::take(&mut *received.lock().unwrap());
    (settled, received)
}

#[test]
fn a_key_that_is_not_ours_is_reported_as_absent() {
    let (settled, received) = settle(":1\r\n");
    assert!(matches!(settled, Settled::Released(..)), "{settled:?}");
    assert_eq!(received, [Ok(Removal::Deleted)]);
    for absent in [":0\r\n", "-WRONGTYPE Operation against a key\r\n"] {
        let (settled, received) = settle(absent);
        let is_expected = matches!(settled, Settled::Released(..));
        assert!(is_expected, "{absent}: {settled:?}");
        assert_eq!(received, [Ok(Removal::Absent)]);
    }
}

#[test]
fn a_refused_native_delete_is_replaced_by_scripts() {
    let refusals = [
        "-NOPERM User app has no permissions to run the 'delifeq' command\r\n",
        "-ERR unknown command 'DELIFEQ', with args beginning with: 'a' '1' \r\n",
    ];
    for refusal in refusals {
        let (settled, received) = settle(refusal);
        let is_expected = matches!(
            settled,
            Settled::Unsupported(Request {
                encoding: Encoding::EvalshaAlone,
                ..
            })
        );
        assert!(is_expected, "{refusal}: {settled:?}");
        assert_eq!(received, []);
    }
}

#[test]
fn a_failed_native_delete_is_retried_as_a_script() {
    let (settled, received) = settle("-ERR Key should be of string type\r\n");
    let is_expected = matches!(
        settled,
        Settled::Resend(Request {
            encoding: Encoding::EvalshaAlone,
            ..
        })
    );
    assert!(is_expected, "{settled:?}");
    assert_eq!(received, []);
}

#[test]
fn a_release_that_is_refused_is_kept() {
    let refusals = [
        ("-MOVED 1 127.0.0.1:7000\r\n", NodeErrorKind::Unsuitable),
        (
            "-NOREPLICAS Not enough good replicas\r\n",
            NodeErrorKind::Server,
        ),
        (
            "-BUSY Redis is busy running a script\r\n",
            NodeErrorKind::Server,
        ),
        ("+OK\r\n", NodeErrorKind::Protocol),
    ];
    for (refusal, expected) in refusals {
        let (settled, received) = settle(refusal);
        assert!(matches!(settled, Settled::Refused(..)), "{settled:?}");
        assert_eq!(received, [Err(expected)], "{refusal}");
    }
}

#[test]
fn a_server_that_is_no_master_any_more_ends_the_connection() {
    let refusals = [
        ("-READONLY You can't write\r\n", NodeErrorKind::ReadOnly),
        ("-MASTERDOWN Link is down\r\n", NodeErrorKind::ReadOnly),
        ("-LOADING loading the dataset\r\n", NodeErrorKind::Loading),
        (
            "-ERR script f_1: @user_script:1: -READONLY You can't\r\n",
            NodeErrorKind::Server,
        ),
    ];
    for (refusal, expected) in refusals {
        let (settled, received) = settle(refusal);
        let Settled::Displaced(Command::Release(_), cause) = settled else {
            panic!("{settled:?}")
        };
        assert_eq!((cause.kind(), received), (expected, vec![]));
    }
}
