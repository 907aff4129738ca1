//! The place of a contest.

use std::sync::atomic::{AtomicUsize, Ordering};

use redlock_tests::{Proxy, Server};

/// The servers, the way to them, and the resource of a contest.
#[derive(Debug)]
pub(crate) struct Venue<'a> {
    pub(crate) servers: &'a [Server],
    pub(crate) urls: Vec<String>,
    pub(crate) resource: String,
}

impl<'a> Venue<'a> {
    /// A new resource on the servers.
    pub(crate) fn of(servers: &'a [Server]) -> Self {
        Self::at(servers.iter().map(Server::url).collect(), servers)
    }

    /// A new resource on the servers, which are reached over the proxies.
    pub(crate) fn over(proxies: &[Proxy], servers: &'a [Server]) -> Self {
        Self::at(proxies.iter().map(Proxy::url).collect(), servers)
    }

    fn at(urls: Vec<String>, servers: &'a [Server]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            servers,
            urls,
            resource: format!("round {number}"),
        }
    }
}
