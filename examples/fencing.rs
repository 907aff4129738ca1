//! The late write of a holder that was paused for longer than its lease.
//!
//! It overwrites what the next holder wrote, unless the account checks fencing tokens.
//!
//! ```text
//! cargo run --example fencing
//! ```
//!
//! Exits with a failure if the final balances differ from the expected ones.

use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use redlock::fence::{FenceGate, Stale};
use redlock::{FencingToken, LockGuard, MemoryNode, Redlock};

/// How long nodes keep a lock that is not extended.
const TTL: Duration = Duration::from_millis(300);

/// A pause as caused by a garbage collector, a debugger or a busy hypervisor.
const PAUSE: Duration = Duration::from_millis(700);

fn main() -> ExitCode {
    println!("Ann adds 20 to an account of 100, and Ben adds 50. Each acquires the lock, reads");
    println!("the balance and writes the new one. Ann is paused between the read and the write.");

    println!("\nWithout a fencing token:");
    let without = Story::new(false).play();
    println!("\nWith a fencing token that the account checks:");
    let with = Story::new(true).play();

    println!("\nWithout a token: {without} (Ben's 50 are lost). With a token: {with}.");
    if (without, with) == (120, 170) {
        ExitCode::SUCCESS
    } else {
        eprintln!("unexpected balances {without} and {with}: expected 120 and 170");
        ExitCode::FAILURE
    }
}

/// The protected account. Any caller can read and write it.
#[derive(Default)]
struct Account {
    balance: AtomicI64,
    gate: FenceGate,
}

impl Account {
    fn read(&self) -> i64 {
        self.balance.load(Ordering::SeqCst)
    }

    fn write(&self, balance: i64) {
        self.balance.store(balance, Ordering::SeqCst);
    }

    /// Reads for a holder that is going to write. Older holders are rejected from now on, so the
    /// value that was read stays current.
    fn read_as(&self, token: FencingToken) -> Result<i64, Stale> {
        self.gate.write(token, || self.read())
    }

    /// Writes unless the token is stale. Check and write are one atomic step.
    fn write_as(&self, token: FencingToken, balance: i64) -> Result<(), Stale> {
        self.gate.write(token, || self.write(balance))
    }
}

/// Two processes, played by threads with a runtime each, and an account outside both.
struct Story {
    is_fenced: bool,
    account: Account,
    nodes: [MemoryNode; 3],
    start: Instant,
}

impl Story {
    fn new(is_fenced: bool) -> Self {
        let account = Account::default();
        account.write(100);
        Self {
            is_fenced,
            account,
            nodes: MemoryNode::cluster(),
            start: Instant::now(),
        }
    }

    /// Runs both processes and returns the final balance.
    fn play(&self) -> i64 {
        let (ann_is_paused, pause) = channel();
        let (ben_is_done, done) = channel();
        thread::scope(|scope| {
            scope.spawn(|| run(self.ann(ann_is_paused, done)));
            scope.spawn(|| run(self.ben(pause, ben_is_done)));
        });
        self.account.read()
    }

    async fn ann(&self, paused: Sender<()>, ben_is_done: Receiver<()>) {
        let redlock = self.redlock();
        let guard = redlock.lock("account").await.unwrap();
        let balance = self.read("Ann", &guard).unwrap();
        assert!(guard.is_held());
        self.say("Ann", "checks her guard: held. Now she is paused …");
        paused.send(()).unwrap();
        // Not `sleep().await`: the whole thread stops, so nothing extends the lease.
        thread::sleep(PAUSE);
        ben_is_done.recv().unwrap();
        self.say("Ann", "… resumes, without checking again");
        if self.write("Ann", &guard, balance + 20).is_err() {
            drop(guard);
            let guard = redlock.lock("account").await.unwrap();
            let balance = self.read("Ann", &guard).unwrap();
            self.write("Ann", &guard, balance + 20).unwrap();
        }
        redlock.shutdown().await;
    }

    async fn ben(&self, ann_is_paused: Receiver<()>, done: Sender<()>) {
        ann_is_paused.recv().unwrap();
        let redlock = self.redlock();
        let guard = redlock.lock("account").await.unwrap();
        let balance = self.read("Ben", &guard).unwrap();
        self.write("Ben", &guard, balance + 50).unwrap();
        drop(guard);
        redlock.shutdown().await;
        done.send(()).unwrap();
    }

    fn read(&self, who: &str, guard: &LockGuard) -> Result<i64, Stale> {
        if !self.is_fenced {
            let balance = self.account.read();
            self.say(who, &format!("has the lock, and reads {balance}"));
            return Ok(balance);
        }
        let token = guard.token();
        let balance = self.account.read_as(token)?;
        self.say(
            who,
            &format!("has the lock with token {token}, and reads {balance}"),
        );
        Ok(balance)
    }

    fn write(&self, who: &str, guard: &LockGuard, balance: i64) -> Result<(), Stale> {
        let written = if self.is_fenced {
            self.account.write_as(guard.token(), balance)
        } else {
            self.account.write(balance);
            Ok(())
        };
        match &written {
            Ok(()) => self.say(who, &format!("writes {balance}")),
            Err(stale) => self.say(who, &format!("tries to write {balance}, rejected: {stale}")),
        }
        written
    }

    /// Builds a manager on the same nodes, as each process has its own.
    fn redlock(&self) -> Redlock {
        let builder = Redlock::builder().nodes(self.nodes.clone()).ttl(TTL);
        builder.retry_delay(TTL / 10).build().unwrap()
    }

    fn say(&self, who: &str, what: &str) {
        let at = self.start.elapsed().as_secs_f64();
        println!("{at:>7.2} s  {who}  {what}");
    }
}

fn run(process: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(process);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_the_late_write_wins() {
        assert_eq!(Story::new(false).play(), 120);
    }

    #[test]
    fn with_a_token_the_late_write_is_rejected() {
        assert_eq!(Story::new(true).play(), 170);
    }
}
