//! A connection over HTTP/1.1.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that stays open and posts JSON.
#[derive(Debug)]
pub(super) struct Http {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Http {
    pub(super) async fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Posts a body, and returns that of the response.
    pub(super) async fn post(&mut self, path: &str, body: &str) -> io::Result<String> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8_lossy(&self.buffer);
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let mut lines = head.lines();
            if lines.next() != Some("HTTP/1.1 200 OK") {
                return Err(io::Error::other(text.into_owned()));
            }
            let length = lines.find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                value.parse().ok().filter(|_: &usize| is_length)
            });
            if body.len() >= length.ok_or_else(|| io::Error::other("no length"))? {
                return Ok(body.to_owned());
            }
        }
    }
}
