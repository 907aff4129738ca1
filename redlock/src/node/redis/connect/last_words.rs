//! The error that a server sends before it closes a connection.
//!
//! A server that has too many clients, or forbids this one, says so and closes the connection. The
//! client library sees the end first: its next write fails, or a response is missing. A stream that
//! remembers the error lets it be quoted in place of `broken pipe`.
//!
//! ```text
//! event                                              last words
//! the greeting is written                            -
//! `-ERR max number of clients reached` arrives       ERR max number of clients reached
//! the connection ends                                these are quoted
//!
//! a response starts with `-`                         that error
//! another response arrives, or bytes are written     -
//! ```

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use deadpool_redis::redis::{ServerError, Value, parse_redis_value};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::sync::Mutex;

/// The last words of a server, shared between a stream and its connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastWords(Arc<Mutex<Words>>);

#[derive(Debug, Default)]
struct Words {
    error: Vec<u8>,
    /// Whether the server ended the connection in the words of TLS.
    has_tls_alert: bool,
}

/// A stream that remembers the last words of the server.
pub(crate) struct RememberingStream<S> {
    stream: S,
    last_words: LastWords,
    has_words: bool,
    /// The error of a write, until what has arrived is read.
    failed: Option<io::Error>,
    /// Bytes that were read after a failed write, for the next read.
    unread: Vec<u8>,
}

impl LastWords {
    /// Returns the error after which the server sent nothing more, if there is one.
    pub(crate) fn get(&self) -> Option<ServerError> {
        let words = &self.0.lock().error;
        // Several commands may have got one error each. The last one stands before the end.
        let mut lines = words.split(|byte| *byte == b'\n').rev();
        let line = lines.find(|line| !line.is_empty())?;
        match parse_redis_value(&[line, b"\n"].concat()) {
            Ok(Value::ServerError(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether the server expects TLS.
    pub(crate) fn has_tls_alert(&self) -> bool {
        self.0.lock().has_tls_alert
    }
}

impl<S> RememberingStream<S> {
    pub(crate) fn new(stream: S, last_words: LastWords) -> Self {
        Self {
            stream,
            last_words,
            has_words: false,
            failed: None,
            unread: Vec::new(),
        }
    }

    /// Remembers bytes that are an error, and forgets an error that was not the last.
    fn on_read(&mut self, bytes: &[u8]) {
        let is_error = bytes.first() == Some(&b'-') && bytes.len() <= MAX_WORDS;
        if is_error || self.has_words && !bytes.is_empty() {
            let words = &mut self.last_words.0.lock().error;
            words.clear();
            words.extend_from_slice(if is_error { bytes } else { b"" });
            self.has_words = is_error;
        }
        if bytes.starts_with(&TLS_ALERT) {
            self.last_words.0.lock().has_tls_alert = true;
        }
    }

    fn on_written(&mut self) {
        if self.has_words {
            self.last_words.0.lock().error.clear();
            self.has_words = false;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> RememberingStream<S> {
    /// Writes by `write`. After an error, waits for what has arrived, or for the end: the client
    /// library reads nothing more.
    fn poll_write_by(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.failed.is_none() {
            match ready!(write(Pin::new(&mut self.stream), cx)) {
                Ok(count) => {
                    self.on_written();
                    return Poll::Ready(Ok(count));
                }
                Err(error) => self.failed = Some(error),
            }
        }
        let mut bytes = [0; MAX_WORDS];
        let mut buffer = ReadBuf::new(&mut bytes);
        // The runtime reports a connection that has failed as readable.
        if let Ok(()) = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
            self.on_read(buffer.filled());
            self.unread.extend_from_slice(buffer.filled());
        }
        let error = self.failed.take();
        Poll::Ready(Err(
            error.unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())
        ))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RememberingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.unread.is_empty() {
            let count = this.unread.len().min(buffer.remaining());
            buffer.put_slice(&this.unread[..count]);
            this.unread.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buffer))?;
        this.on_read(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for RememberingStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_by(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_by(cx, |stream, cx| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The maximum length of last words. The longest known has 1,000 bytes: Redis explains its
/// protected mode.
const MAX_WORDS: usize = 2048;

/// The beginning of an alert in all versions of TLS. In place of the first response, it means that
/// the server expected TLS.
const TLS_ALERT: [u8; 2] = [0x15, 0x03];

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{DuplexStream, duplex};

    use super::*;

    fn stream() -> (RememberingStream<DuplexStream>, DuplexStream, LastWords) {
        let (ours, server) = duplex(4096);
        let last_words = LastWords::default();
        let stream = RememberingStream::new(ours, last_words.clone());
        (stream, server, last_words)
    }

    async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
        poll_fn(|cx| Pin::new(&mut *stream).poll_write(cx, bytes)).await
    }

    async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
        let mut bytes = [0; 4096];
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut buffer))
            .await
            .unwrap();
        buffer.filled().to_vec()
    }

    fn shown(last_words: &LastWords) -> Option<String> {
        let error = last_words.get()?;
        Some(format!("{} {}", error.code(), error.details()?))
    }

    #[tokio::test]
    async fn the_last_error_before_the_end_is_remembered() {
        let (mut stream, mut server, last_words) = stream();
        write(&mut stream, b"HELLO").await.unwrap();
        write(&mut server, b"-ERR max number of clients reached\r\n")
            .await
            .unwrap();
        drop(server);
        assert!(read(&mut stream).await.starts_with(b"-ERR"));
        assert_eq!(read(&mut stream).await, b"", "the end");
        let expected = Some("ERR max number of clients reached".to_owned());
        assert_eq!(shown(&last_words), expected);
    }

    #[tokio::test]
    async fn a_failed_write_leaves_the_words_to_be_read() {
        let (mut stream, mut server, last_words) = stream();
        write(
            &mut server,
            b"-ERR first\r\n-NOAUTH Authentication required.\r\n",
        )
        .await
        .unwrap();
        drop(server);
        write(&mut stream, b"HELLO").await.unwrap_err();
        let expected = Some("NOAUTH Authentication required.".to_owned());
        assert_eq!(shown(&last_words), expected);
        assert!(read(&mut stream).await.starts_with(b"-ERR first"));
        assert_eq!(shown(&last_words), expected);
        assert_eq!(read(&mut stream).await, b"");
    }

    #[tokio::test]
    async fn an_error_that_was_not_the_last_is_forgotten() {
        let (mut stream, mut server, last_words) = stream();
        for error in [b"-ERR no\r\n", b"-ERR NO\r\n"] {
            write(&mut server, error).await.unwrap();
            read(&mut stream).await;
            assert!(shown(&last_words).is_some());
            if error == b"-ERR no\r\n" {
                write(&mut server, b"+OK\r\n").await.unwrap();
                read(&mut stream).await;
            } else {
                write(&mut stream, b"PING").await.unwrap();
            }
            assert_eq!(shown(&last_words), None);
        }
    }
}
