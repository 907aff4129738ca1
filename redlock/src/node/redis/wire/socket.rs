//! A plain socket to a server.

use std::io;
use std::io::Write;
use std::net;
#[cfg(unix)]
use std::os::unix;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A connected socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    /// Without a runtime. It does not block.
    BareTcp(net::TcpStream),
    #[cfg(unix)]
    BareUnix(unix::net::UnixStream),
}

impl Socket {
    /// Takes the socket out of its runtime, which has ended: that no longer notices when a socket takes
    /// more. From now on it can only be written to.
    pub(super) fn without_runtime(self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => stream.into_std().map(Self::BareTcp),
            #[cfg(unix)]
            Self::Unix(stream) => stream.into_std().map(Self::BareUnix),
            bare => Ok(bare),
        }
    }

    /// Reads what has arrived. Zero bytes mean the end.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(room);
        let read = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            #[cfg(unix)]
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            _ => Poll::Pending,
        };
        read.map_ok(|()| buffer.filled().len())
    }

    /// Writes as much as the socket takes at once.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.try_write(bytes),
            Self::BareTcp(stream) => (&*stream).write(bytes),
            #[cfg(unix)]
            Self::BareUnix(stream) => (&*stream).write(bytes),
        }
    }

    /// Waits until [`try_write`](Self::try_write) may succeed.
    pub(super) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(cx),
            #[cfg(unix)]
            Self::Unix(stream) => stream.poll_write_ready(cx),
            _ => Poll::Pending,
        }
    }
}
