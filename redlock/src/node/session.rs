//! Options of a session.

use std::time::Duration;

use tokio::runtime::Handle;

/// What a manager asks of a session with a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionOptions {
    /// The runtime that does the session's work.
    pub runtime: Handle,
    /// How long the node may be silent with commands in flight. Beyond that, every command fails
    /// at once, until the node responds again.
    pub silence_limit: Duration,
}

impl SessionOptions {
    /// A session on `runtime`, with a silence limit of 1 s.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self {
            runtime,
            silence_limit: Duration::from_secs(1),
        }
    }

    /// Sets how long the node may be silent with commands in flight.
    ///
    /// Default: 1 s. A manager uses three node timeouts, and at least 1 s.
    #[must_use]
    pub fn silence_limit(mut self, silence_limit: Duration) -> Self {
        self.silence_limit = silence_limit;
        self
    }
}
