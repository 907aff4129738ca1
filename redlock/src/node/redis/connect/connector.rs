//! Where the connections to a server come from.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncConnectionConfig, ConnectionInfo, ErrorKind, RedisError};
use deadpool_redis::{Connection, Manager, Pool, PoolError};

use crate::error::{ConfigError, NodeError, NodeErrorKind};
use crate::node::redis::connect::io::ConnectionIo;
use crate::node::redis::connect::{address, socket, tls};
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::invalidation::Invalidations;

/// Makes connections to one server.
pub(crate) struct Connector {
    /// In the newer protocol, in which the server can tell those who wait.
    resp3: Option<Transport>,
    /// In the older one, for servers and proxies that refuse the newer; or the application's own.
    resp2: Transport,
}

/// A connection that was made.
pub(crate) struct NewConnection {
    pub(crate) connection: MultiplexedConnection,
    pub(crate) io: ConnectionIo,
    /// Whether the server can speak without being asked.
    pub(crate) supports_push: bool,
}

/// How a connection is made.
enum Transport {
    /// Over a socket of ours.
    Socket(Box<ConnectionInfo>, AsyncConnectionConfig),
    /// By a pool of ours: it takes more than a socket to get there.
    Tls(Pool),
    /// By a pool of the application, which has timeouts of its own.
    Foreign(Pool),
}

impl Connector {
    /// Connections to this address; what the server says without being asked goes to `pushes`.
    pub(crate) fn new(
        info: &ConnectionInfo,
        invalidations: &Invalidations,
    ) -> Result<Self, ConfigError> {
        let listening = invalidations.clone();
        let config = config().set_push_sender(move |push| {
            listening.on_push(&push);
            Ok::<_, Infallible>(())
        });
        Ok(Self {
            resp3: Some(Transport::new(address::resp3(info), config)?),
            ..Self::resp2(info)?
        })
    }

    /// Connections to this address, in the older protocol.
    pub(crate) fn resp2(info: &ConnectionInfo) -> Result<Self, ConfigError> {
        Ok(Self {
            resp3: None,
            resp2: Transport::new(info.clone(), config())?,
        })
    }

    /// Connections of the application's own making. It hears what they say, if anybody does.
    pub(crate) fn foreign(pool: Pool) -> Self {
        Self {
            resp3: None,
            resp2: Transport::Foreign(pool),
        }
    }

    /// Makes a connection, in the newer protocol if the server has it.
    pub(crate) async fn connect(&self) -> Result<NewConnection, NodeError> {
        if let Some(way) = &self.resp3 {
            match way.connect().await {
                Ok((connection, io)) => {
                    return Ok(NewConnection {
                        connection,
                        io,
                        supports_push: true,
                    });
                }
                Err(PoolError::Backend(error)) if is_about_protocol(&error) => {}
                Err(error) => return Err(error::of_connecting(&error)),
            }
        }
        let made = self.resp2.connect().await;
        let (mut connection, io) = made.map_err(|error| error::of_connecting(&error))?;
        if let Transport::Foreign(_) = self.resp2 {
            // Time is kept by rounds and sessions. A limit here would end the whole connection for
            // one late answer; it can only be set, not taken away.
            connection.set_response_timeout(Duration::from_secs(3600));
        }
        Ok(NewConnection {
            connection,
            io,
            supports_push: false,
        })
    }
}

impl Transport {
    fn new(info: ConnectionInfo, config: AsyncConnectionConfig) -> Result<Self, ConfigError> {
        let info = address::tune(info);
        if socket::reaches(&info) {
            return Ok(Self::Socket(Box::new(info), config));
        }
        let manager =
            Manager::new_with_config(info, config).map_err(|error| address::refused(&error))?;
        // Connections are taken out of the pool for good, so one place is enough.
        let pool = Pool::builder(manager).max_size(1).build();
        pool.map(Self::Tls).map_err(|error| ConfigError::Address {
            index: 0,
            reason: error.to_string().into(),
        })
    }

    async fn connect(&self) -> Result<(MultiplexedConnection, ConnectionIo), PoolError> {
        match self {
            Self::Socket(info, config) => {
                let connecting = socket::connect(info, config.clone());
                let made = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
                let made =
                    made.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
                made.map_err(PoolError::Backend)
            }
            Self::Tls(pool) => {
                tls::provide();
                take(pool).await
            }
            Self::Foreign(pool) => take(pool).await,
        }
    }
}

/// Takes a connection out of a pool, for good. It has a task of its own.
async fn take(pool: &Pool) -> Result<(MultiplexedConnection, ConnectionIo), PoolError> {
    let pooled = pool.get().await?;
    Ok((Connection::take(pooled), ConnectionIo::elsewhere()))
}

/// Whether the server is there and may have refused only the way in which it was greeted: it does
/// not know `HELLO`, or the user may not say it.
fn is_about_protocol(error: &RedisError) -> bool {
    let may_differ = match error.kind() {
        ErrorKind::RESP3NotSupported | ErrorKind::Server(_) | ErrorKind::Extension => true,
        // A proxy that does not understand the answer to it either.
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => true,
        _ => false,
    };
    let is_refused = [NodeErrorKind::Authentication, NodeErrorKind::Loading];
    may_differ && !is_refused.contains(&error::of_command(error).kind())
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        // Time is kept here; the client library's own limit would hide which command it was.
        .set_response_timeout(None)
}

/// How long making a connection may take, its handshake included.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
