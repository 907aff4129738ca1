//! The lock manager, which applications call.

// In the order in which the documentation of `Redlock` lists their methods.
pub(crate) mod builder;

pub(crate) mod request;

mod adopt;

mod extend;

pub(crate) mod broken;
mod force_release;

pub(crate) mod status;

pub(crate) mod connect;
mod env;
pub(crate) mod global;
mod label;
mod options;
mod origin;

pub(crate) mod shutdown;

use std::fmt;
use std::sync::Arc;

use tokio::runtime::{self, Handle};

use crate::acquire;
use crate::config::{Config, LockOptions, Overrides};
use crate::engine::{Engine, NodeSet, Shared};
use crate::error::{InvalidRequest, LockError};
use crate::guard::LockGuard;
use crate::resource::Resources;
use crate::sync::Mutex;
use crate::time::clock;

/// A lock manager: a set of nodes, and the options of every lock on them.
///
/// Cloning is cheap, and returns another handle to the same manager. Handles work on every thread
/// and in every runtime. Each runtime that uses the manager has its own connections. They close
/// when the runtime ends, or with the last handle and guard.
///
/// # Examples
///
/// ```no_run
/// use redlock::Redlock;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), redlock::Error> {
/// let nodes = ["redis://a:6379", "redis://b:6379", "redis://c:6379"];
/// let redlock = Redlock::connect(nodes).await?;
/// let guard = redlock.lock("invoice:42").await?;
/// // …
/// drop(guard);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Redlock(Arc<Inner>);

/// The state that all handles share.
struct Inner {
    shared: Arc<Shared>,
    node_set: NodeSet,
    /// One engine for each live runtime that has used the manager.
    engines: Mutex<Vec<(runtime::Id, Arc<Engine>)>>,
}

impl Redlock {
    pub(crate) fn new(node_set: NodeSet, config: Config) -> Self {
        Self(Arc::new(Inner {
            shared: Shared::new(config),
            node_set,
            engines: Mutex::default(),
        }))
    }

    /// The nodes, in the order in which they were configured.
    pub(crate) fn node_set(&self) -> &NodeSet {
        &self.0.node_set
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.shared.config
    }

    /// Validates a request and acquires the lock.
    pub(crate) async fn acquire(
        &self,
        resources: &Resources,
        overrides: &Overrides,
    ) -> Result<LockGuard, LockError> {
        resources.validate()?;
        let options = LockOptions::resolve(self.config(), overrides);
        // The options of the manager itself were validated when it was made.
        if !overrides.is_empty() {
            self.config().check(&options)?;
        }
        let engine = self.open_engine()?;
        acquire::acquire(&engine, resources, &options).await
    }

    /// Returns the engine of the current runtime. Starts one if there is none.
    pub(crate) fn engine(&self) -> Result<Arc<Engine>, InvalidRequest> {
        let runtime = Handle::try_current().map_err(|_| InvalidRequest::NoRuntime)?;
        let id = runtime.id();
        let mut engines = self.0.engines.lock();
        let is_usable = |(of, engine): &&(_, Arc<Engine>)| *of == id && engine.is_alive();
        if let Some((_, engine)) = engines.iter().find(is_usable) {
            return Ok(Arc::clone(engine));
        }
        // Before anything is started that could not be ended on time.
        if !clock::has_timers() {
            return Err(InvalidRequest::NoRuntime);
        }
        engines.retain(|(_, engine)| engine.is_alive());
        let engine = Engine::start(&self.0.node_set, &self.0.shared, &runtime);
        engines.push((id, Arc::clone(&engine)));
        Ok(engine)
    }

    /// The engines of all runtimes.
    fn engines(&self) -> Vec<Arc<Engine>> {
        let engines = self.0.engines.lock();
        engines
            .iter()
            .map(|(_, engine)| Arc::clone(engine))
            .collect()
    }

    /// Returns the engine of the current runtime, unless the manager was shut down.
    pub(crate) fn open_engine(&self) -> Result<Arc<Engine>, LockError> {
        if self.is_closed() {
            return Err(LockError::Closed);
        }
        Ok(self.engine()?)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.shared.shutdown_signal.is_closed()
    }
}

impl fmt::Debug for Redlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redlock")
            .field("nodes", &self.0.node_set.names)
            .field("config", &self.0.shared.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_engine_whose_timers_have_ended_is_replaced() {
        let redlock = Redlock::in_memory(3);
        let former = redlock.lock("a").await.unwrap();
        redlock.engine().unwrap().timers().close();
        assert_eq!(former.lost().await.reason(), crate::LossReason::Shutdown);
        let guard = redlock.lock("a").await.unwrap();
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(guard.is_held(), "it is extended");
    }
}
