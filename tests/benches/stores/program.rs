//! Programs of this machine.

use std::env;
use std::path::{Path, PathBuf};

/// Returns the path of a program on `PATH` or in one of `places`, or `None` if it is not installed.
pub(super) fn find(name: &str, places: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut files = env::split_paths(&path)
        .chain(places)
        .map(|place| place.join(name));
    files.find(|file| file.is_file())
}

/// Returns the directories below `parent`, each with `ending` appended.
pub(super) fn below(parent: &str, ending: &str) -> Vec<PathBuf> {
    let entries = Path::new(parent).read_dir().into_iter().flatten();
    let entries = entries.flatten();
    entries.map(|entry| entry.path().join(ending)).collect()
}
