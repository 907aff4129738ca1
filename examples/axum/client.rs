//! The holder's side of the ledger: every write carries the token.

use std::io;
use std::net::SocketAddr;

use redlock::FencingToken;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ledger::FENCING_TOKEN;

/// Where the ledger is.
#[derive(Clone, Copy)]
pub(crate) struct LedgerClient(pub(crate) SocketAddr);

/// Why an entry was not written.
#[derive(Debug)]
pub(crate) enum LedgerError {
    /// A later holder has been there.
    Stale,
    /// Anything else.
    Failed(io::Error),
}

impl LedgerClient {
    /// Writes an entry, on behalf of the holder with this token.
    ///
    /// By hand, to depend on no client: with any other the header is one line, too.
    pub(crate) async fn write(
        self,
        id: u64,
        token: FencingToken,
        text: &str,
    ) -> Result<(), LedgerError> {
        let mut stream = TcpStream::connect(self.0).await?;
        let request = format!(
            "PUT /entries/{id} HTTP/1.1\r\n\
             Host: ledger\r\n\
             Connection: close\r\n\
             {FENCING_TOKEN}: {token}\r\n\
             Content-Length: {}\r\n\r\n{text}",
            text.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        match answer.split(' ').nth(1) {
            Some("204") => Ok(()),
            Some("412") => Err(LedgerError::Stale),
            _ => Err(io::Error::other(answer).into()),
        }
    }
}

impl From<io::Error> for LedgerError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}
