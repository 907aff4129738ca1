//! Connections: from an address to one that is ready for commands.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod connector;
mod draft;
pub(crate) mod handshake;
mod last_words;
mod loan;
pub(crate) mod ready_connection;
pub(crate) mod replacement;
mod rights;
pub(crate) mod server_facts;
pub(crate) mod socket;
pub(crate) mod tls;
