//! Tests of the harness itself.

mod daemons;
mod orphans;
mod proxies;
mod servers;
