//! Exclusion between this crate and other libraries that contend for one lock.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::client::{BOUND, Client};
use crate::for_every_library;
use crate::library::Library;
use crate::setup::Setup;

for_every_library! {
    no_turns_overlap_with_tokens
    no_turns_overlap_without_tokens
    no_turns_overlap_with_the_command
}

async fn no_turns_overlap_with_tokens(library: Library) {
    let contender = |urls: &[String]| Client::of_this_crate(urls, library.key_prefix(), true);
    contend(library, "tokens", contender).await;
}

async fn no_turns_overlap_without_tokens(library: Library) {
    let contender = |urls: &[String]| Client::of_this_crate(urls, library.key_prefix(), false);
    contend(library, "no tokens", contender).await;
}

async fn no_turns_overlap_with_the_command(library: Library) {
    let contender = |urls: &[String]| Client::of_the_command(urls, library.key_prefix());
    contend(library, "redlock run", contender).await;
}

/// Lets two processes of each side contend until both sides had enough turns.
async fn contend(library: Library, mode: &str, ours: impl Fn(&[String]) -> Client) {
    let setup = Setup::new(library);
    let folder = TempDir::new().unwrap();
    let counter = folder.path().join("counter");
    fs::write(&counter, "0").unwrap();
    let urls = setup.servers.urls();
    let mut tasks = JoinSet::new();
    let [our_turns, their_turns] = [(); 2].map(|()| Arc::<AtomicU64>::default());
    for _ in 0..2 {
        start(&mut tasks, ours(&urls), folder.path(), &our_turns);
        start(&mut tasks, setup.client(), folder.path(), &their_turns);
    }
    let start = Instant::now();
    let turns = || [&our_turns, &their_turns].map(|turns| turns.load(Ordering::SeqCst));
    while start.elapsed() < SPAN || turns().iter().any(|turns| *turns < ENOUGH) {
        if let Some(ended) = tasks.try_join_next() {
            ended.unwrap();
            panic!("a contender ended early");
        }
        assert!(start.elapsed() < BOUND, "turns so far: {:?}", turns());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fs::write(folder.path().join("stop"), "").unwrap();
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let [ours, theirs] = turns();
    let counted = fs::read_to_string(&counter).unwrap();
    assert_eq!(counted.trim(), (ours + theirs).to_string(), "a lost update");
    println!("{library:?} beside {mode}: {theirs} turns, {ours} of ours");
}

fn start(tasks: &mut JoinSet<()>, client: Client, folder: &Path, turns: &Arc<AtomicU64>) {
    let (folder, turns) = (folder.to_owned(), Arc::clone(turns));
    tasks.spawn(async move {
        let on_turn = || {
            turns.fetch_add(1, Ordering::SeqCst);
        };
        client.contend("shared", &folder, on_turn).await;
    });
}

/// Shortest time of contention.
const SPAN: Duration = Duration::from_secs(2);

/// Fewest turns of each side.
const ENOUGH: u64 = 3;
