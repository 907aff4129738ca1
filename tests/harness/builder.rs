//! Settings of a test server.

use std::path::Path;

use crate::Server;

/// Builder of a [`Server`] with settings other than the defaults.
///
/// Settings that are not given are those of [`Server::start`].
#[derive(Clone, Debug, Default)]
#[must_use = "the builder starts no server until `start` is called"]
pub struct ServerBuilder {
    pub(crate) password: Option<String>,
    args: Vec<String>,
    is_sentinel: bool,
}

impl ServerBuilder {
    /// Requires clients to authenticate with `password`.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Passes one option to the server, such as `("--maxmemory", "8mb")`.
    pub fn arg(self, name: &str, value: impl ToString) -> Self {
        self.args([name, &value.to_string()])
    }

    /// Passes arguments to the server unchanged, such as an option that takes several values.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Starts a Sentinel, which monitors nothing.
    pub fn sentinel(mut self) -> Self {
        self.is_sentinel = true;
        self
    }

    /// Starts the server and returns once it responds.
    ///
    /// # Panics
    ///
    /// Panics with the server's log if it does not start.
    #[track_caller]
    pub fn start(&self) -> Server {
        for _ in 0..ATTEMPTS {
            match Server::try_start(self) {
                Ok(server) => return server,
                Err(log) if Server::has_lost_its_port(&log) => {}
                Err(log) => panic!("the server did not start:\n{log}"),
            }
        }
        panic!("no free port in {ATTEMPTS} attempts");
    }

    pub(crate) fn to_args(&self, port: u16, dir: &Path) -> Vec<String> {
        let port = port.to_string();
        let dir = dir.to_str().unwrap();
        let fixed = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--dir",
            dir,
            "--daemonize",
            "no",
        ];
        let volatile = ["--save", "", "--appendonly", "no"];
        let config_file = dir.to_owned() + "/sentinel.conf";
        let mode = if self.is_sentinel {
            // A Sentinel does not start without a configuration file, which it writes to.
            std::fs::write(&config_file, "").unwrap();
            [&[&*config_file], &fixed[..], &["--sentinel"]].concat()
        } else {
            [&fixed[..], &volatile].concat()
        };
        let mut args: Vec<String> = mode.iter().map(|arg| (*arg).into()).collect();
        if let Some(password) = &self.password {
            args.extend(["--requirepass".into(), password.clone()]);
        }
        // Last, because the server takes the last value of an option that is given twice.
        args.extend_from_slice(&self.args);
        args
    }
}

/// A reserved port cannot be lost, so retries matter only where ports cannot be reserved.
const ATTEMPTS: usize = 8;
