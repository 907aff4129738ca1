//! The nodes that a variable or a file lists.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::error::ConfigError;
use crate::manager::builder::RedlockBuilder;
use crate::manager::env::{Environment, NODES, NODES_FILE, invalid};
use crate::node::Node;
use crate::node::into_node::IntoNode;

impl RedlockBuilder {
    /// Adds the nodes that a file lists: one URL on each line.
    ///
    /// Blank lines, and lines that begin with `#`, are skipped. A file keeps passwords out of the
    /// environment and out of the arguments, which other processes can read: let only the user of
    /// the application read it. It is read once, now.
    ///
    /// ```
    /// use redlock::Redlock;
    ///
    /// let path = std::env::temp_dir().join(format!("redlock-nodes-{}", std::process::id()));
    /// std::fs::write(&path, "# production\nredis://:secret@a:6379\nredis://:secret@b:6379\n")?;
    /// let redlock = Redlock::builder().nodes_file(&path)?.node("redis://c:6379").build()?;
    /// # std::fs::remove_file(&path)?;
    /// # drop(redlock);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::NodesFile`], if the file cannot be read, lists no node, lists one twice, or
    /// contains an invalid URL. It is shown without credentials.
    pub fn nodes_file(self, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        from_file(path)
            .map(|nodes| self.nodes(nodes))
            .map_err(|reason| ConfigError::NodesFile {
                path: path.into(),
                reason: reason.into(),
            })
    }
}

/// Returns the nodes that a variable, or the file that it names, lists.
pub(super) fn from_env(env: &Environment) -> Result<Vec<Arc<dyn Node>>, ConfigError> {
    let Some(path) = env.path(NODES_FILE) else {
        let list = env.raw(NODES)?.unwrap_or_default();
        let entries = list.split(',').map(str::trim);
        let urls: Vec<&str> = entries.filter(|url| !url.is_empty()).collect();
        if urls.is_empty() {
            return Err(invalid(NODES, NO_NODES));
        }
        // Its parts may be valid URLs, so this comes first.
        if urls
            .iter()
            .any(|url| url.contains('@') && !url.contains("://"))
        {
            return Err(invalid(NODES, SPLIT_PASSWORD));
        }
        return of_urls(&urls).map_err(|reason| invalid(NODES, reason));
    };
    if env.trimmed(NODES)?.is_some() {
        return Err(invalid(NODES_FILE, BOTH));
    }
    from_file(path).map_err(|reason| {
        let path = path.display();
        invalid(NODES_FILE, format!("{path}: {reason}"))
    })
}

fn from_file(path: &Path) -> Result<Vec<Arc<dyn Node>>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read it: {error}"))?;
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines = text.lines().map(str::trim);
    let urls: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    if urls.is_empty() {
        return Err(EMPTY_FILE.to_owned());
    }
    of_urls(&urls)
}

/// Creates the nodes, or explains which URL is wrong.
fn of_urls(urls: &[&str]) -> Result<Vec<Arc<dyn Node>>, String> {
    let mut nodes: Vec<Arc<dyn Node>> = Vec::new();
    for (index, url) in urls.iter().enumerate() {
        let place = format!("URL {} of {}", index + 1, urls.len());
        let node = url.into_node().map_err(|error| match error {
            ConfigError::Address {
                address, reason, ..
            } => format!("{place}, `{address}`, is invalid: {reason}"),
            error => format!("{place} is invalid: {error}"),
        })?;
        let name = node.name();
        if nodes.iter().any(|other| other.name() == name) {
            return Err(format!(
                "{place} leads to {name}, as an earlier one does: list independent servers"
            ));
        }
        nodes.push(node);
    }
    Ok(nodes)
}

const NO_NODES: &str = "no node is listed: set it to URLs separated by commas, such as \
                        redis://a:6379,redis://b:6379,redis://c:6379";

const EMPTY_FILE: &str = "no node is listed: write one URL on each line, such as redis://a:6379";

const BOTH: &str = "REDLOCK_NODES is set too: unset one of the two";

const SPLIT_PASSWORD: &str = "one of its URLs has an @, but no scheme: write redis:// before each, \
                              and a comma in a password as %2C";
