//! Lock crates behind the line protocol of the interop tests.
//!
//! usage: `interop-clients LIBRARY URL,URL,...`
//!
//! The protocol is described in `tests/interop/client.rs`.

mod client;
mod hex;
mod turn;

use std::io::{self, BufRead};
use std::path::Path;
use std::time::Duration;
use std::{env, thread};

use client::Client;

/// The validity of a contender's lock. No turn takes nearly as long, even on a busy machine.
const TTL: Duration = Duration::from_secs(10);

/// Longest pause between two calls that found the lock busy, in milliseconds.
const PAUSE: u64 = 20;

fn main() {
    let args: Vec<String> = env::args().collect();
    let client = Client::new(&args[1], args[2].split(',').collect());
    for line in io::stdin().lock().lines() {
        let line = line.expect("stdin can be read");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["lock", name, ttl] => {
                let ttl = Duration::from_millis(ttl.parse().expect("milliseconds"));
                match client.lock(name, ttl) {
                    Some(key) => println!("locked {}", hex::encode(&key)),
                    None => println!("busy"),
                }
            }
            ["unlock", name, key] => {
                client.unlock(name, hex::decode(key));
                println!("done");
            }
            ["contend", name, folder] => contend(&client, name, Path::new(folder)),
            _ => panic!("unknown request: {line}"),
        }
    }
}

fn contend(client: &Client, name: &str, folder: &Path) {
    while !folder.join("stop").exists() {
        let Some(key) = client.lock(name, TTL) else {
            thread::sleep(Duration::from_millis(rand::random_range(0..=PAUSE)));
            continue;
        };
        turn::take(folder);
        client.unlock(name, key);
    }
    println!("done");
}
