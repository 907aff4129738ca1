//! Files that list nodes.

use std::path::{Path, PathBuf};

use super::{env, read};
use crate::error::ConfigError;
use crate::manager::Redlock;
use crate::manager::builder::RedlockBuilder;

/// A file of its own for each test, removed on drop.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: impl AsRef<[u8]>) -> Self {
        let name = format!("redlock-nodes-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok();
    }
}

fn names(redlock: &Redlock) -> Vec<&str> {
    redlock.node_set().names.iter().map(|it| &**it).collect()
}

#[test]
fn a_file_lists_one_url_on_each_line() {
    let text = "# ours\n\n  redis://:p,ss@a/1 \r\n#redis://z\nredis://b";
    let file = File::new("lines", text);
    let built = RedlockBuilder::new().nodes_file(file.path());
    let redlock = built.unwrap().node("redis://c").build().unwrap();
    assert_eq!(names(&redlock), ["a:6379/1", "b:6379", "c:6379"]);
    let redlock = read(&[("REDLOCK_NODES_FILE", file.path()), ("REDLOCK_NODES", " ")]);
    assert_eq!(names(&redlock.unwrap()), ["a:6379/1", "b:6379"]);
}

#[test]
fn a_wrong_file_is_an_error_that_names_it_and_no_password() {
    let missing = std::env::temp_dir().join("redlock-nodes-that-do-not-exist");
    let empty = File::new("empty", "# none\n\n");
    let invalid = File::new("invalid", "redis://a\nredis://:hunter2@b/x\n");
    let twice = File::new("twice", "redis://a\nredis://:hunter2@a:6379\n");
    let binary = File::new("binary", b"redis://\xff");
    let cases: [(&Path, &str); 5] = [
        (&missing, "cannot read it: "),
        (&empty.0, "no node is listed: write one URL on each line"),
        (&invalid.0, "URL 2 of 2, `redis://***@b/***`, is invalid: "),
        (&twice.0, "URL 2 of 2 leads to a:6379, as an earlier one"),
        (&binary.0, "cannot read it: stream did not contain valid"),
    ];
    for (path, reason) in cases {
        let shown = path.display();
        let error = RedlockBuilder::new().nodes_file(path).unwrap_err();
        assert!(matches!(error, ConfigError::NodesFile { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{shown}: {reason}")), "{text}");
        let text = read(&[("REDLOCK_NODES_FILE", path.to_str().unwrap())]);
        let text = text.unwrap_err().to_string();
        let expected = format!("REDLOCK_NODES_FILE: {shown}: {reason}");
        assert!(text.starts_with(&expected), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_file_and_a_list_at_once_are_an_error() {
    let both = [("REDLOCK_NODES", "redis://a"), ("REDLOCK_NODES_FILE", "b")];
    let error = read(&both).unwrap_err().to_string();
    let expected = "REDLOCK_NODES_FILE: REDLOCK_NODES is set too: unset one of the two";
    assert_eq!(error, expected);
    // An empty one is the same as none.
    let vars = env(&[("REDLOCK_NODES_FILE", ""), ("REDLOCK_NODES", "redis://a")]);
    assert!(super::builder(&vars).is_ok());
}
