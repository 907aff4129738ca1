//! The tokens that are cancelled when a lease changes.

use tokio_util::sync::CancellationToken;

use crate::lease::ActiveLease;
use crate::lease::state::{Phase, State};

impl ActiveLease {
    /// Returns a token that is cancelled when the lease ends, in any way.
    pub(crate) fn cancellation_token(&self) -> CancellationToken {
        self.token_in(|state| &mut state.cancellation)
    }

    /// Returns a token that is cancelled when the deadline moves nearer, or the lease ends. It serves
    /// once.
    pub(crate) fn nearer_deadline(&self) -> CancellationToken {
        self.token_in(|state| &mut state.nearer)
    }

    /// Returns the token in this place, or a cancelled one if the lease has ended.
    fn token_in(
        &self,
        place: impl FnOnce(&mut State) -> &mut Option<CancellationToken>,
    ) -> CancellationToken {
        let mut state = self.lock();
        if let Phase::Ended(_) = state.phase {
            let ended = CancellationToken::new();
            ended.cancel();
            return ended;
        }
        place(&mut state)
            .get_or_insert_with(CancellationToken::new)
            .clone()
    }
}
