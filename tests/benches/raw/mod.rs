//! The limit: locks made by one thread that only sends and receives.

mod connection;
mod resp;
mod script;
mod slot;

use std::io::ErrorKind;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use mio::{Events, Interest, Poll, Token};

use crate::contender::Contender;
use connection::{Connection, Expected};
use slot::{Decision, Slot, Ticket};

/// A client of one thread with one poll for all connections, which writes and reads RESP by hand.
///
/// It sends what this crate sends, and a quorum of responses decides. Releases that are due
/// together share a script. Every response is checked, also those that arrive after the decision.
///
/// It has no deadline, no extension, no retry, no reconnect, and no cleanup after a failed acquire.
/// It calls the release script, also on servers with a command of their own for it. This is the
/// limit to measure against, not a lock.
#[derive(Debug)]
pub struct Raw {
    poll: Poll,
    connections: Vec<Connection>,
    /// The hash of the release script.
    script: String,
    ttl: String,
    fencing: bool,
    number: usize,
    /// The latest proposed token.
    proposal: u64,
}

impl Raw {
    /// Connects to all of `urls`. A manager of this crate must have connected before.
    ///
    /// # Panics
    ///
    /// Panics if a server does not respond, or if it does not have this crate's release script.
    #[must_use]
    pub fn connect(urls: &[String], fencing: bool) -> Self {
        let poll = Poll::new().expect("a poll");
        let script = script::release_hash();
        let connect = |(index, url): (usize, &String)| {
            let mut connection = Connection::open(url, &script);
            let registering =
                poll.registry()
                    .register(connection.stream(), Token(index), Interest::READABLE);
            registering.expect("a socket that can be polled");
            connection
        };
        let connections = urls.iter().enumerate().map(connect).collect();
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let micros = since_epoch.expect("a clock after 1970").as_micros();
        Self {
            poll,
            connections,
            script,
            ttl: Contender::TTL.as_millis().to_string(),
            fencing,
            number: Contender::next_number(),
            proposal: u64::try_from(micros).expect("a clock before the year 500,000"),
        }
    }

    /// Makes locks, as many at once as there are `tasks`, and returns the time that each took.
    ///
    /// # Panics
    ///
    /// Panics at any response other than a grant or a release.
    pub fn run(&mut self, tasks: usize, locks: usize) -> Vec<Duration> {
        let each = locks / tasks;
        let range = |task| task * each..(task + 1) * each;
        let mut slots: Vec<Slot> = (0..tasks).map(|task| Slot::new(range(task))).collect();
        let mut times = Vec::with_capacity(tasks * each);
        let mut acquires: Vec<usize> = (0..tasks).collect();
        let mut releases: Vec<Ticket> = Vec::with_capacity(tasks);
        let mut events = Events::with_capacity(self.connections.len());
        let quorum = self.connections.len() / 2 + 1;
        while times.len() < tasks * each || self.is_waiting() {
            // Releases first, so that they share a script, as in a batch of this crate.
            self.release(&slots, &mut releases);
            for index in acquires.drain(..) {
                if slots[index].begin(self.number) {
                    self.acquire(&slots[index], index);
                }
            }
            self.connections.iter_mut().for_each(Connection::send);
            self.wait(&mut events);
            for event in &events {
                self.connections[event.token().0].receive(|ticket| {
                    match slots[ticket.slot].vote(ticket, quorum) {
                        Decision::None => {}
                        Decision::Granted(ticket) => releases.push(ticket),
                        Decision::Released(time) => {
                            times.push(time);
                            acquires.push(ticket.slot);
                        }
                    }
                });
            }
        }
        times
    }

    fn is_waiting(&self) -> bool {
        self.connections.iter().any(Connection::is_waiting)
    }

    fn wait(&mut self, events: &mut Events) {
        while let Err(error) = self.poll.poll(events, None) {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
        }
    }

    fn acquire(&mut self, slot: &Slot, index: usize) {
        let ticket = slot.ticket(index);
        self.proposal += u64::from(self.fencing);
        for connection in &mut self.connections {
            let set = [
                b"SET",
                &*slot.key,
                &slot.id,
                b"NX",
                b"PX",
                self.ttl.as_bytes(),
            ];
            if self.fencing {
                connection.request(&set, Expected::Set);
                let out = connection.begin(6, Expected::Moved(ticket));
                for part in [b"ZADD", &*slot.counter, b"GT", b"CH"] {
                    resp::part(out, part);
                }
                resp::number(out, self.proposal);
                resp::part(out, b"c");
            } else {
                connection.request(&set, Expected::Granted(ticket));
            }
        }
    }

    fn release(&mut self, slots: &[Slot], due: &mut Vec<Ticket>) {
        for tickets in due.chunks(MAX_RELEASES_PER_SCRIPT) {
            let tickets: Rc<[Ticket]> = tickets.into();
            let slots = tickets.iter().map(|ticket| &slots[ticket.slot]);
            for connection in &mut self.connections {
                let count = tickets.len();
                let expected = Expected::Released(Rc::clone(&tickets));
                let out = connection.begin(6 + 3 * count, expected);
                resp::part(out, b"EVALSHA");
                resp::part(out, self.script.as_bytes());
                resp::number(out, 2 * count as u64);
                slots.clone().for_each(|slot| resp::part(out, &slot.key));
                slots.clone().for_each(|slot| resp::part(out, &slot.list));
                for part in [script::HINTING, b"", b""] {
                    resp::part(out, part);
                }
                slots.clone().for_each(|slot| resp::part(out, &slot.id));
            }
        }
        due.clear();
    }
}

/// As many as this crate sends.
const MAX_RELEASES_PER_SCRIPT: usize = 64;
