//! The encoding of what waiters need: tracking, looks, and waiting lists.

use std::sync::Arc;

use deadpool_redis::redis::{Cmd, Pipeline};

use crate::node::redis::protocol::call::{call_on, waiting_key};
use crate::node::redis::protocol::compare_delete::CompareDelete;
use crate::node::redis::protocol::script;
use crate::node::redis::protocol::waiting::{Hinting, WaitingForm};
use crate::node::{Leave, Look, Release};

/// Requests invalidations for the keys. Returns the number of responses to expect.
///
/// The commands stand immediately before an acquire, so that no change between the two is missed.
/// They stand behind extensions, which are changes themselves. They are separate from the scripts,
/// because a script would track the counters too, which move with every grant.
pub(super) fn track<'a>(
    keys: impl Iterator<Item = &'a Arc<[u8]>> + Clone,
    pipeline: &mut Pipeline,
) -> usize {
    pipeline.add_command(caching());
    pipeline.add_command(exists(keys));
    2
}

/// Requests invalidations for the keys of the look that is encoded next. Returns the number of
/// responses to expect.
pub(super) fn track_look(keys: &[Arc<[u8]>], pipeline: &mut Pipeline) -> usize {
    if keys.len() > 1 {
        return track(keys.iter(), pipeline);
    }
    // The look is itself the read that the server tracks.
    pipeline.add_command(caching());
    1
}

fn caching() -> Cmd {
    let mut caching = Cmd::with_capacity(3, 16);
    caching.arg("CLIENT").arg("CACHING").arg("YES");
    caching
}

/// Returns the call that reads the keys, by counting how many exist.
fn exists<'a>(keys: impl Iterator<Item = &'a Arc<[u8]>> + Clone) -> Cmd {
    let bytes: usize = keys.clone().map(|key| key.len()).sum();
    let mut call = Cmd::with_capacity(1 + keys.clone().count(), 6 + bytes);
    call.arg("EXISTS");
    for key in keys {
        call.arg(&**key);
    }
    call
}

/// Encodes the server's native command for a release. It cannot hint, so what follows it shows
/// whether there are waiters.
pub(super) fn encode_compare_delete(
    delete: CompareDelete,
    key: &[u8],
    it: &Release,
    waiting: WaitingForm,
    pipeline: &mut Pipeline,
) -> usize {
    pipeline.add_command(delete.call(key, it.id.as_bytes()));
    if waiting.hinting == Hinting::Off {
        return 1;
    }
    let mut has_waiters = Cmd::with_capacity(2, key.len() + 16);
    has_waiters.arg("EXISTS").arg(waiting_key(key));
    pipeline.add_command(has_waiters);
    2
}

pub(super) fn leave(it: &Leave, waiting: WaitingForm, by_text: bool) -> Cmd {
    let mut call = call_on(&script::LEAVE, by_text, &it.keys, &[waiting_key], 2);
    call.arg(waiting.hinting.as_bytes())
        .arg(waiting.name.as_bytes());
    call
}

/// Encodes one `PTTL` for each key.
pub(super) fn encode_look(it: &Look, pipeline: &mut Pipeline) -> usize {
    for key in &it.keys {
        let mut call = Cmd::with_capacity(2, key.len() + 4);
        call.arg("PTTL").arg(&**key);
        pipeline.add_command(call);
    }
    it.keys.as_slice().len()
}
