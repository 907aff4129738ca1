use std::path::Path;

use crate::Server;

/// Builds a [`Server`] that needs more than the defaults.
///
/// What is not set is as in [`Server::start`].
#[derive(Clone, Debug, Default)]
#[must_use = "a server runs from `start` on"]
pub struct ServerBuilder {
    pub(crate) password: Option<String>,
    args: Vec<String>,
}

impl ServerBuilder {
    /// Has clients log in with `password`.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Passes an option on to the server, such as `("--maxmemory", "8mb")`.
    pub fn arg(self, name: &str, value: impl ToString) -> Self {
        self.args([name, &value.to_string()])
    }

    /// Passes any options on to the server, such as one that takes several values.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Starts the server and returns when it answers.
    ///
    /// # Panics
    ///
    /// Panics with the server's log when it does not.
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
        let mut args: Vec<String> = [&fixed[..], &volatile]
            .concat()
            .iter()
            .map(|arg| (*arg).into())
            .collect();
        if let Some(password) = &self.password {
            args.extend(["--requirepass".into(), password.clone()]);
        }
        // Last, as of two settings of one option the server takes the latter.
        args.extend_from_slice(&self.args);
        args
    }
}

/// Ports that are reserved are not lost, so this matters only where they cannot be.
const ATTEMPTS: usize = 8;
