//! The work of the servers during a round.

use std::ops::Sub;

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

fn number(info: &str, name: &str) -> u64 {
    let value = info.lines().find_map(|line| line.strip_prefix(name));
    value.map_or(0, |value| value.trim().parse().expect("a number"))
}

const SCRIPTS: [&str; 3] = ["eval", "evalsha", "fcall"];
