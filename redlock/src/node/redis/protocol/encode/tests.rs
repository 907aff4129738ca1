//! Tests that both forms of a command are the same.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::lease_id::LeaseId;
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::redis::protocol::dialect::ScriptCalls;
use crate::node::redis::protocol::waiting::SessionName;
use crate::node::{
    Fence, Identify, Inspect, Keys, Leave, Look, Moment, Ping, Responder, Waiter, Watch, Watcher,
};

struct Nothing;

impl Watcher for Nothing {
    fn key_changed(&self, _node: usize) {}
}

const SECOND: Duration = Duration::from_secs(1);

fn keys(names: &[&str]) -> Keys {
    let keys = names.iter().map(|name| Arc::from(name.as_bytes()));
    Keys::try_from(keys.collect::<Vec<_>>()).unwrap()
}

/// Returns commands of every kind on these keys.
fn commands(keys: &Keys) -> Vec<Command> {
    let id = || "an id".into();
    let watch = || Watch::new(&Arc::new(Nothing), 0);
    let gone_by = Moment::now().checked_add(SECOND).unwrap();
    let fence = |is_likely| Fence::new(1 << 50, SECOND).likely_accepted(is_likely);
    let acquire = || Acquire::new(keys.clone(), id(), SECOND, Responder::ignored());
    let release = || Release::new(keys.clone(), id(), gone_by, Responder::ignored());
    let rearm = || Rearm::new(keys.clone(), id(), SECOND, Responder::ignored());
    let extend = || Extend::new(keys.clone(), id(), SECOND, Responder::ignored());
    let adopt = || Adopt::new(keys.clone(), id(), id(), SECOND, Responder::ignored());
    let raise = Raise::new(keys.clone(), id(), 9, SECOND, Responder::ignored());
    let first = &keys.as_slice()[0];
    vec![
        Command::Acquire(acquire()),
        Command::Acquire(acquire().fence(fence(true))),
        Command::Acquire(acquire().fence(fence(false))),
        Command::Acquire(
            acquire()
                .contended(true)
                .waiter(Waiter::new(watch(), SECOND)),
        ),
        Command::Acquire(acquire().contended(true).fence(fence(true))),
        Command::Release(release()),
        Command::Release(release().keep_until(gone_by)),
        Command::Release(release().return_to(LeaseId::from("former"))),
        Command::Release(release().requeue(Waiter::new(watch(), SECOND))),
        Command::Extend(extend()),
        Command::Extend(extend().fence_retention(SECOND)),
        Command::Raise(raise.into()),
        Command::Rearm(rearm().into()),
        Command::Rearm(rearm().fence((7, SECOND)).into()),
        Command::Adopt(adopt().into()),
        Command::Adopt(adopt().fence(fence(true)).into()),
        Command::Leave(Leave::new(keys.clone(), watch()).into()),
        Command::Look(Look::new(keys.clone(), Responder::ignored()).into()),
        Command::Inspect(Inspect::new(Arc::clone(first), Responder::ignored())),
        Command::Identify(Identify::new(Arc::clone(first), Responder::ignored()).into()),
        Command::Ping(Ping::new(Responder::ignored())),
    ]
}

/// Encodes a request twice for each form. The second time, the usual form of an acquire is copied.
fn encode(request: &Request, dialect: Dialect) {
    let mut forms = [Calls::packed(), Calls::listed()];
    let mut counts = Vec::new();
    for calls in &mut forms {
        let ttls = &mut CounterTtls::default();
        counts.push((0..3).map(|_| request.encode(calls, ttls, dialect)).sum());
        counts.push(calls.take_count());
    }
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    let [mut packed, mut listed] = forms;
    let expected = listed.take_pipeline().get_packed_pipeline();
    assert_eq!(*packed.bytes(), expected, "{request:?}");
}

/// On paused time: the expiry of a key that is kept depends on the moment at which it is encoded.
#[tokio::test(start_paused = true)]
async fn every_command_is_packed_as_the_client_library_packs_it() {
    let mut waiting = WaitingForm::new(SessionName::draw());
    waiting.can_join = true;
    let mut denied = waiting;
    denied.deny_lists();
    for names in [&["a"][..], &["a", "b{c}", "d\r\n"]] {
        for (delete, scripts, waiting) in [
            (None, ScriptCalls::Both, waiting),
            (Some(CompareDelete::IfEq), ScriptCalls::ByText, waiting),
            (Some(CompareDelete::Ex), ScriptCalls::ByHash, denied),
        ] {
            let dialect = Dialect {
                delete,
                scripts,
                waiting,
                is_clustered: false,
                labels_are_denied: false,
            };
            for command in commands(&keys(names)) {
                let mut request = Request::new(command);
                request.optimize_simple_release(delete);
                encode(&request, dialect);
                for encoding in [Encoding::Evalsha, Encoding::Eval, Encoding::Stamp] {
                    request.encoding = encoding;
                    encode(&request, dialect);
                }
            }
        }
    }
}

/// A node may change the terms of a command before another one encodes it.
#[test]
fn an_acquire_that_is_changed_is_encoded_as_it_is_now() {
    let fence = |proposal| Fence::new(proposal, SECOND).likely_accepted(true);
    let mut acquire = Acquire::new(keys(&["a"]), "an id".into(), SECOND, Responder::ignored());
    for fence in [Some(fence(1)), Some(fence(2)), None, Some(fence(3))] {
        acquire = acquire.fence(fence);
        let request = Request::new(Command::Acquire(acquire));
        encode(&request, Dialect::default());
        let Command::Acquire(encoded) = request.command else {
            unreachable!("it is an acquire");
        };
        acquire = encoded;
    }
}

/// The words of an extension are kept for other nodes.
#[test]
fn an_extension_that_is_changed_is_encoded_as_it_is_now() {
    let new = || Extend::new(keys(&["a"]), "an id".into(), SECOND, Responder::ignored());
    let packed = |request: &Request| {
        let mut calls = Calls::packed();
        request.encode(&mut calls, &mut CounterTtls::default(), Dialect::default());
        std::mem::take(calls.bytes())
    };
    let mut changed = new();
    for retention in [None, Some(SECOND), Some(2 * SECOND), None] {
        changed = changed.fence_retention(retention);
        let request = Request::new(Command::Extend(changed));
        let fresh = Request::new(Command::Extend(new().fence_retention(retention)));
        assert_eq!(packed(&request), packed(&fresh), "{retention:?}");
        let Command::Extend(encoded) = request.command else {
            unreachable!("it is an extension");
        };
        changed = encoded;
    }
}
