//! Servers of other kinds.

use std::io::{Error, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::Place;

#[test]
fn a_daemon_may_clean_up_before_its_directory_is_removed() {
    let place = Place::reserve();
    let dir = place.dir().to_owned();
    let beside = dir.with_extension("interrupted");
    // A shell runs the trap once the `sleep` in the foreground has ended.
    let script = format!(
        "trap 'touch {}; exit' INT; touch {}/ready; while :; do sleep 0.05; done",
        beside.display(),
        dir.display()
    );
    let daemon = place.start(Path::new("/bin/sh"), ["-c", &script]);
    daemon.until_ready(|| dir.join("ready").metadata());
    assert!(!beside.exists());

    drop(daemon);
    assert!(beside.exists() && !dir.exists());
    std::fs::remove_file(beside).unwrap();
}

#[test]
fn a_daemon_that_does_not_start_fails_with_its_log() {
    let place = Place::reserve();
    let daemon = place.start(Path::new("/bin/sh"), ["-c", "echo the disk is full >&2"]);
    let never = || Err::<(), _>(Error::from(ErrorKind::ConnectionRefused));
    let waiting = catch_unwind(AssertUnwindSafe(|| daemon.until_ready(never)));
    let message = waiting.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("the disk is full"), "{message}");
}
