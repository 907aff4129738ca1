//! One test server.

use std::fs::{File, read_to_string};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{io, thread};

use tempfile::TempDir;

use crate::port::Port;
use crate::process::Process;
use crate::{Probe, Proxy, ServerBuilder, binary};

/// A real server process on a loopback port, with its own working directory.
///
/// It persists nothing to disk unless configured to. Dropping it kills the process and removes the
/// directory.
#[derive(Debug)]
pub struct Server {
    // Before `dir`: fields drop in declaration order, and the process must end first.
    process: Mutex<Option<Process>>,
    settings: ServerBuilder,
    binary: PathBuf,
    port: Port,
    dir: TempDir,
}

impl Server {
    /// Starts a server and returns once it responds.
    ///
    /// # Panics
    ///
    /// Panics with the server's log if it does not start.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Returns a builder for a server with other settings.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Returns the server's URL, including its password, in the form that the library accepts.
    pub fn url(&self) -> String {
        self.url_at(self.port())
    }

    /// Returns the port, which stays the same across restarts.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Returns a probe, which accesses the server directly.
    pub fn probe(&self) -> Probe {
        Probe::new(&self.url())
    }

    /// Opens a proxy to the server.
    pub fn proxy(&self) -> Proxy {
        Proxy::to_server(self)
    }

    /// Returns the server's log, across all restarts.
    pub fn log(&self) -> String {
        read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Returns the server's process id, or `None` if it was killed.
    pub fn pid(&self) -> Option<u32> {
        self.process.lock().unwrap().as_ref().map(Process::pid)
    }

    /// Whether the server process exists, running or paused.
    pub fn is_running(&self) -> bool {
        self.process
            .lock()
            .unwrap()
            .as_ref()
            .is_some_and(|process| !process.has_ended())
    }

    /// Suspends the server process. Its port still accepts connections, but requests get no
    /// response.
    #[track_caller]
    pub fn pause(&self) {
        self.with_process(Process::pause);
    }

    /// Resumes a paused server. It then handles everything that was sent to it meanwhile.
    #[track_caller]
    pub fn resume(&self) {
        self.with_process(Process::resume);
    }

    /// Kills the server, as a power failure would. Its port refuses connections from then on.
    pub fn kill(&self) {
        if let Some(process) = self.process.lock().unwrap().take() {
            process.kill().unwrap();
        }
    }

    /// Kills the server if it is running, then starts it again on the same port.
    ///
    /// It comes back with what it persisted to disk, which by default is nothing.
    #[track_caller]
    pub fn restart(&self) {
        self.kill();
        let start = Instant::now();
        let process = loop {
            match self.launch() {
                Ok(process) => break process,
                // Where ports cannot be reserved, another process may briefly use this one.
                Err(log) if Self::has_lost_its_port(&log) && start.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(log) => panic!("the server did not restart:\n{log}"),
            }
        };
        *self.process.lock().unwrap() = Some(process);
    }

    pub(crate) fn url_at(&self, port: u16) -> String {
        let user = self
            .settings
            .password
            .as_deref()
            .map(|password| format!(":{}@", escape(password)));
        format!("redis://{}127.0.0.1:{port}", user.unwrap_or_default())
    }

    /// Starts a server on a fresh port. Returns its log if it does not start.
    pub(crate) fn try_start(settings: &ServerBuilder) -> Result<Self, String> {
        let mut server = Self {
            process: Mutex::default(),
            settings: settings.clone(),
            binary: binary::find(),
            port: Port::reserve(),
            dir: TempDir::with_prefix("redlock-server-").unwrap(),
        };
        server.process = Mutex::new(Some(server.launch()?));
        Ok(server)
    }

    /// Whether the log shows that the port was already in use.
    pub(crate) fn has_lost_its_port(log: &str) -> bool {
        log.contains("Address already in use")
    }

    /// Starts the process. Returns what it logged if it does not become ready.
    fn launch(&self) -> Result<Process, String> {
        let before = self.log().len();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .unwrap();
        let output = (log.try_clone().unwrap().into(), log.into());
        let args = self.settings.to_args(self.port(), self.dir.path());
        let process = Process::spawn(&self.binary, args, output, Some(self.dir.path())).unwrap();
        let start = Instant::now();
        let mut pause = Duration::from_millis(1);
        while !answers(self.port()).unwrap_or(false) {
            if process.has_ended() || start.elapsed() > PATIENCE {
                return Err(self.log().split_off(before));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        Ok(process)
    }

    #[track_caller]
    fn with_process(&self, act: impl FnOnce(&Process)) {
        act(self
            .process
            .lock()
            .unwrap()
            .as_ref()
            .expect("the server was killed"));
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("server.log")
    }
}

/// Whether the server has finished loading. A request for a password counts as ready.
fn answers(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut reply = [0; 5];
    stream.read_exact(&mut reply)?;
    Ok([b"+PONG", b"-NOAU", b"-NOPE"].contains(&&reply))
}

/// Percent-encodes `text` for use in a URL.
fn escape(text: &str) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    text.bytes()
        .map(|byte| {
            if is_plain(&byte) {
                char::from(byte).into()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// Longest time a server may take to start. Generous, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
