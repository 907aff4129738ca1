//! A stream on loan to the client library.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::sync::Mutex;

/// A stream on loan. It returns to its [`Lender`] when this is dropped.
pub(crate) struct Loan<S> {
    /// `None` only while it is dropped.
    stream: Option<S>,
    lender: Lender<S>,
}

/// The owner of a stream on loan.
pub(crate) struct Lender<S>(Arc<Mutex<Option<S>>>);

impl<S> Loan<S> {
    /// Lends a stream.
    pub(crate) fn new(stream: S) -> (Self, Lender<S>) {
        let returned = Arc::new(Mutex::new(None));
        let loan = Self {
            stream: Some(stream),
            lender: Lender(Arc::clone(&returned)),
        };
        (loan, Lender(returned))
    }
}

impl<S> Lender<S> {
    /// Returns the stream, once it is back.
    pub(crate) fn take(&self) -> Option<S> {
        self.0.lock().take()
    }
}

impl<S> Drop for Loan<S> {
    fn drop(&mut self) {
        *self.lender.0.lock() = self.stream.take();
    }
}

impl<S: Unpin> Loan<S> {
    fn poll<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut S>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match &mut self.stream {
            Some(stream) => poll(Pin::new(stream)),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Loan<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_read(cx, buffer))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Loan<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(|stream| stream.poll_shutdown(cx))
    }
}
