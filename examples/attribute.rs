//! `#[redlocked]` on functions and methods, with locks that are busy or lost.
//!
//! ```text
//! cargo run --example attribute
//! ```

use std::fmt;
use std::time::Duration;

use redlock::{Fault, LockGuard, MemoryNode, Redlock, redlocked};
use tokio::time::sleep;

struct Invoice {
    id: u64,
    cents: u64,
}

/// The body runs while `invoice:42` is locked. Without a `manager` argument, the attribute uses the
/// manager in scope, or else the one installed for the process.
#[redlocked("invoice:{invoice.id}", ttl = "300ms", wait = "0s")]
async fn charge(invoice: &Invoice) -> Result<u64, ChargeError> {
    if invoice.cents == 0 {
        return Err(ChargeError::NothingToPay);
    }
    sleep(Duration::from_millis(500)).await;
    Ok(invoice.cents)
}

/// One run at a time is enough. If another process makes the report, this call returns at once.
#[redlocked("nightly", wait = "0s", on_busy = skip)]
async fn nightly_report() -> Result<Option<&'static str>, redlock::Error> {
    sleep(Duration::from_millis(50)).await;
    Ok(Some("all is well"))
}

struct Warehouse {
    name: &'static str,
    redlock: Redlock,
}

impl Warehouse {
    /// The manager is a field here, and the body can use the guard.
    #[redlocked("{self.name}:{item}", manager = self.redlock, guard = lock, wait = "1s")]
    async fn restock(&self, item: &str) -> Result<String, redlock::Error> {
        let lock: &LockGuard = lock;
        Ok(format!("restocked under {}", lock.resource()))
    }
}

/// The application's error. `From` maps each kind of lock error to a variant.
#[derive(Debug)]
enum ChargeError {
    NothingToPay,
    InProgress,
    Interrupted,
    Lock(redlock::Error),
}

impl From<redlock::Error> for ChargeError {
    fn from(error: redlock::Error) -> Self {
        if error.is_busy() {
            Self::InProgress
        } else if error.is_lost() {
            Self::Interrupted
        } else {
            Self::Lock(error)
        }
    }
}

impl fmt::Display for ChargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingToPay => f.write_str("nothing to pay"),
            Self::InProgress => f.write_str("this invoice is already being charged"),
            Self::Interrupted => f.write_str("interrupted: check what was done, then try again"),
            Self::Lock(error) => error.fmt(f),
        }
    }
}

#[tokio::main]
async fn main() {
    let nodes = MemoryNode::cluster::<3>();
    let redlock = Redlock::builder().nodes(nodes.clone()).build().unwrap();
    redlock.clone().install_global().unwrap();

    let invoice = Invoice {
        id: 42,
        cents: 1999,
    };
    // The second call finds the invoice locked. The first outlives its ttl, so it is extended.
    let (first, second) = tokio::join!(charge(&invoice), charge(&invoice));
    show("charge", first);
    show("charge at the same time", second);

    let free = Invoice { id: 43, cents: 0 };
    show("charge zero cents", charge(&free).await);

    let (first, second) = tokio::join!(nightly_report(), nightly_report());
    println!("report: {:?}", first.unwrap());
    println!("report at the same time: {:?}", second.unwrap());

    let warehouse = Warehouse {
        name: "berlin",
        redlock: redlock.clone(),
    };
    println!("restock: {}", warehouse.restock("tea").await.unwrap());

    // Two of three nodes crash during the work. No extension reaches a quorum, so the body is
    // dropped before another process can acquire the lock.
    let (lost, ()) = tokio::join!(charge(&invoice), async {
        sleep(Duration::from_millis(50)).await;
        nodes[..2].iter().for_each(|node| node.fault(Fault::Crash));
    });
    show("charge while a majority crashes", lost);
    show("charge without a majority", charge(&invoice).await);

    nodes[..2].iter().for_each(|node| node.fault(None));
    show("charge again", charge(&invoice).await);
}

fn show(what: &str, outcome: Result<u64, ChargeError>) {
    match outcome {
        Ok(cents) => println!("{what}: {cents} cents"),
        Err(error) => println!("{what}: {error}"),
    }
}
