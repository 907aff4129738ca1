//! Statistics of the servers.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Sub;
use std::sync::{Mutex, PoisonError};

use deadpool_redis::redis::{Client, Connection, cmd};

/// Reader of the servers' statistics, over its own connections.
pub struct Meter(Mutex<Vec<Connection>>);

/// Work done by the servers, in total.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// The number of calls of each command, including calls from scripts.
    pub calls: BTreeMap<String, u64>,
    /// CPU time in seconds.
    pub cpu: f64,
}

impl Meter {
    /// Connects to the servers at `urls`.
    ///
    /// # Panics
    ///
    /// Panics if a server does not respond.
    #[must_use]
    pub fn new(urls: &[String]) -> Self {
        let connect = |url: &String| {
            let client = Client::open(url.as_str()).expect("a URL");
            client.get_connection().expect("a server")
        };
        Self(Mutex::new(urls.iter().map(connect).collect()))
    }

    /// Returns the servers' work so far. Blocks.
    ///
    /// # Panics
    ///
    /// Panics if a server does not respond.
    pub fn read(&self) -> Traffic {
        let mut traffic = Traffic::default();
        for info in self.infos() {
            for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
                if let Some(command) = name.strip_prefix("cmdstat_") {
                    let calls = value.strip_prefix("calls=").and_then(|rest| {
                        let (calls, _) = rest.split_once(',')?;
                        calls.parse::<u64>().ok()
                    });
                    // The meter's own commands do not count.
                    if command != "info" {
                        *traffic.calls.entry(command.to_owned()).or_default() +=
                            calls.unwrap_or_default();
                    }
                }
                if matches!(name, "used_cpu_user" | "used_cpu_sys") {
                    traffic.cpu += value.trim().parse().unwrap_or(0.0);
                }
            }
        }
        traffic
    }

    /// Returns the name and version of the first server.
    pub fn version(&self) -> String {
        let infos = self.infos();
        let field = |name: &str| {
            let lines = infos.first()?.lines();
            lines.filter_map(|line| line.strip_prefix(name)).next()
        };
        match (field("valkey_version:"), field("redis_version:")) {
            (Some(version), _) => format!("Valkey {version}"),
            (None, Some(version)) => format!("Redis {version}"),
            (None, None) => "an unknown server".to_owned(),
        }
    }

    fn infos(&self) -> Vec<String> {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let infos = connections.iter_mut().map(|connection| {
            let info = cmd("INFO").arg("all").query(connection);
            info.expect("a server that responds")
        });
        infos.collect()
    }
}

impl Traffic {
    /// Returns the number of commands.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.calls.values().sum()
    }
}

impl Sub<&Self> for Traffic {
    type Output = Self;

    fn sub(mut self, earlier: &Self) -> Self {
        for (command, calls) in &mut self.calls {
            *calls -= earlier.calls.get(command).copied().unwrap_or_default();
        }
        self.calls.retain(|_, calls| *calls > 0);
        self.cpu -= earlier.cpu;
        self
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}
