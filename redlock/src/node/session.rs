//! Options of a session.

use std::time::Duration;

use tokio::runtime::Handle;

/// Options of a [`Session`](crate::node::Session).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionOptions {
    /// The runtime on which the session runs its tasks.
    pub runtime: Handle,
    /// The time a node may be silent with commands in flight. Beyond it, commands fail at once
    /// until the node responds again.
    pub silence_limit: Duration,
}

impl SessionOptions {
    /// Creates options for a session on `runtime`, with a silence limit of 1 s.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            silence_limit: Duration::from_secs(1),
        }
    }

    /// Sets the time a node may be silent with commands in flight.
    ///
    /// Default: 1 s. A manager uses three node timeouts, and at least 1 s.
    #[must_use]
    pub fn silence_limit(mut self, silence_limit: Duration) -> Self {
        self.silence_limit = silence_limit;
        self
    }
}
