//! The protected system's side of fencing: recipes that refuse late writes.
//!
//! A lock with a timeout cannot stop a holder that is paused between checking its guard and
//! writing. A scheduler, a debugger or the network may pause it. The write arrives later, while
//! another owner holds the lock. Only the system that is written to can refuse it.
//!
//! Every acquisition has a [`FencingToken`] larger than those before it, and every write carries
//! the token of its holder. The system remembers the largest token that it has seen, and refuses
//! smaller ones. The [`guarantees`](crate::guarantees#fencing-tokens) state exactly what the tokens
//! promise.
//!
//! # Rules
//!
//! - **Check and write are one atomic step.** If they are two steps, the next holder may do both
//!   between them.
//! - **Equal is accepted.** No two acquisitions of a resource have the same token. An equal token
//!   is therefore the same holder writing again, or repeating a write whose response was lost.
//!   Refuse equal tokens only where an acquisition may write at most once. Tokens do not order the
//!   writes of *one* holder: it waits for one before it sends the next.
//! - **The token is shown before the first read.** Until the system has seen the newer token it
//!   accepts the older one. A late write between the newer holder's read and its write would be
//!   overwritten. Advance first, then read.
//! - **The number is kept with the data**, as durable, and as long. If the data can be deleted and
//!   created again, the number stays.
//! - **One number for one resource.** Tokens of different resources have no order. Data that is
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
//! Bind `$1` to [`as_i64`](FencingToken::as_i64). If no row changes, the token is stale, or there
//! is no such row. The comparison is `<=`, because an equal token is the same holder's second
//! write. With `<` each acquisition can write a row once. For a row that may not exist yet:
//!
//! ```sql
//! INSERT INTO accounts (token, balance, id) VALUES ($1, $2, $3)
//!     ON CONFLICT (id) DO UPDATE SET token = excluded.token, balance = excluded.balance
//!     WHERE accounts.token <= excluded.token
//! ```
//!
//! To read, with the token shown first:
//!
//! ```sql
//! UPDATE accounts SET token = $1 WHERE id = $2 AND token <= $1 RETURNING balance
//! ```
//!
//! For more than one row, use a table of fences, and update its row first in the transaction. The
//! row lock keeps others out until the commit. If no row changes, roll back.
//!
//! ```sql
//! UPDATE fences SET token = $1 WHERE resource = $2 AND token <= $1
//! ```
//!
//! # In Redis
//!
//! A script is one atomic step, and a hash keeps the number with the data. The script returns the
//! largest token seen. The write was done if that is the caller's own token.
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
//! `tonumber` is exact, because tokens stay below 2^53. The script stores the text that was sent,
//! because Lua's `tostring` keeps fourteen digits, too few to distinguish neighbouring tokens. The
//! record must not be evicted, and must not expire before the last paused writer has given up. A
//! server with asynchronous replication may forget the number and the data in a failover.
//!
//! # Over HTTP
//!
//! The holder sends the token in a header of each request that writes: `Fencing-Token: 42`. The
//! server refuses a stale token with 412 (precondition failed), and a missing one with 428
//! (precondition required). The `axum` example shows both sides. The server must check where it
//! writes: a request that passed a check in a gateway could still be overtaken by the next one.

use crate::sync::Mutex;
use crate::token::FencingToken;

/// A gate that remembers the largest token of one resource, and refuses smaller ones.
///
/// It protects a system within this process, such as a cache, or a device or file that only this
/// process writes. The gate is lost when the process ends. Data that outlives the process keeps the
/// number itself (see the [module](self)), or passes it to [`resume`](Self::resume).
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
/// // An earlier holder, which was paused:
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
    /// Creates a gate that has seen no token, and accepts any first one.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            highest: Mutex::new(None),
        }
    }

    /// Creates a gate that has seen `highest`, as it was stored with the data.
    #[must_use]
    pub const fn resume(highest: FencingToken) -> Self {
        Self {
            highest: Mutex::new(Some(highest)),
        }
    }

    /// Accepts `token` unless a larger one was seen, and refuses smaller ones from now on.
    ///
    /// A token equal to the largest belongs to the same holder, and is accepted. Use this to show
    /// the token before the first read. When it has returned, the next holder may come. Work that
    /// must precede the next holder belongs in [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// [`Stale`] if a larger token was seen. There is a newer holder, so the lock is lost, even if
    /// the guard still reports it as held.
    pub fn advance(&self, token: FencingToken) -> Result<(), Stale> {
        self.write(token, || ())
    }

    /// Runs `write` if `token` is accepted. Check and write are one step: all other calls wait
    /// until `write` returns.
    ///
    /// The token counts as seen even if `write` fails or panics. `write` is deliberately not
    /// asynchronous. A write in flight to another system may arrive at any time, so that system has
    /// to check by itself. `write` must not use the same gate, because it would deadlock.
    ///
    /// # Errors
    ///
    /// [`Stale`] if a larger token was seen. `write` is not run.
    ///
    /// # Panics
    ///
    /// If `write` panics. The gate stays usable.
    pub fn write<T>(&self, token: FencingToken, write: impl FnOnce() -> T) -> Result<T, Stale> {
        // Recorded before the write starts, so that a panic leaves the gate in a valid state.
        let mut highest = self.highest.lock();
        match *highest {
            Some(highest) if token < highest => return Err(Stale { token, highest }),
            _ => *highest = Some(token),
        }
        Ok(write())
    }

    /// The largest token seen. Blocks while a [`write`](Self::write) is running.
    #[must_use]
    pub fn highest(&self) -> Option<FencingToken> {
        *self.highest.lock()
    }
}

/// A refused write: the protected system has seen the token of a later holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("token {token} is stale: {highest} was seen")]
pub struct Stale {
    token: FencingToken,
    highest: FencingToken,
}

impl Stale {
    /// Creates the error for a store of your own.
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
    fn the_smallest_and_the_largest_number_are_valid_tokens() {
        let gate = FenceGate::default();
        assert_eq!(gate.advance(token(0)), Ok(()));
        assert_eq!(gate.advance(token(u64::MAX)), Ok(()));
        assert!(gate.advance(token(u64::MAX - 1)).is_err());
    }

    #[test]
    fn a_refused_write_is_not_run() {
        static GATE: FenceGate = FenceGate::resume(token(8));
        let stale = GATE
            .write(token(7), || panic!("a refused write was run"))
            .unwrap_err();
        assert_eq!((stale.token(), stale.highest()), (token(7), token(8)));
    }

    #[test]
    fn a_panic_in_a_write_keeps_its_token_and_the_gate_usable() {
        let gate = FenceGate::new();
        let write = || gate.write(token(7), || panic!("expected"));
        catch_unwind(AssertUnwindSafe(write)).unwrap_err();
        assert!(gate.advance(token(6)).is_err());
        assert_eq!(gate.write(token(7), || "again"), Ok("again"));
    }

    #[test]
    fn accepted_writes_of_many_threads_are_in_order() {
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
