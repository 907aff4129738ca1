//! A turn in the critical section.

use std::path::Path;
use std::time::Duration;
use std::{fs, process, thread};

/// Fails if another process is in its turn, and loses an update if one begins meanwhile.
pub(crate) fn take(folder: &Path) {
    let (inside, counter) = (folder.join("inside"), folder.join("counter"));
    if fs::create_dir(&inside).is_err() {
        println!("overlap");
        process::exit(1);
    }
    let text = fs::read_to_string(&counter).expect("the counter can be read");
    let count: u64 = text.trim().parse().expect("the counter is a number");
    thread::sleep(Duration::from_millis(2));
    fs::write(&counter, (count + 1).to_string()).expect("the counter can be written");
    fs::remove_dir(&inside).expect("the turn ends once");
    println!("turn");
}
