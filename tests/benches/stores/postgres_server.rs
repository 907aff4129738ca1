//! A PostgreSQL server.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use redlock_tests::{Daemon, Place};
use rustix::process::geteuid;

use super::program;

/// A PostgreSQL server with its default settings.
#[derive(Debug)]
pub struct PostgresServer {
    daemon: Daemon,
    /// The name and version.
    pub version: String,
}

impl PostgresServer {
    /// Starts a server, or returns why there is none.
    ///
    /// # Errors
    ///
    /// If it is not installed, or if this is the superuser, as whom it refuses to run, and there is
    /// no `setpriv` to become another user.
    ///
    /// # Panics
    ///
    /// Panics with the log if the server does not start.
    pub fn start() -> Result<Self, String> {
        let places = || program::below("/usr/lib/postgresql", "bin");
        let installed = |name| program::find(name, places()).ok_or("not installed");
        let (postgres, initdb) = (installed("postgres")?, installed("initdb")?);
        let place = Place::reserve();
        let data = place.dir().join("data");
        let user = if geteuid().is_root() {
            let setpriv = program::find("setpriv", []).ok_or("needs setpriv to leave root")?;
            std::os::unix::fs::chown(place.dir(), Some(UNPRIVILEGED), Some(UNPRIVILEGED))
                .expect("root");
            Some(setpriv)
        } else {
            None
        };
        let (program, args) = as_user(user.as_deref(), initdb);
        let created = Command::new(program)
            .args(args)
            .arg(format!("--username={USER}"))
            .args(["--auth=trust", "--locale=C", "-D"])
            .arg(&data)
            .current_dir(place.dir())
            .stdout(Stdio::null())
            .status();
        assert!(created.expect("initdb").success(), "initdb has failed");
        let version = Command::new(&postgres).arg("--version").output();
        let version = String::from_utf8_lossy(&version.expect("postgres").stdout).into_owned();
        let port = place.ports()[0].to_string();
        let (program, mut args) = as_user(user.as_deref(), postgres);
        let (data, dir) = (data.to_string_lossy(), place.dir().to_string_lossy());
        args.extend(["-D", &data, "-k", &dir, "-h", "127.0.0.1", "-p", &port].map(str::to_owned));
        let daemon = place.start(&program, args);
        let number = daemon.ports()[0];
        daemon.until_ready(|| TcpStream::connect(("127.0.0.1", number)));
        let version = version.split_whitespace().nth(2).unwrap_or("?");
        Ok(Self {
            daemon,
            version: format!("PostgreSQL {version}"),
        })
    }

    pub(super) fn port(&self) -> u16 {
        self.daemon.ports()[0]
    }
}

/// Returns a program and its first arguments, such that it does not run as the superuser.
fn as_user(setpriv: Option<&Path>, program: PathBuf) -> (PathBuf, Vec<String>) {
    match setpriv {
        None => (program, Vec::new()),
        Some(setpriv) => {
            let [user, group] =
                ["--reuid", "--regid"].map(|option| format!("{option}={UNPRIVILEGED}"));
            let program = program.to_string_lossy().into_owned();
            let args = vec![user, group, "--clear-groups".to_owned(), program];
            (setpriv.to_owned(), args)
        }
    }
}

/// The user of the database.
pub(super) const USER: &str = "bench";

/// The user and group without rights.
const UNPRIVILEGED: u32 = 65534;
