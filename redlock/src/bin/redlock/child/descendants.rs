//! The descendants of this process, also those whose parents have ended.
//!
//! On Linux this process adopts orphans, so that no descendant escapes. Elsewhere only the process
//! group of the command is known.

use rustix::process::{Pid, Signal, getpgid, getpid, kill_process};

/// The descendants of this process.
#[derive(Debug)]
pub(super) struct Descendants {
    /// Children that belong to this process, or to the shell that it has replaced.
    ignored: Vec<Pid>,
}

impl Descendants {
    /// Adopts orphans from now on.
    pub(super) fn adopt() -> Self {
        #[cfg(target_os = "linux")]
        rustix::process::set_child_subreaper(Some(getpid())).ok();
        let ignored = children(getpid());
        Self { ignored }
    }

    /// Leaves a child out.
    pub(super) fn ignore(&mut self, child: Pid) {
        self.ignored.push(child);
    }

    /// Whether there are any. Those that have ended must have been reaped.
    pub(super) fn exist(&self) -> bool {
        !self.heads().is_empty()
    }

    /// Sends a signal to those that are not in the group.
    pub(super) fn signal_outside(&self, group: Pid, signal: Signal) {
        let mut pids = self.heads();
        let mut next = 0;
        while let Some(pid) = pids.get(next).copied() {
            next += 1;
            pids.extend(children(pid));
            if getpgid(Some(pid)) != Ok(group) {
                kill_process(pid, signal).ok();
            }
        }
    }

    /// The children of this process, from which the others descend.
    fn heads(&self) -> Vec<Pid> {
        let mut children = children(getpid());
        children.retain(|pid| !self.ignored.contains(pid));
        children
    }
}

/// Returns the children of a process.
#[cfg(target_os = "linux")]
fn children(parent: Pid) -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{parent}/task")) else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| pids(&list)).collect()
}

#[cfg(not(target_os = "linux"))]
fn children(_parent: Pid) -> Vec<Pid> {
    Vec::new()
}

#[cfg(target_os = "linux")]
fn pids(list: &str) -> Vec<Pid> {
    let pids = list.split_ascii_whitespace();
    pids.filter_map(|pid| Pid::from_raw(pid.parse().ok()?))
        .collect()
}
