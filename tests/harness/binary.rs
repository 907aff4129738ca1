//! The server binary on this machine.

use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The environment variable naming the server binary to use instead of the first one on `PATH`.
pub(crate) const OVERRIDE: &str = "REDLOCK_TEST_SERVER";

/// Returns the path of the server binary to test against.
///
/// # Panics
///
/// Panics if there is none, because a test that needs a server must not pass without one.
pub(crate) fn find() -> PathBuf {
    let chosen = env::var_os(OVERRIDE).filter(|chosen| !chosen.is_empty());
    let path = env::var_os("PATH").unwrap_or_default();
    find_in(chosen.as_deref(), &path).unwrap_or_else(|reason| panic!("{reason}"))
}

fn find_in(chosen: Option<&OsStr>, path: &OsStr) -> Result<PathBuf, String> {
    let names = chosen.map_or_else(|| NAMES.map(OsStr::new).to_vec(), |chosen| vec![chosen]);
    // A name with a slash is a path: joining it to an empty path leaves it unchanged.
    let places = || [PathBuf::new()].into_iter().chain(env::split_paths(path));
    names
        .iter()
        .flat_map(|name| {
            let is_path = name.as_encoded_bytes().contains(&b'/');
            places()
                .filter(move |place| is_path == place.as_os_str().is_empty())
                .map(move |place| place.join(name))
        })
        .find(|file| is_executable(file))
        .ok_or_else(|| match chosen {
            Some(chosen) => format!("{OVERRIDE} is {chosen:?}, which is not an executable file"),
            None => format!(
                "found neither {} on PATH: run `./tests/run` to install one, or set {OVERRIDE}",
                NAMES.join(" nor "),
            ),
        })
}

fn is_executable(file: &Path) -> bool {
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

const NAMES: [&str; 2] = ["redis-server", "valkey-server"];

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_first_name_wins_over_the_first_directory() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = env::join_paths([first.path(), second.path()]).unwrap();
        assert!(find_in(None, &path).unwrap_err().contains("./tests/run"));

        let valkey = program(first.path(), "valkey-server");
        assert_eq!(find_in(None, &path).unwrap(), valkey);

        let redis = program(second.path(), "redis-server");
        assert_eq!(find_in(None, &path).unwrap(), redis);
        assert_eq!(
            find_in(Some("valkey-server".as_ref()), &path).unwrap(),
            valkey
        );
    }

    #[test]
    fn the_override_must_be_an_executable() {
        let dir = tempfile::tempdir().unwrap();
        let server = program(dir.path(), "my-server");
        let nowhere = OsStr::new("");
        assert_eq!(find_in(Some(server.as_os_str()), nowhere).unwrap(), server);

        fs::set_permissions(&server, fs::Permissions::from_mode(0o644)).unwrap();
        let reason = find_in(Some(server.as_os_str()), nowhere).unwrap_err();
        assert!(reason.contains("my-server"), "{reason}");
    }

    fn program(dir: &Path, name: &str) -> PathBuf {
        let file = dir.join(name);
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }
}
