//! Connections: from an address to one that is ready for commands.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod connector;
pub(crate) mod handshake;
mod last_words;
mod loan;
pub(crate) mod replacement;
mod rights;
pub(crate) mod socket;
pub(crate) mod tls;
