//! A lock that was asked for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::config::{LockOptions, Overrides, Wait};
use crate::error::{Error, InvalidRequest, LockError};
use crate::guard::LockGuard;
use crate::manager::{Redlock, global};
use crate::resource::{Resource, Resources};

/// A request for a lock: options to set, then a future to await. Made by
/// [`Redlock::lock`](crate::Redlock::lock), [`try_lock`](crate::Redlock::try_lock) and
/// [`lock_all`](crate::Redlock::lock_all).
///
/// It owns what it needs, so it can be spawned, boxed and collected. Nothing is sent before the
/// first poll; options cannot be changed after it.
///
/// # Errors
///
/// - [`LockError::Busy`]: another owner has it, and `wait` is over.
/// - [`LockError::NoQuorum`]: too few nodes can be reached to decide, and `wait` is over.
/// - [`LockError::NotALock`]: the key holds something else.
/// - [`LockError::Invalid`]: a resource or an option makes no sense, or there is no runtime.
/// - [`LockError::Closed`]: the manager was shut down.
///
/// # Cancel safety
///
/// Dropping the request at any point leaves nothing behind but the time a release takes: whatever
/// was taken, on whichever node, is released in the background.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), redlock::Error> {
/// # let redlock = redlock::Redlock::in_memory(3);
/// let guard = redlock
///     .lock("report")
///     .ttl(Duration::from_secs(10))
///     .wait(Duration::from_secs(2))
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a request does nothing unless it is awaited"]
pub struct LockRequest {
    /// The manager; `None` looks up the default one at the first poll.
    manager: Option<Redlock>,
    /// What to lock; setters do not fail, nor does what makes a request.
    resources: Result<Resources, InvalidRequest>,
    overrides: Overrides,
    /// Under way since the first poll.
    work: Option<Work>,
}

type Work = Pin<Box<dyn Future<Output = Result<LockGuard, LockError>> + Send>>;

impl LockRequest {
    /// A request to `manager`, or to the default one at the first poll.
    pub(crate) fn new(
        manager: Option<Redlock>,
        resources: Result<Resources, InvalidRequest>,
    ) -> Self {
        Self {
            manager,
            resources,
            overrides: Overrides::default(),
            work: None,
        }
    }

    /// Uses `manager` instead of the default one.
    #[cfg(feature = "macros")]
    pub(crate) fn on(mut self, manager: &Redlock) -> Self {
        self.manager = Some(manager.clone());
        self
    }

    /// How long nodes keep the lock when nothing extends it: the time others wait after a holder
    /// has crashed, and the time a holder may be cut off or paused without losing it.
    ///
    /// Default: the manager's, 30 s unless set.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.overrides.ttl = Some(ttl);
        self
    }

    /// How long to go on trying; `Duration::MAX` is for ever. The error comes at most one node
    /// timeout later.
    ///
    /// Default: the manager's, 10 s unless set.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.overrides.wait = Some(Wait::For(wait));
        self
    }

    /// Tries once. What [`Redlock::try_lock`](crate::Redlock::try_lock) does.
    pub fn no_wait(mut self) -> Self {
        self.overrides.wait = Some(Wait::No);
        self
    }

    /// Whether the lock is extended in the background while the guard lives. Without it, the lock
    /// is lost after its ttl.
    ///
    /// Default: the manager's, true unless set, because work takes longer than expected.
    pub fn auto_extend(mut self, auto_extend: bool) -> Self {
        self.overrides.auto_extend = Some(auto_extend);
        self
    }

    /// The longest time the lock can be held, whatever extends it: a bound on work that hangs
    /// while its process lives. The guard is then [lost](LockGuard::lost), for the reason
    /// [`MaxHold`](crate::LossReason::MaxHold). At least 10 ms.
    ///
    /// Default: the manager's, none unless set.
    pub fn max_hold(mut self, max_hold: Duration) -> Self {
        self.overrides.max_hold = Some(max_hold);
        self
    }

    /// Keeps others out for at least so long, counted from the acquisition, even if the lock is
    /// released sooner: for jobs that every machine starts at about the same time, and one of them
    /// is to do. A machine whose clock is late then finds the lock taken, however fast the job was.
    ///
    /// A release within that time, by drop, [`release`](LockGuard::release), unwinding or
    /// [`shutdown`](crate::Redlock::shutdown), returns as fast as any other. It leaves the keys to
    /// expire when the time is over, by the nodes' clocks; nobody, this manager included, gets the
    /// lock before. A lease that was [detached](LockGuard::detach), released by its id, or taken
    /// from the nodes by others is not kept. If the process dies the lock is kept for the rest of
    /// its ttl and no longer, so that a `ttl` of as much is what covers that too.
    ///
    /// At most the manager's [`max_ttl`](crate::RedlockBuilder::max_ttl), and `max_hold`.
    ///
    /// Default: none.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let minute = Duration::from_secs(60);
    /// let guard = redlock.try_lock("nightly-report").hold_at_least(minute).await?;
    /// drop(guard); // done within milliseconds
    /// let late = redlock.try_lock("nightly-report").await;
    /// assert!(late.unwrap_err().is_busy());
    /// # Ok(())
    /// # }
    /// ```
    pub fn hold_at_least(mut self, hold_at_least: Duration) -> Self {
        self.overrides.hold_at_least = Some(hold_at_least);
        self
    }

    /// Acquires the lock, runs `f` while it is held, and releases it.
    ///
    /// The release is awaited, so that the next holder need not wait; its outcome does not
    /// replace that of `f`.
    ///
    /// # Errors
    ///
    /// As of the request itself; and [`LockError::Lost`] if the lock was lost before `f` had
    /// completed, which is then dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops `f` and releases the lock in the background.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let left = redlock.lock("stock:7").run(async |guard| guard.remaining()).await?;
    /// assert!(!left.is_zero());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn run<T>(self, f: impl AsyncFnOnce(&LockGuard) -> T) -> Result<T, Error> {
        let guard = self.await?;
        let outcome = guard.run(f(&guard)).await;
        if let Err(error) = guard.release().await {
            tracing::debug!(%error, "redlock release");
        }
        Ok(outcome?)
    }
}

impl Redlock {
    /// Asks for a lock on `resource`, and waits for it while another owner has it.
    ///
    /// The guard that comes of it extends itself in the background and releases on drop.
    pub fn lock(&self, resource: impl Into<Resource>) -> LockRequest {
        LockRequest::new(Some(self.clone()), Ok(resource.into().into()))
    }

    /// Asks for a lock on `resource`, once: `lock(resource).no_wait()`.
    ///
    /// While another owner has it this is [`LockError::Busy`]; so it is, without asking the nodes,
    /// while a guard or a request of this manager is before it.
    pub fn try_lock(&self, resource: impl Into<Resource>) -> LockRequest {
        self.lock(resource).no_wait()
    }

    /// Asks for a lock on several resources as one: all of them, or none.
    ///
    /// One guard, one lease and one [token](LockGuard::token) stand for all. Every node is asked
    /// for all resources in one command, and has none of them for whoever does not get them all:
    /// nobody holds one while waiting for another, so that requests for overlapping sets cannot
    /// lock each other out, in whatever order they name them. Whoever loses one, loses all.
    ///
    /// The resources can come in any order, and more than once;
    /// [`resources`](LockGuard::resources) has them in byte order. Up to
    /// [`Resource::MAX_TOGETHER`] are locked at once. Byte strings of different lengths are
    /// different types, so that a list of them needs slices: `[&b"a"[..], &b"bc"[..]]`.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// # let redlock = redlock::Redlock::in_memory(3);
    /// let (from, to) = (7, 4);
    /// let accounts = [from, to].map(|id| format!("account:{id}"));
    /// let guard = redlock.lock_all(accounts).await?;
    /// assert_eq!(guard.resources(), ["account:4", "account:7"]);
    /// assert!(redlock.try_lock("account:7").await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn lock_all(
        &self,
        resources: impl IntoIterator<Item = impl Into<Resource>>,
    ) -> LockRequest {
        LockRequest::new(Some(self.clone()), Resources::all(resources))
    }
}

impl Future for LockRequest {
    type Output = Result<LockGuard, LockError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let work = this.work.get_or_insert_with(|| {
            let manager = this.manager.clone().or_else(global::current);
            let (resources, overrides) = (this.resources.clone(), this.overrides.clone());
            Box::pin(async move {
                let manager = manager.ok_or(LockError::NoGlobal)?;
                let options = LockOptions::resolve(manager.config(), &overrides);
                manager.acquire(&resources?, &options).await
            })
        });
        work.as_mut().poll(cx)
    }
}

impl fmt::Debug for LockRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resources: &dyn fmt::Debug = match &self.resources {
            Ok(resources) => resources,
            Err(refused) => refused,
        };
        f.debug_struct("LockRequest")
            .field("resources", resources)
            .field("overrides", &self.overrides)
            .finish_non_exhaustive()
    }
}
