//! Every argument in every form.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use redlock::{Error, LockGuard, Redlock, redlocked};

static REDLOCK: LazyLock<Redlock> = LazyLock::new(|| Redlock::in_memory(3));

struct Config {
    ttl: Duration,
    key: String,
}

fn manager() -> &'static Redlock {
    &REDLOCK
}

#[redlocked("all", ttl = "1m 30s", wait = "5s", manager = REDLOCK, guard = lock, auto_extend = true,
            max_hold = "1h", hold_at_least = "1m", on_busy = error, on_lost = abort, crate = redlock)]
async fn all() -> Result<bool, Error> {
    let held: &LockGuard = lock;
    Ok(held.is_held())
}

#[redlocked(
    ttl = config.ttl,
    wait = Duration::from_secs(3) * 2,
    max_hold = { let hold = config.ttl; hold * 4 },
    hold_at_least = config.ttl,
    auto_extend = !config.key.is_empty(),
    key = &config.key,
)]
async fn expressions(config: &Config) -> Result<Duration, Error> {
    Ok(config.ttl)
}

#[redlocked("no wait", wait = "0s", manager = manager())]
async fn no_wait() -> Result<(), Error> {
    Ok(())
}

#[redlocked("an argument", manager = redlock)]
async fn manager_is_an_argument(redlock: Arc<Redlock>) -> Result<(), Error> {
    drop(redlock);
    Ok(())
}

#[redlocked("in memory", manager = Redlock::in_memory(1))]
async fn manager_is_made_here() -> Result<(), Error> {
    Ok(())
}

#[redlocked("raw", guard = r#type)]
async fn raw_guard() -> Result<String, Error> {
    Ok(r#type.resource().to_string())
}

#[redlocked("ignore", on_lost = ignore)]
async fn ignore(list: Vec<u8>) -> Result<Vec<u8>, Error> {
    Ok(list)
}

#[redlocked("skip", on_busy = skip)]
async fn skip_unit() {}

#[redlocked("skip", on_busy = skip)]
async fn skip_written_unit() -> () {}

#[redlocked("skip", on_busy = skip, on_lost = ignore)]
async fn skip_option(n: u8) -> Option<u8> {
    n.checked_add(1)
}

#[redlocked("skip", on_busy = skip)]
async fn skip_result_unit() -> Result<(), Error> {
    Ok(())
}

#[redlocked("skip", on_busy = skip)]
async fn skip_result_option() -> Result<Option<impl Sized>, Error> {
    Ok(Some(1))
}

#[redlocked("default", on_busy = default(Ok(list)))]
async fn default_moves_an_argument(list: Vec<u8>) -> Result<Vec<u8>, Error> {
    Ok(list)
}

#[redlocked("default", on_busy = default(cached(id).await))]
async fn default_waits(id: u64) -> Result<u64, Error> {
    Ok(id)
}

async fn cached(id: u64) -> Result<u64, Error> {
    Ok(id)
}

#[redlocked(key = "template:{id}")]
async fn template_with_a_name(id: u64) -> Result<u64, Error> {
    Ok(id)
}

#[redlocked(keys = ["account:{from}", "account:{to.id:04}"], guard = lock)]
async fn templates(from: u64, to: Account) -> Result<usize, Error> {
    Ok(lock.resources().len())
}

#[redlocked(keys = [path, parts[0].clone(), &b"bytes"[..], b"more", format!("{}", parts.len()),])]
async fn keys_of_many_types(path: &str, parts: Vec<String>) -> Result<(), Error> {
    drop(parts);
    Ok(())
}

#[redlocked(keys = [read(path)?, { let path = path; path.to_owned() }])]
async fn keys_that_fail(path: &str) -> Result<(), Error> {
    Ok(())
}

struct Account {
    id: u64,
}

fn read(path: &str) -> Result<String, Error> {
    Ok(path.to_owned())
}

fn main() {}
