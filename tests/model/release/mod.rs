//! Model of a release whose `SET` is unknown: its connection broke before a response came.
//!
//! One node carries out a `SET` of a round that has ended. Its server may be stopped at any moment.
//! When it wakes, it carries out what it had received on the old connection, before or after what
//! arrives on a new one. A release that is forgotten too early leaves a key that belongs to no
//! lease. Exclusion does not suffer. The next holder waits for a whole ttl, although the lock was
//! released.

mod searches;
mod system;
