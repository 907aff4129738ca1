//! The steps by which a session comes to hear hints, once for each connection.

/// Whether the server was asked how waiters are hinted.
///
/// A session subscribes to its channel only once a push of the server has arrived on the connection.
/// A proxy may drop pushes, and the confirmation of a subscription is one.
#[derive(Debug, Default)]
pub(crate) struct Listening {
    step: Step,
    /// The number of connections on which a subscription was not confirmed.
    unconfirmed: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// Whether pushes arrive is not known yet.
    #[default]
    NotDue,
    /// The commands are to be sent, with a subscription or without.
    Due {
        subscribes: bool,
    },
    Sent {
        subscribes: bool,
    },
}

impl Listening {
    pub(crate) fn on_connected(&mut self) {
        self.step = Step::NotDue;
    }

    /// Records that the server was identified, and whether its pushes arrive.
    pub(crate) fn on_identified(&mut self, are_pushed: bool) {
        if self.step == Step::NotDue {
            let subscribes = are_pushed && self.unconfirmed < MAX_UNCONFIRMED;
            self.step = Step::Due { subscribes };
        }
    }

    /// Whether the commands are due.
    pub(crate) fn is_due(&self) -> bool {
        matches!(self.step, Step::Due { .. })
    }

    /// Returns whether to subscribe, if the commands are due. They are sent once.
    pub(crate) fn take_due(&mut self) -> Option<bool> {
        let Step::Due { subscribes } = self.step else {
            return None;
        };
        self.step = Step::Sent { subscribes };
        Some(subscribes)
    }

    /// Whether a subscription was sent over this connection. It may be confirmed or not.
    pub(crate) fn may_be_subscribed(&self) -> bool {
        self.step == Step::Sent { subscribes: true }
    }

    /// Records that the server did not respond to these commands.
    pub(crate) fn on_unconfirmed(&mut self) {
        self.unconfirmed += 1;
    }

    /// Records that the confirmation was dropped. The session never subscribes again.
    pub(crate) fn give_up(&mut self) {
        self.unconfirmed = MAX_UNCONFIRMED;
    }
}

/// The number of connections on which a subscription may go unconfirmed, perhaps because the server
/// hung. After that, a proxy is taken to drop the confirmations.
const MAX_UNCONFIRMED: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_is_asked_once() {
        let mut listening = Listening::default();
        assert_eq!(listening.take_due(), None);
        for are_pushed in [true, false] {
            listening.on_identified(are_pushed);
            listening.on_identified(!are_pushed);
            assert!(!listening.may_be_subscribed());
            assert_eq!(listening.take_due(), Some(are_pushed));
            assert_eq!(listening.may_be_subscribed(), are_pushed);
            assert_eq!(listening.take_due(), None);
            listening.on_connected();
        }
    }

    #[test]
    fn a_session_stops_subscribing_where_nothing_confirms_it() {
        let mut listening = Listening::default();
        for expected in [true, true, false] {
            listening.on_connected();
            listening.on_identified(true);
            assert_eq!(listening.take_due(), Some(expected));
            listening.on_unconfirmed();
        }
        let mut dropped = Listening::default();
        dropped.give_up();
        dropped.on_identified(true);
        assert_eq!(dropped.take_due(), Some(false));
    }
}
