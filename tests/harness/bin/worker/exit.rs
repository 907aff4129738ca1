//! The ways in which a program that holds a lock may end.

use std::sync::OnceLock;
use std::time::Duration;
use std::{process, thread};

use redlock::{LockGuard, Redlock};
use tokio::runtime::{Builder, Runtime};

use super::Outcome;

/// A guard that is never dropped, because statics are not.
static FOR_EVER: OnceLock<LockGuard> = OnceLock::new();

/// Takes a lock, and ends the process in this way.
pub(crate) fn take(way: &str, urls: &str, resource: &str) -> Outcome {
    let redlock = Redlock::builder().nodes(urls.split(',')).build()?;
    let runtime = match way.split_once('/') {
        Some((_, "current")) => Builder::new_current_thread().enable_all().build()?,
        _ => Builder::new_multi_thread().enable_all().build()?,
    };
    let (way, _) = way.split_once('/').unwrap_or((way, ""));
    let lock = async || redlock.lock(resource).await;
    match way {
        // As at the end of an asynchronous `main`.
        "end" => runtime.block_on(async { lock().await.map(drop_at_end) })?,
        "drop" => runtime.block_on(async { lock().await.map(drop) })?,
        "error" => runtime.block_on(async {
            let _guard = lock().await?;
            Err("an error of the application")?;
            Ok::<_, Box<dyn std::error::Error>>(())
        })?,
        "panic" => runtime.block_on(async {
            let _guard = lock().await?;
            panic!("a panic of the application");
            #[allow(unreachable_code)]
            Ok::<_, redlock::LockError>(())
        })?,
        "task" => runtime.block_on(async {
            let guard = lock().await?;
            tokio::spawn(hold(guard));
            tokio::task::yield_now().await;
            Ok::<_, redlock::LockError>(())
        })?,
        "returned" => drop(runtime.block_on(lock())?),
        "outlives" => {
            let guard = runtime.block_on(lock())?;
            drop(runtime);
            drop(guard);
        }
        "thread" => {
            let guard = runtime.block_on(lock())?;
            drop(runtime);
            let dropped = thread::spawn(move || drop(guard)).join();
            dropped.map_err(|_| "the thread panicked")?;
        }
        "blocking" => runtime.block_on(async {
            let guard = lock().await?;
            tokio::task::spawn_blocking(move || {
                thread::sleep(Duration::from_millis(20));
                drop(guard);
            });
            Ok::<_, redlock::LockError>(())
        })?,
        "background" => shut_down(runtime, &redlock, resource, Runtime::shutdown_background)?,
        "timeout" => shut_down(runtime, &redlock, resource, |runtime| {
            runtime.shutdown_timeout(Duration::from_millis(100));
        })?,
        "shutdown" => runtime.block_on(async {
            let _guard = lock().await?;
            redlock.shutdown().await;
            Ok::<_, redlock::LockError>(())
        })?,
        "static" => FOR_EVER
            .set(runtime.block_on(lock())?)
            .map_err(|_| "the guard is set twice")?,
        "exit" => {
            let _guard = runtime.block_on(lock())?;
            process::exit(0);
        }
        _ => Err("no such way to end")?,
    }
    Ok(())
}

/// Keeps the guard to the end of a block, where it is dropped.
fn drop_at_end(_guard: LockGuard) {}

async fn hold(_guard: LockGuard) {
    std::future::pending::<()>().await;
}

fn shut_down(
    runtime: Runtime,
    redlock: &Redlock,
    resource: &str,
    end: impl FnOnce(Runtime),
) -> Outcome {
    runtime.block_on(async {
        let guard = redlock.lock(resource).await?;
        tokio::spawn(hold(guard));
        Ok::<_, redlock::LockError>(())
    })?;
    end(runtime);
    Ok(())
}
