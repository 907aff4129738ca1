//! The verb `redlock status`.

mod describe;
mod json;
mod table;
mod watch;

use std::io;

pub(crate) use self::describe::describe;
use redlock::{LockState, Redlock, Status};

use crate::args::{NodeArgs, StatusArgs};
use crate::console::{Console, on_one_line};
use crate::failure::{Failure, NO_QUORUM, NOT_OBTAINED, TAKEN};

/// Prints who holds the locks, once or until a signal.
pub(crate) async fn status(
    args: &StatusArgs,
    nodes: &NodeArgs,
    console: &Console,
) -> Result<u8, Failure> {
    let manager = nodes.build_without_ttl(nodes.builder()?)?;
    if args.watch {
        return watch::watch(&manager, args, console).await;
    }
    let locks = look(&manager, &args.names).await;
    // A closed stdout is no failure: the exit code carries the state too.
    print(&locks, console).ok();
    Ok(code(&locks))
}

/// A lock and its state.
struct Lock<'a> {
    name: &'a str,
    status: Status,
}

/// Asks for the state of all locks at once.
async fn look<'a>(manager: &Redlock, names: &'a [String]) -> Vec<Lock<'a>> {
    let looks = names.iter().map(|name| {
        let (manager, resource) = (manager.clone(), name.clone());
        let look = tokio::spawn(async move { manager.status(resource).await });
        (name, look)
    });
    let mut locks = Vec::new();
    for (name, look) in looks.collect::<Vec<_>>() {
        if let Ok(status) = look.await {
            locks.push(Lock { name, status });
        }
    }
    locks
}

/// Prints one lock in detail, or several as a table.
fn print(locks: &[Lock<'_>], console: &Console) -> io::Result<()> {
    let text = match locks {
        _ if console.is_json() => locks.iter().map(json::line).collect(),
        [lock] => describe(&lock.status),
        _ => table::table(locks),
    };
    Console::print_result(&text)
}

/// Prints one of several locks by itself.
fn print_named(lock: &Lock<'_>, console: &Console) -> io::Result<()> {
    if !console.is_json() {
        Console::print_result(&format!("{}: ", on_one_line(lock.name)))?;
    }
    print(std::slice::from_ref(lock), console)
}

/// Returns the exit code: that of the state which a script has to worry about most.
fn code(locks: &[Lock<'_>]) -> u8 {
    let codes = locks.iter().map(|lock| match lock.status.state() {
        LockState::Held => 0,
        LockState::Free => NOT_OBTAINED,
        LockState::Taken => TAKEN,
        _ => NO_QUORUM,
    });
    let by_concern = |code: &u8| {
        [0, NOT_OBTAINED, TAKEN, NO_QUORUM]
            .iter()
            .position(|it| it == code)
    };
    codes.max_by_key(by_concern).unwrap_or_default()
}
