//! A lock made of bare commands, as the lower bound of the cost.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::io::tcp::TcpSettings;
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo, Script, Value, cmd,
};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// The commands of a lock and its release, sent with the client library alone.
///
/// There is one multiplexed connection per node and one future per command. A command goes to all
/// nodes at once and completes when a quorum of them has succeeded. A background task awaits the
/// other responses, because a command whose future is dropped early may never be sent.
///
/// There is no clock, no extension, no retry, no cleanup after a failed acquire and no reconnect.
/// This is a lower bound to measure against, not a lock.
#[derive(Clone, Debug)]
pub struct Bare(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connections: Vec<MultiplexedConnection>,
    ttl: Duration,
    /// The hash of the release script.
    release: String,
}

impl Bare {
    /// Connects to all of `urls` and loads the script into the servers.
    ///
    /// # Panics
    ///
    /// Panics if a server does not respond.
    pub async fn connect(urls: &[String], ttl: Duration) -> Self {
        let script = Script::new(RELEASE);
        let mut connections = Vec::new();
        for url in urls {
            let info = url.as_str().into_connection_info().expect("a URL");
            // Sends small commands at once, without Nagle's algorithm.
            let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
            let client = Client::open(info).expect("a URL");
            let config = AsyncConnectionConfig::new()
                .set_pipeline_buffer_size(NEVER_FULL)
                .set_response_timeout(Some(PATIENCE));
            let connecting = client.get_multiplexed_async_connection_with_config(&config);
            let mut connection = connecting.await.expect("a server");
            let mut load = cmd("SCRIPT");
            load.arg("LOAD").arg(RELEASE);
            let loading = load.query_async::<String>(&mut connection);
            loading.await.expect("a server that takes scripts");
            connections.push(connection);
        }
        let release = script.get_hash().to_owned();
        Self(Arc::new(Inner {
            connections,
            ttl,
            release,
        }))
    }

    /// Takes the lock on `resource` and releases it.
    ///
    /// # Panics
    ///
    /// Panics if fewer than a quorum of nodes succeed.
    pub async fn lock(&self, resource: &str) {
        let id = format!("{:032x}", rand::random::<u128>());
        let mut set = cmd("SET");
        set.arg(resource).arg(&id).arg("NX").arg("PX");
        set.arg(self.0.ttl.as_millis().to_string());
        self.at_a_quorum(set, Value::Okay).await;
        let mut release = cmd("EVALSHA");
        release.arg(&self.0.release).arg(1).arg(resource).arg(&id);
        self.at_a_quorum(release, Value::Int(1)).await;
    }

    async fn at_a_quorum(&self, command: Cmd, yes: Value) {
        let command = Arc::new(command);
        let nodes = self.0.connections.iter().cloned();
        let mut responses: FuturesUnordered<_> = nodes
            .map(|mut node| {
                let command = Arc::clone(&command);
                async move { command.query_async::<Value>(&mut node).await }
            })
            .collect();
        let mut missing = self.0.connections.len() / 2 + 1;
        while missing > 0 {
            let response = responses.next().await.expect("a quorum");
            missing -= usize::from(response == Ok(yes.clone()));
        }
        if !responses.is_empty() {
            let _detached = tokio::spawn(responses.collect::<Vec<_>>());
        }
    }
}

/// Pipeline buffer size, large enough never to be full.
///
/// A command that waits for buffer space can be overtaken by a later one. A release could then
/// arrive before its acquire.
const NEVER_FULL: usize = 64 * 1024;

/// The timeout of a response, as costly as the default of half a second. A busy machine exceeds that.
const PATIENCE: Duration = Duration::from_secs(30);

const RELEASE: &str =
    "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0";
