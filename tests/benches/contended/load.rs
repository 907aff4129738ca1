//! The work of the servers.

use std::ops::Sub;
use std::time::Duration;

use deadpool_redis::redis::cmd;
use redlock_tests::Server;

/// Work of the servers since their start, in total.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Commands, including those within scripts and those of this reading.
    pub(crate) commands: u64,
    /// Scripts.
    pub(crate) scripts: u64,
    /// Reads from connections with pending input, a measure of how often servers were interrupted.
    pub(crate) reads: u64,
    /// Bytes sent.
    pub(crate) bytes: u64,
    /// CPU time.
    pub(crate) cpu: Duration,
}

impl Load {
    pub(crate) fn of(servers: &[Server]) -> Self {
        let mut load = Self::default();
        for server in servers {
            let probe = server.probe();
            let info: String = probe.query(cmd("INFO").arg("stats"));
            load.commands += number(&info, "total_commands_processed:");
            load.reads += number(&info, "total_reads_processed:");
            load.bytes += number(&info, "total_net_output_bytes:");
            let calls = probe.calls();
            load.scripts += SCRIPTS
                .iter()
                .filter_map(|name| calls.get(*name))
                .sum::<u64>();
            let info: String = probe.query(cmd("INFO").arg("cpu"));
            load.cpu += seconds(&info, "used_cpu_user:") + seconds(&info, "used_cpu_sys:");
        }
        load
    }
}

impl Sub for Load {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            commands: self.commands - earlier.commands,
            scripts: self.scripts - earlier.scripts,
            reads: self.reads - earlier.reads,
            bytes: self.bytes - earlier.bytes,
            cpu: self.cpu - earlier.cpu,
        }
    }
}

/// Returns the number of connections that receive invalidation pushes.
pub(crate) fn tracking_clients(servers: &[Server]) -> u64 {
    let one = |server: &Server| {
        let info: String = server.probe().query(cmd("INFO").arg("clients"));
        number(&info, "tracking_clients:")
    };
    servers.iter().map(one).sum()
}

/// Reads a number from the output of `INFO`, or 0 if the server does not report it.
pub(crate) fn number(info: &str, name: &str) -> u64 {
    field(info, name).map_or(0, |value| value.parse().expect("a number"))
}

fn seconds(info: &str, name: &str) -> Duration {
    let value = field(info, name).expect("a server that reports its CPU time");
    Duration::from_secs_f64(value.parse().expect("a number"))
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let value = info.lines().find_map(|line| line.strip_prefix(name));
    value.map(str::trim)
}

const SCRIPTS: [&str; 3] = ["eval", "evalsha", "fcall"];
