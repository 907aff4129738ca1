//! Connections: from an address to one that is ready for commands.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod connector;
pub(crate) mod handshake;
pub(crate) mod io;
pub(crate) mod last_words;
pub(crate) mod parting_stream;
pub(crate) mod replacement;
mod rights;
pub(crate) mod socket;
pub(crate) mod tls;
