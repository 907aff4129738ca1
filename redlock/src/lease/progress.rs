//! The progress of one extension towards a quorum.

/// The responses to one extension so far.
#[derive(Default)]
pub(super) struct Progress {
    confirmed: usize,
    /// Nodes that still lack the keys, to be re-armed once a quorum of others has confirmed.
    missing: Vec<usize>,
}

/// The effect of one more response.
pub(super) struct Counted {
    /// Whether it completes a quorum of confirmations.
    pub(super) is_reached: bool,
    /// The nodes to re-arm: those that still lack the keys, once a quorum of others has confirmed.
    pub(super) rearm: Vec<usize>,
}

impl Progress {
    /// Counts a response.
    pub(super) fn count(
        &mut self,
        missing: Option<usize>,
        is_confirmed: bool,
        quorum: usize,
    ) -> Counted {
        self.confirmed += usize::from(is_confirmed);
        self.missing.extend(missing);
        let is_decided = self.confirmed >= quorum;
        Counted {
            is_reached: is_confirmed && self.confirmed == quorum,
            rearm: if is_decided {
                std::mem::take(&mut self.missing)
            } else {
                Vec::new()
            },
        }
    }
}
