//! Result files of the benchmarks.

use std::fs;
use std::path::{Path, PathBuf};

/// Writes a result file, `target/bench/<name>`, and prints its path.
///
/// # Panics
///
/// Panics if the file cannot be written.
pub fn keep(name: &str, content: &str) {
    write(&kept(name), content);
}

/// Returns the path of a result file, and creates its directory.
///
/// # Panics
///
/// Panics if the directory cannot be created.
#[must_use]
pub fn kept(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let dir = target
        .unwrap_or_else(|| root().join("target"))
        .join("bench");
    fs::create_dir_all(&dir).expect("a directory for the results");
    dir.join(name)
}

/// Writes a file of the documentation, `docs/<name>`, and prints its path.
///
/// # Panics
///
/// Panics if the file cannot be written.
pub fn publish(name: &str, content: &str) {
    let dir = root().join("docs");
    fs::create_dir_all(&dir).expect("a directory for the documentation");
    write(&dir.join(name), content);
}

fn write(path: &Path, content: &str) {
    fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    println!("wrote {}", path.display());
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).expect("the repository around this");
    root.to_owned()
}
