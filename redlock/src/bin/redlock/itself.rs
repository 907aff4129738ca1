//! This program, to be run again with a hidden verb.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Returns the command for a hidden verb of this program.
pub(crate) fn with_verb(verb: &str) -> Command {
    // Also leads to the program after an upgrade has replaced its file.
    let itself = Path::new("/proc/self/exe");
    let program = if itself.exists() {
        itself.to_owned()
    } else {
        env::current_exe().unwrap_or_else(|_| "redlock".into())
    };
    let mut command = Command::new(program);
    command.arg0("redlock").arg(verb);
    command
}
