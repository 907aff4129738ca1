//! Advisory locks of PostgreSQL.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::postgres_server::{PostgresServer, USER};
use super::until_ready;

/// Advisory locks of sessions, one session per task.
///
/// A session can take an advisory lock that it has taken already. Tasks that share a session are
/// therefore not excluded from each other.
#[derive(Clone, Debug)]
pub struct Postgres(Arc<Mutex<Vec<Session>>>);

impl Postgres {
    /// Opens sessions for as many tasks.
    ///
    /// # Panics
    ///
    /// Panics if the server refuses one.
    pub async fn connect(server: &PostgresServer, sessions: usize) -> Self {
        let mut open = Vec::new();
        while open.len() < sessions {
            open.push(until_ready(async || Session::open(server.port()).await).await);
        }
        Self(Arc::new(Mutex::new(open)))
    }

    /// Takes the lock on `resource` and releases it.
    ///
    /// # Panics
    ///
    /// Panics if either fails, and if more tasks lock at once than there are sessions.
    pub async fn lock(&self, resource: &str) {
        let mut hasher = DefaultHasher::new();
        resource.hash(&mut hasher);
        let key = hasher.finish().to_be_bytes();
        let mut session = self.sessions().pop().expect("a session for each task");
        for statement in [LOCK, UNLOCK] {
            let is_done = session.execute(statement.0, key).await;
            assert!(is_done.expect("a response"), "{}: false", statement.1);
        }
        self.sessions().push(session);
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection with prepared statements: the least that a client library has to send.
#[derive(Debug)]
struct Session {
    stream: TcpStream,
    /// What was received.
    buffer: Vec<u8>,
}

impl Session {
    async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let buffer = Vec::with_capacity(1024);
        let mut session = Self { stream, buffer };
        let mut body = PROTOCOL.to_be_bytes().to_vec();
        body.extend(format!("user\0{USER}\0database\0postgres\0\0").bytes());
        let mut start = length(body.len()).to_vec();
        start.extend(body);
        session.stream.write_all(&start).await?;
        session.responses().await?;
        for (name, query) in [LOCK, UNLOCK] {
            let mut parse = format!("{name}\0{query}\0").into_bytes();
            // One parameter, an `int8`.
            parse.extend([0, 1, 0, 0, 0, 20]);
            let request = [message(b'P', &parse), message(b'S', b"")].concat();
            session.stream.write_all(&request).await?;
            session.responses().await?;
        }
        Ok(session)
    }

    /// Executes a statement, and returns the one value of its one row.
    async fn execute(&mut self, name: &str, key: [u8; 8]) -> io::Result<bool> {
        let mut bind = format!("\0{name}\0").into_bytes();
        // One parameter, in binary, of eight bytes.
        bind.extend([0, 1, 0, 1, 0, 1, 0, 0, 0, 8]);
        bind.extend(key);
        // Results in binary.
        bind.extend([0, 1, 0, 1]);
        let execute = message(b'E', &[0; 5]);
        let request = [message(b'B', &bind), execute, message(b'S', b"")].concat();
        self.stream.write_all(&request).await?;
        let row = self.responses().await?;
        match row.as_deref() {
            // One column, of one byte.
            Some([0, 1, 0, 0, 0, 1, value]) => Ok(*value == 1),
            other => Err(io::Error::other(format!("{other:?}"))),
        }
    }

    /// Reads all responses to a request. Returns the last row.
    async fn responses(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.buffer.clear();
        let (mut row, mut start) = (None, 0);
        loop {
            let unread = &self.buffer[start..];
            let next = unread.split_at_checked(5).and_then(|(head, rest)| {
                let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
                // The length includes itself.
                Some((head[0], rest.get(..length as usize - 4)?))
            });
            let Some((kind, body)) = next else {
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                continue;
            };
            match kind {
                b'E' => return Err(io::Error::other(String::from_utf8_lossy(body).into_owned())),
                b'D' => row = Some(body.to_vec()),
                b'Z' => return Ok(row),
                _ => {}
            }
            start += 5 + body.len();
        }
    }
}

/// Returns a request.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(length(body.len()));
    message.extend(body);
    message
}

/// Returns the length of a message, which includes itself.
fn length(body: usize) -> [u8; 4] {
    u32::try_from(body + 4)
        .expect("a short message")
        .to_be_bytes()
}

/// Version 3.0.
const PROTOCOL: u32 = 3 << 16;

/// The names of the statements and their texts.
const LOCK: (&str, &str) = ("lock", "SELECT pg_try_advisory_lock($1)");
const UNLOCK: (&str, &str) = ("unlock", "SELECT pg_advisory_unlock($1)");
