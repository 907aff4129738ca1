//! Batches in flight.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::node::redis::protocol::batch::Batch;
use crate::node::redis::protocol::request::Request;

/// The batches in flight. Their responses arrive in the order in which they were sent.
#[derive(Default)]
pub(crate) struct InFlight {
    /// Each with the time at which it was sent.
    batches: VecDeque<(Box<Batch>, Instant)>,
    /// A batch that is settled, to be filled again.
    spare: Option<Box<Batch>>,
    /// The number of batches of one command in a row.
    lone_batches: u32,
}

impl InFlight {
    /// Whether another batch can be sent.
    pub(crate) fn has_room(&self) -> bool {
        let is_probe = |sent: &(Box<Batch>, Instant)| sent.0.waiting_probe.is_some();
        // Nothing may follow a probe before its responses: see `WaitingForm`.
        self.batches.len() < MAX_IN_FLIGHT && !self.batches.back().is_some_and(is_probe)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Returns an empty batch.
    pub(crate) fn empty_batch(&mut self) -> Box<Batch> {
        self.spare.take().unwrap_or_default()
    }

    /// Keeps a batch that is empty again.
    pub(crate) fn recycle(&mut self, batch: Box<Batch>) {
        if batch.is_small() {
            self.spare = Some(batch);
        }
    }

    /// Adds a batch that was sent.
    pub(crate) fn push(&mut self, batch: Box<Batch>, sent_at: Instant) {
        self.lone_batches = if batch.len() == 1 {
            self.lone_batches.saturating_add(1)
        } else {
            0
        };
        self.batches.push_back((batch, sent_at));
    }

    /// Removes the first batch, whose responses have arrived. Returns it with the time of sending.
    pub(crate) fn pop(&mut self) -> Option<(Box<Batch>, Instant)> {
        self.batches.pop_front()
    }

    /// Whether the last batches each had one command: there are no other callers to wait for.
    pub(crate) fn are_batches_lone(&self) -> bool {
        self.lone_batches >= MAX_LONE_BATCHES
    }

    /// Returns the requests in flight, in any order.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Request> {
        self.batches.iter().flat_map(|(batch, _)| batch.requests())
    }

    /// Removes and returns all batches, in order.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Batch> + use<> {
        let batches = std::mem::take(&mut self.batches).into_iter();
        batches.map(|(batch, _)| *batch)
    }
}

/// The maximum number of batches in flight. It is below what the client library queues for a
/// connection, so that passing a batch on never waits.
const MAX_IN_FLIGHT: usize = 32;

/// The number of batches of one command in a row after which batches no longer wait for more.
const MAX_LONE_BATCHES: u32 = 16;
