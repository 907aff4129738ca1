//! One of the locks that the raw client makes at the same time.

use std::io::Write;
use std::ops::Range;
use std::time::{Duration, Instant};

/// The state of one lock, then of the next one.
#[derive(Debug)]
pub(super) struct Slot {
    /// The numbers of the resources still to be locked.
    numbers: Range<usize>,
    /// The number of decisions so far. Late votes of an earlier round carry another one.
    decisions: u32,
    votes: usize,
    is_held: bool,
    started: Instant,
    pub(super) key: Vec<u8>,
    /// The key of the waiting list, which the release script reads.
    pub(super) list: Vec<u8>,
    /// The key of the counter.
    pub(super) counter: Vec<u8>,
    pub(super) id: Vec<u8>,
}

/// A slot, and the round in which a vote counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    pub(super) slot: usize,
    round: u32,
}

/// What a vote decides.
#[derive(Debug)]
pub(super) enum Decision {
    None,
    /// The lock is granted. The ticket is for its release.
    Granted(Ticket),
    /// The lock is released, after this time.
    Released(Duration),
}

impl Slot {
    pub(super) fn new(numbers: Range<usize>) -> Self {
        Self {
            numbers,
            decisions: 0,
            votes: 0,
            is_held: false,
            started: Instant::now(),
            key: Vec::new(),
            list: Vec::new(),
            counter: Vec::new(),
            id: Vec::new(),
        }
    }

    /// Starts the next lock. Returns `false` if there is none.
    pub(super) fn begin(&mut self, contender: usize) -> bool {
        let Some(number) = self.numbers.next() else {
            return false;
        };
        self.started = Instant::now();
        let id: (u128, u32) = rand::random();
        let parts = [
            &mut self.key,
            &mut self.list,
            &mut self.counter,
            &mut self.id,
        ];
        parts.into_iter().for_each(Vec::clear);
        let written = write!(self.key, "raw:resource:{contender}:{number}")
            .and_then(|()| write!(self.id, "{:032x}{:08x}", id.0, id.1));
        written.expect("writing to memory cannot fail");
        for (key, ending) in [
            (&mut self.list, &b"}:wait"[..]),
            (&mut self.counter, b"}:fence"),
        ] {
            key.push(b'{');
            key.extend_from_slice(&self.key);
            key.extend_from_slice(ending);
        }
        true
    }

    /// Returns the ticket for the votes of the present round.
    pub(super) fn ticket(&self, slot: usize) -> Ticket {
        let round = self.decisions;
        Ticket { slot, round }
    }

    /// Counts a vote. A late one changes nothing.
    pub(super) fn vote(&mut self, ticket: Ticket, quorum: usize) -> Decision {
        if ticket.round != self.decisions {
            return Decision::None;
        }
        self.votes += 1;
        if self.votes < quorum {
            return Decision::None;
        }
        self.votes = 0;
        self.decisions += 1;
        self.is_held = !self.is_held;
        if self.is_held {
            Decision::Granted(self.ticket(ticket.slot))
        } else {
            Decision::Released(self.started.elapsed())
        }
    }
}
