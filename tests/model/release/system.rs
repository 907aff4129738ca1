//! System under search: one `SET`, and the release that follows it.

use stateright::{Model, Property, Representative};

/// A forgotten release has left no key, and no `SET` that may still set one.
pub(crate) const RELEASED: &str = "released";

/// A number of ticks.
type Ticks = u8;

/// The ttl of the key.
const TTL: Ticks = 2;

/// The bounds of a search, and the rule under test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct System {
    pub(crate) prunes: Prunes,
    /// Whether a new connection can end the old one, with what is buffered there.
    pub(crate) kills: bool,
}

/// When a release that no response has settled is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prunes {
    /// A ttl after the next connection.
    AfterConnecting,
    /// A ttl after the `SET` was sent.
    AfterSending,
}

/// A state of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    set: Set,
    /// The time until the key expires. Zero if there is none.
    key: Ticks,
    is_stopped: bool,
    connection: Connection,
    /// The time until the release may be forgotten.
    until: Ticks,
    is_forgotten: bool,
}

/// The `SET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Set {
    /// The server has received it, and carries it out unless it is stopped.
    Buffered,
    /// It was carried out, or was lost with its connection.
    Over,
}

/// The connection between the manager and the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Connection {
    /// The one that carried the `SET`. The release is behind it.
    First,
    Broken,
    Second,
}

/// An event of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Tick,
    Stop,
    Wake,
    /// The server carries out the `SET`.
    Set,
    /// The connection breaks. What the server has received on it is not lost.
    Break,
    Connect,
    /// The server ends the old connection at the request of the new one.
    Kill,
    /// The server carries out the release.
    Release,
    /// The manager forgets the release.
    Forget,
}

impl State {
    fn tick(&mut self) {
        self.key = self.key.saturating_sub(1);
        self.until = self.until.saturating_sub(1);
    }
}

impl System {
    /// Whether the release may be forgotten without a response that settles it.
    fn may_forget(&self, state: &State) -> bool {
        let is_settled = match self.prunes {
            Prunes::AfterConnecting => state.connection == Connection::Second,
            Prunes::AfterSending => true,
        };
        state.until == 0 && is_settled
    }

    /// Whether no `SET` can follow a release that was carried out.
    fn is_settled(&self, state: &State) -> bool {
        // A server that refuses to end the old connection leaves open what it still carries out.
        state.connection == Connection::First || (self.kills && state.set == Set::Over)
    }
}

impl Model for System {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            set: Set::Buffered,
            key: 0,
            is_stopped: false,
            connection: Connection::First,
            until: TTL,
            is_forgotten: false,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        let is_buffered = state.set == Set::Buffered;
        if state.is_stopped {
            steps.extend([Step::Tick, Step::Wake]);
        } else {
            // A server that responds on a new connection does not stop again before it has carried
            // out what it had received on the old one.
            if !is_buffered || state.connection != Connection::Second {
                steps.push(Step::Stop);
            }
            // A server that runs carries out what it has received within a tick.
            steps.push(if is_buffered { Step::Set } else { Step::Tick });
        }
        let is_first = state.connection == Connection::First;
        match state.connection {
            Connection::First => steps.push(Step::Break),
            Connection::Broken if !state.is_stopped => steps.push(Step::Connect),
            Connection::Second if self.kills && is_buffered && !state.is_stopped => {
                steps.push(Step::Kill);
            }
            _ => {}
        }
        let is_open = state.connection != Connection::Broken && !state.is_stopped;
        if is_open && !state.is_forgotten && !(is_first && is_buffered) {
            steps.push(Step::Release);
        }
        if !state.is_forgotten && self.may_forget(state) {
            steps.push(Step::Forget);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = *last;
        match step {
            Step::Tick => state.tick(),
            Step::Stop => state.is_stopped = true,
            Step::Wake => state.is_stopped = false,
            Step::Set => {
                state.set = Set::Over;
                state.key = TTL;
            }
            Step::Break => state.connection = Connection::Broken,
            Step::Connect => {
                state.connection = Connection::Second;
                if self.prunes == Prunes::AfterConnecting {
                    state.until = TTL;
                }
            }
            Step::Kill => state.set = Set::Over,
            Step::Release => {
                state.is_forgotten = state.key > 0 || self.is_settled(&state);
                state.key = 0;
            }
            Step::Forget => state.is_forgotten = true,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(RELEASED, |_, state: &State| {
                !state.is_forgotten || (state.key == 0 && state.set == Set::Over)
            }),
            Property::sometimes("forgotten", |_, state: &State| state.is_forgotten),
            Property::sometimes("set over a broken connection", |_, state: &State| {
                state.key > 0 && state.connection != Connection::First
            }),
        ]
    }
}

impl Representative for State {
    fn representative(&self) -> Self {
        *self
    }
}
