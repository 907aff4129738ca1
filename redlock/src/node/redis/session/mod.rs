//! An ordered session with a server: a queue, and a task that sends its commands.

mod driver;
mod event;
mod hint_repeats;
mod in_flight;
mod listening;
mod outbox;
mod parting;
mod pending_releases;
mod queue;
mod reconnect;
mod sending;
pub(crate) mod server;
mod shared;
mod waiting_lists;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{NodeError, NodeErrorKind};
use crate::node::redis::session::driver::Driver;
use crate::node::redis::session::parting::Parting;
use crate::node::redis::session::server::Server;
use crate::node::redis::session::shared::Shared;
use crate::node::{Command, NodeReport, Session, SessionOptions};
use crate::sync::Mutex;

/// A session with a server.
///
/// Commands enter a queue. A task on the session's runtime sends them in batches.
pub(crate) struct RedisSession {
    server: Arc<Server>,
    shared: Arc<Shared>,
    /// The connection, once the runtime has ended.
    parting: Arc<Mutex<Option<Parting>>>,
}

impl RedisSession {
    pub(crate) fn start(server: &Arc<Server>, options: SessionOptions) -> Arc<Self> {
        let shared = Arc::new(Shared::new(server.name()));
        let (node, state) = (Arc::clone(server), Arc::clone(&shared));
        let parting = Arc::default();
        let driver = Driver::new(node, state, &options, &parting);
        options.spawn(driver.run());
        server.add_session(&shared);
        Arc::new(Self {
            server: Arc::clone(server),
            shared,
            parting,
        })
    }
}

impl Session for RedisSession {
    fn submit(&self, command: Command) {
        if let Command::Ping(ping) = &command
            && ping.after_releases
            && self.shared.is_unused()
            && !self.server.has_left_behind()
        {
            // A server that hangs would delay it until the attempt to connect ends.
            let text = "no connection yet, and nothing to release";
            return command.fail(NodeError::unsent(NodeErrorKind::Unreachable, text));
        }
        let Some(command) = self.shared.submit(command) else {
            return;
        };
        // The runtime of this session has ended.
        let release = match command {
            // A guard of the parent that a forked child drops is still the parent's.
            Command::Release(release) if !self.shared.is_copy() => release,
            command => return command.fail(shared::ended()),
        };
        if let Some(parting) = &mut *self.parting.lock() {
            parting.write(std::iter::once(&release));
        }
        self.server.leave_behind(release);
    }

    fn report(&self) -> NodeReport {
        self.shared.report()
    }

    fn time_of_day(&self) -> Option<u64> {
        self.shared.time_of_day()
    }

    fn notifies(&self) -> bool {
        self.shared.notifies()
    }

    fn hints(&self) -> bool {
        self.shared.hints()
    }

    fn round_trip(&self) -> Option<Duration> {
        self.shared.round_trip()
    }
}

impl Drop for RedisSession {
    /// Lets the task end, once its work is done.
    fn drop(&mut self) {
        // The task belongs to the parent of a forked process, and so may the lock of the queue.
        if !self.shared.is_copy() {
            self.shared.queue().end_session();
        }
    }
}

impl fmt::Debug for RedisSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSession")
            .field("node", self.server.name())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use deadpool_redis::redis::IntoConnectionInfo;
    use tokio::runtime::Handle;

    use super::*;
    use crate::lease_id::LeaseId;
    use crate::node::redis::connect::connector::Connector;
    use crate::node::redis::protocol::invalidation::Invalidations;
    use crate::node::{Keys, Moment, Ping, Release, Responder};

    /// Returns a server. Nothing connects to it: the task of a session runs once a test waits.
    fn server() -> Arc<Server> {
        let info = "redis://127.0.0.1:1".into_connection_info().unwrap();
        let connector = Connector::resp2(&info).unwrap();
        let server = Server::new("a".into(), connector, Invalidations::default());
        Arc::new(server)
    }

    fn release() -> Release {
        let (keys, id) = (Keys::from(Arc::from(&b"a"[..])), LeaseId::draw());
        let gone_by = Moment::now().saturating_add(Duration::from_secs(60));
        Release::new(keys, id, gone_by, Responder::ignored())
    }

    /// Whether a session responds at once to a ping behind all releases.
    fn responds(session: &RedisSession) -> bool {
        let has_responded = Arc::new(AtomicBool::new(false));
        let responded = Arc::clone(&has_responded);
        let responder = Responder::from_fn(move |_| responded.store(true, Ordering::Relaxed));
        session.submit(Command::Ping(Ping::new(responder).after_releases()));
        has_responded.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn only_a_session_with_releases_is_waited_for() {
        let start = |server| RedisSession::start(server, SessionOptions::new(Handle::current()));
        let server = server();
        let first = start(&server);
        assert!(responds(&first));
        first.submit(Command::Release(release()));
        assert!(!responds(&first));
        let second = start(&server);
        assert!(responds(&second));
        server.leave_behind(release());
        assert!(!responds(&second));
        assert!(!responds(&start(&server)));
    }
}
