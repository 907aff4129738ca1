//! Groups of test servers.

use std::ops::Deref;
use std::{iter, slice, thread};

use crate::{Proxy, Server, ServerBuilder};

/// A group of independent servers. Dereferences to a slice.
#[derive(Debug)]
pub struct Servers(Vec<Server>);

impl Servers {
    /// Starts `n` servers at the same time and returns once all of them respond.
    #[track_caller]
    pub fn start(n: usize) -> Self {
        Self::start_each(iter::repeat_n(Server::builder(), n))
    }

    /// Starts one server for each of `builders`, at the same time.
    #[track_caller]
    pub fn start_each(builders: impl IntoIterator<Item = ServerBuilder>) -> Self {
        let builders: Vec<_> = builders.into_iter().collect();
        thread::scope(|scope| {
            let starts: Vec<_> = builders
                .iter()
                .map(|builder| scope.spawn(|| builder.start()))
                .collect();
            // A failed start has already reported the reason.
            Self(
                starts
                    .into_iter()
                    .map(|start| start.join().expect("the server starts"))
                    .collect(),
            )
        })
    }

    /// Returns the URLs of all servers, in order.
    pub fn urls(&self) -> Vec<String> {
        self.iter().map(Server::url).collect()
    }

    /// Opens a proxy to each server, in order.
    pub fn proxies(&self) -> Vec<Proxy> {
        self.iter().map(Server::proxy).collect()
    }

    /// Calls `act` on all servers at the same time, each in its own thread.
    pub fn at_once(&self, act: impl Fn(&Server) + Sync) {
        thread::scope(|scope| {
            for server in self {
                scope.spawn(|| act(server));
            }
        });
    }
}

impl Deref for Servers {
    type Target = [Server];

    fn deref(&self) -> &[Server] {
        &self.0
    }
}

impl<'a> IntoIterator for &'a Servers {
    type Item = &'a Server;
    type IntoIter = slice::Iter<'a, Server>;

    fn into_iter(self) -> slice::Iter<'a, Server> {
        self.0.iter()
    }
}
