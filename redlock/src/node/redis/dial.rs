//! Where the connections to a server come from.

use std::convert::Infallible;
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{AsyncConnectionConfig, ConnectionInfo, ErrorKind, RedisError};
use deadpool_redis::{Connection, Manager, Pool, PoolError};

use super::push::Pushes;
use super::{address, fault};
use crate::error::{ConfigError, NodeError, NodeErrorKind};

/// Makes connections to one server.
pub(super) struct Dialer {
    /// In the newer protocol, in which the server can tell those who wait.
    telling: Option<Pool>,
    /// In the older one, for servers and proxies that refuse the newer; or the application's own.
    plain: Pool,
    /// Whether the pool was made by the application, with timeouts of its own.
    is_foreign: bool,
}

/// A connection that was made.
pub(super) struct Dialed {
    pub(super) connection: MultiplexedConnection,
    /// Whether the server can speak without being asked.
    pub(super) can_tell: bool,
}

impl Dialer {
    /// Connections to this address; what the server says without being asked goes to `pushes`.
    pub(super) fn new(info: &ConnectionInfo, pushes: &Pushes) -> Result<Self, ConfigError> {
        let listening = pushes.clone();
        let config = config().set_push_sender(move |push| {
            listening.hear(&push);
            Ok::<_, Infallible>(())
        });
        Ok(Self {
            telling: Some(pool(address::telling(info), config)?),
            ..Self::plain(info)?
        })
    }

    /// Connections to this address, in the older protocol.
    pub(super) fn plain(info: &ConnectionInfo) -> Result<Self, ConfigError> {
        Ok(Self {
            telling: None,
            plain: pool(info.clone(), config())?,
            is_foreign: false,
        })
    }

    /// Connections of the application's own making. It hears what they say, if anybody does.
    pub(super) fn foreign(pool: Pool) -> Self {
        Self {
            telling: None,
            plain: pool,
            is_foreign: true,
        }
    }

    /// Makes a connection, in the newer protocol if the server has it.
    pub(super) async fn dial(&self) -> Result<Dialed, NodeError> {
        if let Some(pool) = &self.telling {
            match pool.get().await {
                Ok(pooled) => {
                    return Ok(Dialed {
                        connection: Connection::take(pooled),
                        can_tell: true,
                    });
                }
                Err(PoolError::Backend(error)) if is_about_protocol(&error) => {}
                Err(error) => return Err(fault::of_connecting(&error)),
            }
        }
        let pooled = self.plain.get().await;
        let pooled = pooled.map_err(|error| fault::of_connecting(&error))?;
        let mut connection = Connection::take(pooled);
        if self.is_foreign {
            // Time is kept by rounds and sessions. A limit here would end the whole connection for
            // one late answer; it can only be set, not taken away.
            connection.set_response_timeout(Duration::from_secs(3600));
        }
        Ok(Dialed {
            connection,
            can_tell: false,
        })
    }
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
    may_differ && !is_refused.contains(&fault::of_command(error).kind())
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        // Time is kept here; the client library's own limit would hide which command it was.
        .set_response_timeout(None)
}

fn pool(info: ConnectionInfo, config: AsyncConnectionConfig) -> Result<Pool, ConfigError> {
    let manager = Manager::new_with_config(address::tune(info), config)
        .map_err(|error| address::refused(&error))?;
    // Connections are taken out of the pool for good, so one place is enough.
    Pool::builder(manager)
        .max_size(1)
        .build()
        .map_err(|error| ConfigError::Address {
            index: 0,
            reason: error.to_string().into(),
        })
}

/// How long making a connection may take, its handshake included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
