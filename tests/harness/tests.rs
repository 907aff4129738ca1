//! Tests of the harness itself.

mod orphans;
mod proxies;
mod servers;
