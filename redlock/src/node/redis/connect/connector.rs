//! A source of connections to one server.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncConnectionConfig, ConnectionInfo, ErrorKind, RedisError};
use deadpool_redis::{Connection, Manager, Pool, PoolError};

use crate::error::{ConfigError, NodeError, NodeErrorKind};
use crate::node::redis::connect::{address, socket, tls};
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::invalidation::Invalidations;
use crate::node::redis::wire::Wire;
use crate::node::redis::wire::channel::Channel;
use crate::node::redis::wire::library::LibraryConnection;

/// Makes connections to one server.
pub(crate) struct Connector {
    /// RESP3, in which the server can push invalidations.
    resp3: Option<Transport>,
    /// RESP2, for servers and proxies that refuse RESP3, or a pool of the application.
    fallback: Transport,
}

/// A connection before its handshake.
pub(crate) struct NewConnection {
    pub(crate) wire: Wire,
    /// Whether the server can push messages.
    pub(crate) supports_push: bool,
}

/// The means by which a connection is made.
enum Transport {
    /// A socket of ours.
    Socket {
        info: Box<ConnectionInfo>,
        config: AsyncConnectionConfig,
        /// Receives what the server pushes.
        pushes: Option<Invalidations>,
    },
    /// A pool of ours, which adds TLS.
    Tls(Pool),
    /// A pool of the application, which has timeouts of its own.
    Application(Pool),
}

impl Connector {
    /// Creates a connector to an address. Messages that the server pushes go to `invalidations`.
    pub(crate) fn new(
        info: &ConnectionInfo,
        invalidations: &Invalidations,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            resp3: Some(Transport::new(address::resp3(info), Some(invalidations))?),
            ..Self::resp2(info)?
        })
    }

    /// Creates a connector to an address that uses RESP2 only.
    pub(crate) fn resp2(info: &ConnectionInfo) -> Result<Self, ConfigError> {
        Ok(Self {
            resp3: None,
            fallback: Transport::new(info.clone(), None)?,
        })
    }

    /// Creates a connector over a pool of the application, which receives any pushed messages
    /// itself.
    pub(crate) fn from_pool(pool: Pool) -> Self {
        Self {
            resp3: None,
            fallback: Transport::Application(pool),
        }
    }

    /// Makes a connection, with RESP3 if the server supports it.
    pub(crate) async fn connect(&self) -> Result<NewConnection, NodeError> {
        if let Some(resp3) = &self.resp3 {
            match resp3.connect().await {
                Ok(wire) => {
                    return Ok(NewConnection {
                        wire,
                        supports_push: true,
                    });
                }
                Err(PoolError::Backend(error)) if may_refuse_resp3(&error) => {}
                Err(error) => return Err(error::of_connect(&error)),
            }
        }
        let connected = self.fallback.connect().await;
        Ok(NewConnection {
            wire: connected.map_err(|error| error::of_connect(&error))?,
            supports_push: false,
        })
    }
}

impl Transport {
    /// Without a receiver of `pushes`, the server is not asked to push.
    fn new(info: ConnectionInfo, pushes: Option<&Invalidations>) -> Result<Self, ConfigError> {
        let info = address::with_tcp_settings(info);
        if socket::is_sufficient(&info) {
            return Ok(Self::Socket {
                info: Box::new(info),
                config: config(),
                pushes: pushes.cloned(),
            });
        }
        let config = match pushes.cloned() {
            Some(pushes) => config().set_push_sender(move |push| {
                pushes.on_push(&push);
                Ok::<_, Infallible>(())
            }),
            None => config(),
        };
        let manager = Manager::new_with_config(info.clone(), config)
            .map_err(|error| address::refused(&info, &error))?;
        // Connections leave the pool and never return, so one slot is enough.
        let pool = Pool::builder(manager).max_size(1).build();
        pool.map(Self::Tls)
            .map_err(|error| address::invalid(address::name(&info), &error.to_string()))
    }

    async fn connect(&self) -> Result<Wire, PoolError> {
        match self {
            Self::Socket {
                info,
                config,
                pushes,
            } => {
                let connecting = socket::connect(info, config);
                let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
                let socket = connected
                    .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
                    .map_err(PoolError::Backend)?;
                Ok(Wire::Channel(Box::new(Channel::new(
                    socket,
                    pushes.clone(),
                ))))
            }
            Self::Tls(pool) => {
                tls::ensure_crypto_provider();
                let connected = take_connection(pool).await;
                let connection = connected.map_err(|error| match error {
                    // A server without TLS waits for the end of the greeting.
                    PoolError::Backend(error) if error.is_timeout() => {
                        let error = io::Error::new(io::ErrorKind::TimedOut, PERHAPS_PLAIN);
                        PoolError::Backend(error.into())
                    }
                    error => error,
                })?;
                Ok(Wire::Library(Box::new(LibraryConnection::new(connection))))
            }
            Self::Application(pool) => {
                let mut connection = take_connection(pool).await?;
                // Rounds and sessions have their own time limits. A response timeout would end the
                // whole connection for one late response. It cannot be removed, so it is set to an
                // hour.
                connection.set_response_timeout(Duration::from_secs(3600));
                Ok(Wire::Library(Box::new(LibraryConnection::new(connection))))
            }
        }
    }
}

/// Removes a connection from a pool for good.
async fn take_connection(pool: &Pool) -> Result<MultiplexedConnection, PoolError> {
    pool.get().await.map(Connection::take)
}

/// Whether the server responded, and may have refused only RESP3: it does not know `HELLO`, or the
/// user may not run it.
fn may_refuse_resp3(error: &RedisError) -> bool {
    let is_from_server = match error.kind() {
        ErrorKind::RESP3NotSupported | ErrorKind::Server(_) | ErrorKind::Extension => true,
        // From a proxy that cannot read the response to `HELLO`.
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => true,
        _ => false,
    };
    let in_any_protocol = [NodeErrorKind::Authentication, NodeErrorKind::Loading];
    is_from_server && !in_any_protocol.contains(&error::of_command(error).kind())
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        // Rounds and sessions have their own time limits. The client library's would hide which
        // command was late.
        .set_response_timeout(None)
}

/// The time limit for making a connection, including the client library's handshake.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

const PERHAPS_PLAIN: &str =
    "timed out; if the server does not expect TLS, write redis:// in its URL";
