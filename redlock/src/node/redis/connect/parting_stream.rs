//! Writes to a socket whose runtime has ended.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A stream that can be written to without its runtime.
///
/// The runtime reports an error for every socket once it shuts down, although the socket is open. From
/// [parting](Parting::set) on, this stream asks the socket itself, and reads nothing more.
pub(crate) struct PartingStream<S> {
    stream: S,
    parting: Parting,
}

/// Whether a stream must do without its runtime.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parting(Arc<AtomicBool>);

impl Parting {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A socket that can be written to without a context. Never blocks.
pub(crate) trait TryWrite {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

impl TryWrite for TcpStream {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }
}

#[cfg(unix)]
impl TryWrite for UnixStream {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }
}

impl<S> PartingStream<S> {
    pub(crate) fn new(stream: S, parting: Parting) -> Self {
        Self { stream, parting }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for PartingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.parting.is_set() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + TryWrite + Unpin> AsyncWrite for PartingStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.parting.is_set() {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        match self.stream.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            written => Poll::Ready(written),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.parting.is_set() {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(cx, first.map_or(&[], |slice| slice))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.parting.is_set() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;
    use std::task::Waker;

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_stream_is_written_to_after_its_runtime_has_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let stream = runtime.block_on(TcpStream::connect(address)).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        drop(runtime);

        let parting = Parting::default();
        let mut stream = PartingStream::new(stream, parting.clone());
        let cx = &mut Context::from_waker(Waker::noop());
        let write = Pin::new(&mut stream).poll_write(cx, b"late");
        assert!(matches!(write, Poll::Ready(Err(_))), "{write:?}");
        parting.set();
        let write = Pin::new(&mut stream).poll_write(cx, b"late");
        assert!(matches!(write, Poll::Ready(Ok(4))), "{write:?}");
        drop(stream);
        let mut received = String::new();
        accepted.read_to_string(&mut received).unwrap();
        assert_eq!(received, "late");
    }
}
