//! The label of a lock that this command takes.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::time::SystemTime;

use rustix::process::{Pid, getuid};
use rustix::system::uname;

/// Returns who holds a lock, where and since when: `ann@web-1 pid 4711 since 2026-11-28T03:00:00Z: backup`.
pub(crate) fn of(pid: Pid, program: Option<&OsStr>) -> String {
    let user = env::var("USER").or_else(|_| env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| format!("uid{}", getuid().as_raw()));
    let host = uname().nodename().to_string_lossy().into_owned();
    let since = humantime::format_rfc3339_seconds(SystemTime::now());
    let mut label = format!("{user}@{host} pid {pid} since {since}");
    if let Some(name) = program.and_then(|it| Path::new(it).file_name()) {
        label.push_str(": ");
        label.push_str(&name.to_string_lossy());
    }
    truncated(label)
}

/// Returns as much of a text as a label may have.
fn truncated(mut label: String) -> String {
    if label.len() <= LONGEST {
        return label;
    }
    let end = (0..=LONGEST).rev().find(|end| label.is_char_boundary(*end));
    label.truncate(end.unwrap_or_default());
    label
}

/// The limit of the library, in bytes.
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_no_longer_than_the_library_allows() {
        let long = "\u{e9}".repeat(100);
        let label = of(rustix::process::getpid(), Some(OsStr::new(&long)));
        assert!(label.len() <= LONGEST && label.len() >= LONGEST - 1);
        assert!(
            label.contains(" pid ") && label.ends_with('\u{e9}'),
            "{label}"
        );
    }
}
