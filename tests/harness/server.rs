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

/// A real server, in a process of its own, on a loopback port, with a directory of its own.
///
/// It keeps nothing on disk unless it is told to. On drop it is killed and its directory removed.
#[derive(Debug)]
pub struct Server {
    // Above the directory, as fields are dropped in this order.
    process: Mutex<Option<Process>>,
    settings: ServerBuilder,
    binary: PathBuf,
    port: Port,
    dir: TempDir,
}

impl Server {
    /// Starts a server and returns when it answers.
    ///
    /// # Panics
    ///
    /// Panics with the server's log when it does not.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Returns a builder for a server with settings.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Where the server is, with its password, as the library wants to be told.
    pub fn url(&self) -> String {
        self.url_at(self.port())
    }

    /// The port, which stays the same through every restart.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Opens a view of the server past the library.
    pub fn probe(&self) -> Probe {
        Probe::new(&self.url())
    }

    /// Puts a proxy in front of the server.
    pub fn proxy(&self) -> Proxy {
        Proxy::to_server(self)
    }

    /// What the server has logged, over all its restarts.
    pub fn log(&self) -> String {
        read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The operating system's number for the server, or `None` when it was killed.
    pub fn pid(&self) -> Option<u32> {
        self.process.lock().unwrap().as_ref().map(Process::pid)
    }

    /// Whether the server runs, or is paused.
    pub fn is_running(&self) -> bool {
        self.process
            .lock()
            .unwrap()
            .as_ref()
            .is_some_and(|process| !process.has_ended())
    }

    /// Stops the server in mid-air: its port still accepts connections, but nothing is answered.
    #[track_caller]
    pub fn pause(&self) {
        self.with_process(Process::pause);
    }

    /// Lets a paused server go on, with everything that was sent to it meanwhile.
    #[track_caller]
    pub fn resume(&self) {
        self.with_process(Process::resume);
    }

    /// Kills the server as a power cut would. Connections to its port are refused from now on.
    pub fn kill(&self) {
        if let Some(process) = self.process.lock().unwrap().take() {
            process.kill().unwrap();
        }
    }

    /// Starts the server again on its port, having killed it if it still ran.
    ///
    /// It comes back with what it kept on disk, which by default is nothing.
    #[track_caller]
    pub fn restart(&self) {
        self.kill();
        let start = Instant::now();
        let process = loop {
            match self.launch() {
                Ok(process) => break process,
                // Where a port cannot be reserved, somebody may be on it for a moment.
                Err(log) if Self::has_lost_its_port(&log) && start.elapsed() < PATIENCE => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(log) => panic!("the server did not come back:\n{log}"),
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

    /// Starts a server on a fresh port, or returns its log.
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

    /// Whether a log ends because somebody else was on the port.
    pub(crate) fn has_lost_its_port(log: &str) -> bool {
        log.contains("Address already in use")
    }

    /// Returns the running server, or what it logged when it did not get so far.
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

/// Whether the server has finished loading. One that wants a password has, too.
fn answers(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(b"PING\r\n")?;
    let mut reply = [0; 5];
    stream.read_exact(&mut reply)?;
    Ok([b"+PONG", b"-NOAU", b"-NOPE"].contains(&&reply))
}

/// Writes `text` so that it can stand in a URL.
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

/// How long a server may take to start; on a machine with much else to do that can be long.
const PATIENCE: Duration = Duration::from_secs(30);
