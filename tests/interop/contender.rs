//! This crate behind the line protocol of the interop tests, as far as contenders need it.
//!
//! usage: `redlock-interop-contender URL,URL,... PREFIX FENCING`
//!
//! The protocol is described in `client.rs`.

use std::path::Path;
use std::time::Duration;
use std::{env, fs, io, process};

use redlock::{Error, Redlock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = env::args().collect();
    let redlock = Redlock::builder()
        .nodes(args[1].split(','))
        .key_prefix(&args[2])
        .fencing(args[3] == "true")
        .ttl(TTL)
        .wait(Duration::from_secs(60))
        .connect()
        .await?;
    for line in io::stdin().lines() {
        let line = line.expect("stdin can be read");
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["contend", name, folder] => contend(&redlock, name, Path::new(folder)).await?,
            _ => panic!("unknown request: {line}"),
        }
    }
    redlock.shutdown().await;
    Ok(())
}

async fn contend(redlock: &Redlock, name: &str, folder: &Path) -> Result<(), Error> {
    while !folder.join("stop").exists() {
        let guard = redlock.lock(name).await?;
        take_turn(folder).await;
        assert!(guard.is_held(), "the lock was lost");
        guard.release().await.expect("a quorum confirms");
    }
    println!("done");
    Ok(())
}

/// Fails if another process is in its turn, and loses an update if one begins meanwhile.
async fn take_turn(folder: &Path) {
    let (inside, counter) = (folder.join("inside"), folder.join("counter"));
    if fs::create_dir(&inside).is_err() {
        println!("overlap");
        process::exit(1);
    }
    let text = fs::read_to_string(&counter).expect("the counter can be read");
    let count: u64 = text.trim().parse().expect("the counter is a number");
    tokio::time::sleep(Duration::from_millis(2)).await;
    fs::write(&counter, (count + 1).to_string()).expect("the counter can be written");
    fs::remove_dir(&inside).expect("the turn ends once");
    println!("turn");
}

/// As in the adapters of the other clients. No turn takes nearly as long, even on a busy machine.
const TTL: Duration = Duration::from_secs(10);
