//! The harness, tried on itself.

mod orphans;
mod proxies;
mod servers;
