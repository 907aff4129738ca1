//! The client of the ledger, which sends a fencing token with every write.

use std::io;
use std::net::SocketAddr;

use redlock::FencingToken;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ledger::FENCING_TOKEN;

/// The address of the ledger.
#[derive(Clone, Copy)]
pub(crate) struct LedgerClient(pub(crate) SocketAddr);

/// The error of a write.
#[derive(Debug)]
pub(crate) enum LedgerError {
    /// A later holder has sent its token already.
    Stale,
    /// Any other failure.
    Failed(io::Error),
}

impl LedgerClient {
    /// Writes an entry on behalf of the holder with this token.
    ///
    /// The request is written by hand to avoid a dependency. With an HTTP library the header takes
    /// one line, too.
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
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        match response.split(' ').nth(1) {
            Some("204") => Ok(()),
            Some("412") => Err(LedgerError::Stale),
            _ => Err(io::Error::other(response).into()),
        }
    }
}

impl From<io::Error> for LedgerError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}
