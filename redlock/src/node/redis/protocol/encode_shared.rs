//! The encoding of requests that share a call.

use crate::node::encoded::{Encoded, Words};
use crate::node::redis::protocol::call::{Call, pack};
use crate::node::redis::protocol::other_key::{OtherKey, OtherName};
use crate::node::redis::protocol::script;
use crate::node::redis::protocol::script_call::millis;
use crate::node::redis::protocol::waiting::WaitingForm;
use crate::node::{Extend, Release};

/// Writes one call for several simple releases.
pub(super) fn shared_release<'a>(
    call: &mut Call<'_>,
    releases: impl Iterator<Item = &'a Release> + Clone,
    waiting: WaitingForm,
    by_text: bool,
) {
    let pairs = releases.filter_map(|it| Some((it.keys.as_one()?, it)));
    script::RELEASE.start(call, by_text, 2 * pairs.clone().count());
    for (key, it) in pairs.clone() {
        let words = release_words(call, key, it);
        call.packed_words(words.key(), 1);
    }
    let words = pairs.filter_map(|(_, it)| it.words.get());
    for it in words.clone() {
        // In place of a list: see `OtherKey`.
        let list = if waiting.lists_are_denied {
            it.key()
        } else {
            it.other()
        };
        call.packed_words(list, 1);
    }
    call.arg(waiting.hinting.as_bytes()).arg(b"").arg(b"");
    for it in words {
        call.packed_words(it.arguments(), 1);
    }
}

/// Writes one call for extensions of one key each, all with the same retention of counters, and with
/// this label.
pub(super) fn shared_extension<'a>(
    call: &mut Call<'_>,
    extensions: impl Iterator<Item = &'a Extend> + Clone,
    label: Option<&str>,
    by_text: bool,
) {
    let pairs = extensions.filter_map(|it| Some((it.keys.as_one()?, it)));
    let retention = pairs.clone().next().and_then(|(_, it)| it.fence_retention);
    let groups = 1 + usize::from(retention.is_some());
    script::EXTEND_EACH.start(call, by_text, groups * pairs.clone().count());
    for (key, it) in pairs.clone() {
        let words = extend_words(call, key, it);
        call.packed_words(words.key(), 1);
    }
    let words = pairs.filter_map(|(_, it)| it.words.get());
    match retention {
        Some(retention) => {
            for it in words.clone() {
                call.packed_words(it.other(), 1);
            }
            call.arg(millis(retention));
        }
        None => {
            call.arg(b"");
        }
    }
    for it in words {
        call.packed_words(it.arguments(), 2);
    }
    if let Some(label) = label {
        call.arg(label);
    }
}

/// Returns the words of the release of one key.
pub(super) fn release_words<'a>(call: &mut Call<'_>, key: &[u8], it: &'a Release) -> &'a Words {
    let list = || Some(OtherKey::WaitingList.beside(key));
    words(call, &it.words, key, list, |bytes| {
        pack(bytes, it.id.as_bytes());
    })
}

/// Returns the words of the extension of one key.
fn extend_words<'a>(call: &mut Call<'_>, key: &[u8], it: &'a Extend) -> &'a Words {
    let counter = || it.fence_retention.map(|_| OtherKey::Counter.beside(key));
    words(call, &it.words, key, counter, |bytes| {
        pack(bytes, it.id.as_bytes());
        pack(bytes, millis(it.ttl));
    })
}

/// Returns the words of a command of one key, with those that `arguments` appends. Each of them is written
/// to several nodes.
fn words<'a, 'k>(
    call: &mut Call<'_>,
    encoded: &'a Encoded<Words>,
    key: &'k [u8],
    other: impl FnOnce() -> Option<OtherName<'k>>,
    arguments: impl FnOnce(&mut Vec<u8>),
) -> &'a Words {
    encoded.get_or(|| {
        call.aside(|bytes, start| {
            pack(bytes, key);
            let key_end = bytes.len() - start;
            if let Some(other) = other() {
                pack(bytes, other);
            }
            let ends = [key_end, bytes.len() - start];
            arguments(bytes);
            let bytes = bytes[start..].into();
            Words { bytes, ends }
        })
    })
}
