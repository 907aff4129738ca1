//! Sockets to a server, and the greeting over them.

use std::io;
use std::net::SocketAddr;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::io::tcp::{TcpSettings, socket2::SockRef};
use deadpool_redis::redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::node::redis::connect::last_words::{LastWords, RememberingStream};
use crate::node::redis::connect::loan::Loan;
use crate::node::redis::wire::socket::Socket;

/// Whether a plain socket is sufficient to connect, without TLS.
pub(crate) fn is_sufficient(info: &ConnectionInfo) -> bool {
    let is_unix = matches!(info.addr(), ConnectionAddr::Unix(_));
    matches!(info.addr(), ConnectionAddr::Tcp(..)) || cfg!(unix) && is_unix
}

/// Connects a socket, then negotiates the protocol and authenticates by means of the client library.
pub(crate) async fn connect(
    info: &ConnectionInfo,
    config: &AsyncConnectionConfig,
) -> RedisResult<Socket> {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => {
            let stream = tcp(host, *port).await?;
            apply_settings(&stream, info.tcp_settings())?;
            greet(stream, info, config).await.map(Socket::Tcp)
        }
        #[cfg(unix)]
        ConnectionAddr::Unix(path) => {
            let stream = UnixStream::connect(path).await?;
            greet(stream, info, config).await.map(Socket::Unix)
        }
        _ => Err(RedisError::from((
            ErrorKind::InvalidClientConfig,
            "address needs more than a plain socket",
        ))),
    }
}

/// Lends the stream to the client library for the greeting, and returns it.
async fn greet<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    info: &ConnectionInfo,
    config: &AsyncConnectionConfig,
) -> RedisResult<S> {
    let (loan, lender) = Loan::new(stream);
    let last_words = LastWords::default();
    let stream = RememberingStream::new(loan, last_words.clone());
    let settings = info.redis_settings();
    let greeting = MultiplexedConnection::new_with_config(settings, stream, config.clone()).await;
    // Every response to the greeting was read, and a server says nothing more on its own yet.
    match (greeting.map(drop), last_words.get()) {
        (Ok(()), _) => lender
            .take()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into()),
        (Err(_), _) if last_words.has_tls_alert() => Err(io::Error::other(TLS).into()),
        (Err(error), Some(words)) if error.is_io_error() => Err(words.into()),
        // Some servers reset the connection without an alert.
        (Err(error), None) if error.is_connection_dropped() => {
            Err(io::Error::other(format!("{error}; {MAYBE_TLS}")).into())
        }
        (Err(error), _) => Err(error),
    }
}

/// Connects to the address of the host that accepts first: one of them may be unreachable.
async fn tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    if let [address] = *addresses {
        return TcpStream::connect(address).await;
    }
    let mut attempts: JoinSet<_> = addresses.into_iter().map(TcpStream::connect).collect();
    let mut outcome = Err(io::Error::new(
        io::ErrorKind::NotFound,
        "host has no address",
    ));
    while let Some(attempt) = attempts.join_next().await {
        outcome = attempt
            .map_err(io::Error::other)
            .and_then(|connected| connected);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn apply_settings(stream: &TcpStream, settings: &TcpSettings) -> io::Result<()> {
    stream.set_nodelay(settings.nodelay())?;
    let socket = SockRef::from(stream);
    if let Some(keepalive) = settings.keepalive() {
        socket.set_tcp_keepalive(keepalive)?;
    }
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    socket.set_tcp_user_timeout(settings.user_timeout())?;
    Ok(())
}

const TLS: &str = "the server expects TLS: write rediss:// in its URL";

const MAYBE_TLS: &str = "if the server expects TLS, write rediss:// in its URL";
