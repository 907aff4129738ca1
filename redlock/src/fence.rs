//! The protected side: how a system refuses a write that comes too late.
//!
//! A lock with a timeout cannot stop a holder that is paused, by its scheduler, a debugger or the
//! network, between looking at its guard and writing. The write arrives later, when somebody else
//! has the lock. What can refuse it is the system that is written to: every acquisition has a
//! [`FencingToken`] larger than those before it, every write carries the token of its holder, and
//! the system remembers the largest that it has seen and refuses smaller ones. What exactly the
//! tokens promise is in [`guarantees`](crate::guarantees#fencing-tokens).
//!
//! # Rules
//!
//! - **Check and write are one atomic step.** Between a check and a write that are two, the next
//!   holder may do both.
//! - **Equal is accepted.** No two acquisitions of a resource have the same token, so an equal one
//!   is the same holder writing again, or repeating a write whose answer was lost. Only where an
//!   acquisition is to write at most once is equal to be refused. The writes of *one* holder are
//!   not put in order: it waits for one before it sends the next.
//! - **The token is shown before the first read.** Until the system has seen the newer token it
//!   accepts the older one, and a late write between the newer holder's read and its write would
//!   be overwritten. Advance first, then read.
//! - **The number is kept with the data**, as durable, and as long. Where the data can be deleted
//!   and made again, the number stays.
//! - **One number for one resource.** Tokens of different resources have no order: what is
//!   protected by one resource is always protected by that one.
//!
//! # In memory
//!
//! [`FenceGate`] remembers the largest token of one resource, for a system that lives in one
//! process.
//!
//! # In SQL
//!
//! A column beside the data, `token BIGINT NOT NULL DEFAULT 0`:
//!
//! ```sql
//! UPDATE accounts SET token = $1, balance = $2 WHERE id = $3 AND token <= $1
//! ```
//!
//! with [`as_i64`](FencingToken::as_i64) for `$1`. No row changed: the token is stale, or there is
//! no such row. `<=` and not `<`, as equal is the same holder's second write; with `<` each
//! acquisition can write a row once. A row that may not exist yet:
//!
//! ```sql
//! INSERT INTO accounts (token, balance, id) VALUES ($1, $2, $3)
//!     ON CONFLICT (id) DO UPDATE SET token = excluded.token, balance = excluded.balance
//!     WHERE accounts.token <= excluded.token
//! ```
//!
//! Reading, with the token shown first:
//!
//! ```sql
//! UPDATE accounts SET token = $1 WHERE id = $2 AND token <= $1 RETURNING balance
//! ```
//!
//! More than one row: a table of fences, of which a row is updated first in the transaction. Its
//! row lock keeps others out until the commit; if no row changed, roll back.
//!
//! ```sql
//! UPDATE fences SET token = $1 WHERE resource = $2 AND token <= $1
//! ```
//!
//! # In Redis
//!
//! A script is one atomic step, and a hash keeps the number with the data. It returns the largest
//! token that was seen: the write was done if that is one's own.
//!
//! ```lua
//! -- KEYS[1]: the record. ARGV[1]: the token. ARGV[2]: what to write.
//! local seen = redis.call('HGET', KEYS[1], 'token')
//! if seen and tonumber(ARGV[1]) < tonumber(seen) then
//!     return seen
//! end
//! redis.call('HSET', KEYS[1], 'token', ARGV[1], 'value', ARGV[2])
//! return ARGV[1]
//! ```
//!
//! `tonumber` is exact, as tokens stay below 2^53; what is stored is the text that was sent, since
//! Lua's own `tostring` keeps fourteen digits, too few to tell neighbours apart. The record may not
//! be evicted, and may not expire before the last paused writer has given up. A server that is
//! replicated asynchronously may forget the number with the data when a replica takes over.
//!
//! # Over HTTP
//!
//! The holder sends the token in a header of each request that writes, `Fencing-Token: 42`, and
//! the server refuses: 412 (precondition failed) for a stale token, 428 (precondition required)
//! for none. The `axum` example does it on both sides. It is the server that checks, where it
//! writes; a gateway in front of it could still be overtaken by the next request.

use crate::sync::Mutex;
use crate::token::FencingToken;

/// Remembers the largest token of one resource, and refuses smaller ones.
///
/// For what lives in this process, such as a cache, a device or a file that only this process
/// writes. It forgets when the process ends: what outlives the process keeps the number itself
/// (see the [module](self)), or gives it back to [`resume`](Self::resume).
///
/// # Examples
///
/// ```
/// use redlock::FencingToken;
/// use redlock::fence::FenceGate;
///
/// let gate = FenceGate::new();
/// let (older, newer) = (FencingToken::new(7), FencingToken::new(8));
/// let mut file = Vec::new();
///
/// gate.write(newer, || file.push("from the holder"))?;
/// gate.write(newer, || file.push("and once more"))?;
///
/// // A holder that was paused, and is late:
/// let stale = gate.write(older, || file.push("too late")).unwrap_err();
/// assert_eq!(stale.to_string(), "token 7 is stale: 8 was seen");
/// assert_eq!(file, ["from the holder", "and once more"]);
/// # Ok::<(), redlock::fence::Stale>(())
/// ```
#[derive(Debug, Default)]
pub struct FenceGate {
    highest: Mutex<Option<FencingToken>>,
}

impl FenceGate {
    /// A gate that has seen nothing, and accepts any first token.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            highest: Mutex::new(None),
        }
    }

    /// A gate that has seen `highest`, read from where it was kept with the data.
    #[must_use]
    pub const fn resume(highest: FencingToken) -> Self {
        Self {
            highest: Mutex::new(Some(highest)),
        }
    }

    /// Accepts `token` unless a larger one was seen, and refuses smaller ones from now on.
    ///
    /// A token equal to the largest is the same holder's, and accepted. For showing the token
    /// before the first read; when this has returned, the next holder may come. What has to happen
    /// before that belongs in [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// [`Stale`] if a larger token was seen: there is a newer holder. The lock is lost, whatever
    /// the guard said last.
    pub fn advance(&self, token: FencingToken) -> Result<(), Stale> {
        self.write(token, || ())
    }

    /// Runs `write` if `token` is accepted, and lets nobody else through meanwhile: check and
    /// write are one step.
    ///
    /// The token counts as seen even if `write` fails or panics. `write` is not asynchronous, on
    /// purpose: of a write under way to another system nobody can tell when it arrives, so that
    /// system has to check. `write` must not use the same gate, which would wait for itself.
    ///
    /// # Errors
    ///
    /// [`Stale`] if a larger token was seen. `write` was not run.
    ///
    /// # Panics
    ///
    /// If `write` panics. The gate stays usable.
    pub fn write<T>(&self, token: FencingToken, write: impl FnOnce() -> T) -> Result<T, Stale> {
        // The token is recorded before the write begins, so a panic leaves nothing half done.
        let mut highest = self.highest.lock();
        match *highest {
            Some(highest) if token < highest => return Err(Stale { token, highest }),
            _ => *highest = Some(token),
        }
        Ok(write())
    }

    /// The largest token seen. Waits for a [`write`](Self::write) that is under way.
    #[must_use]
    pub fn highest(&self) -> Option<FencingToken> {
        *self.highest.lock()
    }
}

/// A write was refused, because a later holder has been there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("token {token} is stale: {highest} was seen")]
pub struct Stale {
    token: FencingToken,
    highest: FencingToken,
}

impl Stale {
    /// The refusal of a store of your own.
    #[must_use]
    pub const fn new(token: FencingToken, highest: FencingToken) -> Self {
        Self { token, highest }
    }

    /// The token that was refused.
    #[must_use]
    pub const fn token(&self) -> FencingToken {
        self.token
    }

    /// The largest token that had been seen.
    #[must_use]
    pub const fn highest(&self) -> FencingToken {
        self.highest
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::*;

    const fn token(value: u64) -> FencingToken {
        FencingToken::new(value)
    }

    #[test]
    fn a_smaller_token_is_refused_and_changes_nothing() {
        let gate = FenceGate::new();
        assert_eq!(gate.highest(), None);
        assert_eq!(gate.advance(token(7)), Ok(()));
        assert_eq!(gate.advance(token(9)), Ok(()));
        assert_eq!(gate.advance(token(8)), Err(Stale::new(token(8), token(9))));
        assert_eq!(gate.highest(), Some(token(9)));
    }

    #[test]
    fn an_equal_token_is_the_same_holder_and_accepted() {
        let gate = FenceGate::new();
        assert_eq!(gate.write(token(7), || "first"), Ok("first"));
        assert_eq!(gate.write(token(7), || "second"), Ok("second"));
    }

    #[test]
    fn the_smallest_and_the_largest_number_are_tokens_too() {
        let gate = FenceGate::default();
        assert_eq!(gate.advance(token(0)), Ok(()));
        assert_eq!(gate.advance(token(u64::MAX)), Ok(()));
        assert!(gate.advance(token(u64::MAX - 1)).is_err());
    }

    #[test]
    fn what_is_refused_is_not_run() {
        static GATE: FenceGate = FenceGate::resume(token(8));
        let stale = GATE.write(token(7), || panic!("run")).unwrap_err();
        assert_eq!((stale.token(), stale.highest()), (token(7), token(8)));
    }

    #[test]
    fn a_write_that_panics_has_shown_its_token_and_leaves_the_gate_usable() {
        let gate = FenceGate::new();
        let write = || gate.write(token(7), || panic!("as it should"));
        catch_unwind(AssertUnwindSafe(write)).unwrap_err();
        assert!(gate.advance(token(6)).is_err());
        assert_eq!(gate.write(token(7), || "again"), Ok("again"));
    }

    #[test]
    fn of_many_threads_at_once_the_writes_that_pass_are_in_order() {
        let gate = FenceGate::new();
        let written = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for first in 0..8 {
                let (gate, written) = (&gate, &written);
                scope.spawn(move || {
                    for value in (first..4000).step_by(8) {
                        let write = || written.lock().push(value);
                        let refused = gate.write(token(value), write).err();
                        assert!(refused.is_none_or(|stale| stale.highest() > stale.token()));
                    }
                });
            }
        });
        let written = written.lock();
        assert!(written.is_sorted(), "{written:?}");
        assert_eq!(written.last(), Some(&3999));
        assert_eq!(gate.highest(), Some(token(3999)));
    }
}
