//! Worker process that takes locks, for tests that span processes. See `Worker` in the harness.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;
use std::{env, process, thread};

use fork::Fork;
use redlock::{FencingToken, Redlock};
use tokio::runtime::{Builder, Runtime};

mod cancel;
mod exit;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["fork", urls, resource, children, count, file] => fork_and_contend(
            urls,
            resource,
            (children.parse()?, count.parse()?),
            file.as_ref(),
        ),
        ["cancel", urls, count, rounds] => cancel::cancel(urls, count.parse()?, rounds.parse()?),
        ["exit", way, urls, resource] => exit::take(way, urls, resource),
        _ => runtime()?.block_on(run(&args)),
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

async fn run(args: &[&str]) -> Outcome {
    match *args {
        ["contend", urls, resource, count, file] => {
            contend(
                &connect(urls).await?,
                resource,
                count.parse()?,
                file.as_ref(),
            )
            .await
        }
        ["hold", urls, resource, ttl] => {
            let ttl = Duration::from_millis(ttl.parse()?);
            hold(&connect(urls).await?, resource, ttl).await
        }
        _ => Err(
            "usage: contend <urls> <resource> <count> <file> | hold <urls> <resource> <ms> \
            | fork <urls> <resource> <children> <count> <file>",
        )?,
    }
}

async fn connect(urls: &str) -> Outcome<Redlock> {
    Ok(Redlock::connect(urls.split(',')).await?)
}

/// Increments a count `count` times, in a file that only the lock protects.
async fn contend(redlock: &Redlock, resource: &str, count: u32, file: &Path) -> Outcome {
    for _ in 0..count {
        let guard = redlock.lock(resource).wait(PATIENCE).await?;
        critical_section(file, guard.try_token())?;
        if !guard.release().await?.was_held() {
            Err("the lock was lost while it was held")?;
        }
    }
    println!("done {count}");
    Ok(())
}

/// Uses a manager, forks, and contends in all children and the parent, as [`contend`] does.
fn fork_and_contend(
    urls: &str,
    resource: &str,
    (children, count): (u32, u32),
    file: &Path,
) -> Outcome {
    let redlock = Redlock::builder().nodes(urls.split(',')).build()?;
    // Whatever a lock seeds in this thread or process is copied by the forks.
    runtime()?.block_on(async { redlock.lock("another").run(async |_| ()).await })?;
    let mut forked = Vec::new();
    for _ in 0..children {
        match fork::fork()? {
            Fork::Child => {
                let outcome = runtime()?.block_on(contend(&redlock, resource, count, file));
                if let Err(error) = &outcome {
                    eprintln!("child: {error}");
                }
                process::exit(i32::from(outcome.is_err()));
            }
            Fork::Parent(child) => forked.push(child),
        }
    }
    let outcome = runtime()?.block_on(contend(&redlock, resource, count, file));
    for child in forked {
        let status = fork::waitpid(child)?;
        if status != 0 {
            Err(format!("a child failed: {status}"))?;
        }
    }
    outcome
}

/// Fails if another process is in the critical section, or if the last token was not smaller.
fn critical_section(file: &Path, token: Option<FencingToken>) -> Outcome {
    let marker = file.with_extension("marker");
    File::create_new(&marker).map_err(|error| format!("overlap with another holder: {error}"))?;
    let (count, last) = read(file)?;
    if token.is_some_and(|token| token <= last) {
        Err(format!(
            "token {} is not above the last, {last}",
            number(token)
        ))?;
    }
    // Long enough for a second holder, if there is one, to read the same count.
    thread::sleep(Duration::from_millis(1));
    fs::write(file, format!("{} {}", count + 1, number(token)))?;
    fs::remove_file(marker)?;
    Ok(())
}

/// Reads the count and the token of the last holder that incremented it.
fn read(file: &Path) -> Outcome<(u64, FencingToken)> {
    if !file.exists() {
        return Ok((0, FencingToken::new(0)));
    }
    let text = fs::read_to_string(file)?;
    let (count, token) = text.split_once(' ').ok_or("expected two numbers")?;
    Ok((count.parse()?, token.parse()?))
}

/// Returns the token as a number. Zero, which is never a token, means none.
fn number(token: Option<FencingToken>) -> u64 {
    token.map_or(0, FencingToken::get)
}

/// Holds the lock until the input closes or the lock is lost.
async fn hold(redlock: &Redlock, resource: &str, ttl: Duration) -> Outcome {
    let guard = redlock.lock(resource).ttl(ttl).wait(PATIENCE).await?;
    println!("held {} {}", guard.lease_id(), number(guard.try_token()));
    // A detached thread, so that a pending read does not keep the process alive after a loss.
    let (sender, closed) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        io::stdin().read_to_end(&mut Vec::new()).ok();
        sender.send(())
    });
    tokio::select! {
        _ = guard.lost() => println!("lost"),
        _ = closed => {
            guard.release().await?;
            println!("released");
        }
    }
    Ok(())
}

/// Well above the longest wait of any contender in the tests.
const PATIENCE: Duration = Duration::from_secs(60);
