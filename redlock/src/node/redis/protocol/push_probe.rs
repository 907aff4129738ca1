//! A push that a session causes itself, to see whether pushes arrive.

use std::sync::Arc;

use crate::node::identity::PushProbe;
use crate::node::redis::protocol::calls::Calls;
use crate::node::redis::protocol::encode_waiting;
use crate::node::redis::protocol::invalidation::Invalidations;
use crate::node::{Identify, Watch};

/// Encodes a change of a key that is tracked, so that the server pushes an invalidation. Returns the
/// number of responses to expect.
///
/// The push precedes the response to the script, if it arrives at all: a proxy may drop it. A loss of
/// data would then go unnoticed.
pub(super) fn encode_probe(
    it: &mut Identify,
    invalidations: &Invalidations,
    calls: &mut Calls,
) -> usize {
    let key: Arc<[u8]> = [&*it.key, b":push"].concat().into();
    let probe = Arc::<PushProbe>::default();
    invalidations.register(&[Arc::clone(&key)], &Watch::new(&probe, 0));
    it.push_probe = Some(probe);
    let responses = encode_waiting::track([&key].into_iter(), calls);
    calls.add(|call| {
        call.arg("SET").arg(&*key).arg("1").arg("PX").arg(1_u64);
    });
    responses + 1
}
