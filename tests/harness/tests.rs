//! The harness, tried on itself.

mod links;
mod orphans;
mod servers;
