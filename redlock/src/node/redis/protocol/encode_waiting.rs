//! The encoding of what waiters need: tracking, looks, and waiting lists.

use std::sync::Arc;

use crate::node::redis::protocol::call::Call;
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::redis::protocol::other_key::OtherKey;
use crate::node::redis::protocol::script;
use crate::node::redis::protocol::script_call::call_on;
use crate::node::redis::protocol::waiting::{Hinting, WaitingForm};
use crate::node::{Leave, Look, Release};

/// Requests invalidations for the keys. Returns the number of responses to expect.
///
/// The commands stand immediately before an acquire, so that no change between the two is missed.
/// They stand behind extensions, which are changes themselves. They are separate from the scripts,
/// because a script would track the counters too, which move with every grant.
pub(super) fn track<'a>(keys: impl Iterator<Item = &'a Arc<[u8]>>, calls: &mut Calls) -> usize {
    calls.add(caching);
    // Reads the keys, by counting how many exist.
    calls.add(|call| {
        call.arg("EXISTS");
        for key in keys {
            call.arg(&**key);
        }
    });
    2
}

/// Requests invalidations for the keys of the look that is encoded next. Returns the number of
/// responses to expect.
pub(super) fn track_look(keys: &[Arc<[u8]>], calls: &mut Calls) -> usize {
    if keys.len() > 1 {
        return track(keys.iter(), calls);
    }
    // The look is itself the read that the server tracks.
    calls.add(caching);
    1
}

fn caching(call: &mut Call<'_>) {
    call.arg("CLIENT").arg("CACHING").arg("YES");
}

/// Encodes the server's native command for a release. It cannot hint, so what follows it shows
/// whether there are waiters.
pub(super) fn encode_compare_delete(
    delete: CompareDelete,
    key: &[u8],
    it: &Release,
    waiting: WaitingForm,
    calls: &mut Calls,
) -> usize {
    calls.add(|call| delete.write(call, key, it.id.as_bytes()));
    if waiting.hinting == Hinting::Off {
        return 1;
    }
    calls.add(|call| {
        call.arg("EXISTS").arg(OtherKey::WaitingList.beside(key));
    });
    2
}

pub(super) fn leave(call: &mut Call<'_>, it: &Leave, waiting: WaitingForm, by_text: bool) {
    let others = &[OtherKey::WaitingList];
    call_on(call, &script::LEAVE, by_text, &it.keys, others);
    call.arg(waiting.hinting.as_bytes())
        .arg(waiting.name.as_bytes());
}

/// Encodes one `PTTL` for each key.
pub(super) fn encode_look(it: &Look, calls: &mut Calls) -> usize {
    for key in &it.keys {
        calls.add(|call| {
            call.arg("PTTL").arg(&**key);
        });
    }
    it.keys.as_slice().len()
}
