//! The contenders, by name.

use std::sync::Arc;

use redlock_benches::{Contender, Raw, Runner};
use tokio::runtime::{Builder, Runtime};

pub(crate) const UNFENCED: &str = "redlock, unfenced";
pub(crate) const FENCED: &str = "redlock, fenced";
pub(crate) const UNFENCED_THREAD: &str = "unfenced, 1 thread";
pub(crate) const FENCED_THREAD: &str = "fenced, 1 thread";
pub(crate) const RSLOCK: &str = "rslock";
pub(crate) const BARE: &str = "redis-rs alone";
pub(crate) const RAW: &str = "limit, unfenced";
pub(crate) const RAW_FENCED: &str = "limit, fenced";

/// Returns the limit of a contender. Contenders without tokens have that without tokens.
pub(crate) fn limit_of(who: &str) -> &'static str {
    match who {
        FENCED | FENCED_THREAD | RAW_FENCED => RAW_FENCED,
        _ => RAW,
    }
}

/// The runtimes of the contenders.
#[derive(Debug)]
pub(crate) struct Runtimes {
    /// The usual one, with a thread for each core.
    pub(crate) threads: Arc<Runtime>,
    thread: Arc<Runtime>,
}

impl Runtimes {
    pub(crate) fn new() -> Self {
        let thread = Builder::new_current_thread().enable_all().build();
        Self {
            threads: Arc::new(Runtime::new().expect("a runtime")),
            thread: Arc::new(thread.expect("a runtime")),
        }
    }

    /// Connects the named contenders to the servers at `urls`, in this order.
    ///
    /// The raw client needs one of this crate before it.
    pub(crate) fn connect(
        &self,
        names: &[&'static str],
        urls: &[String],
    ) -> Vec<(&'static str, Runner)> {
        let runners = names.iter().map(|who| (*who, self.runner(who, urls)));
        runners.collect()
    }

    fn runner(&self, who: &str, urls: &[String]) -> Runner {
        let runtime = match who {
            UNFENCED_THREAD | FENCED_THREAD => &self.thread,
            _ => &self.threads,
        };
        let contender = match who {
            RAW | RAW_FENCED => {
                return Runner::Raw(Box::new(Raw::connect(urls, who == RAW_FENCED)));
            }
            RSLOCK => Contender::rslock(urls),
            BARE => runtime.block_on(Contender::bare(urls)),
            UNFENCED | UNFENCED_THREAD => runtime.block_on(Contender::redlock(urls, false)),
            FENCED | FENCED_THREAD => runtime.block_on(Contender::redlock(urls, true)),
            other => panic!("no such contender: {other}"),
        };
        Runner::Tasks(Arc::clone(runtime), contender)
    }
}
