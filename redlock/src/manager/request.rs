//! A request for a lock, with its options.

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::config::{Overrides, Wait};
use crate::error::{Error, InvalidRequest, LockError};
use crate::guard::LockGuard;
use crate::manager::{Redlock, global};
use crate::resource::{Resource, Resources};

/// A request for a lock: set options, then await it.
///
/// Returned by [`Redlock::lock`](crate::Redlock::lock), [`try_lock`](crate::Redlock::try_lock) and
/// [`lock_all`](crate::Redlock::lock_all). It owns what it needs, so it can be spawned, boxed and
/// collected. Nothing is sent before the first poll.
///
/// # Errors
///
/// - [`LockError::Busy`]: another owner holds the lock, and `wait` is over.
/// - [`LockError::NoQuorum`]: too few nodes responded to decide, and `wait` is over.
/// - [`LockError::NotALock`]: the key holds something else.
/// - [`LockError::Invalid`]: a resource or an option is invalid, or there is no Tokio runtime.
/// - [`LockError::Closed`]: the manager was shut down.
///
/// # Cancel safety
///
/// A request can be dropped at any point. Keys that it has set, on any node, are released in the
/// background.
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
    /// The manager. `None` looks up the default manager at the first poll.
    manager: Option<Redlock>,
    /// The resources, or the error that the first poll returns. Constructors and setters do not
    /// fail.
    resources: Result<Resources, InvalidRequest>,
    overrides: Overrides,
    /// The acquisition, started by the first poll.
    work: Option<Work>,
}

type Work = Pin<Box<dyn Future<Output = Result<LockGuard, LockError>> + Send>>;

impl LockRequest {
    /// Creates a request to `manager`, or to the default manager if it is `None`.
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

    /// Uses `manager` instead of the default manager.
    #[cfg(feature = "macros")]
    pub(crate) fn on(mut self, manager: &Redlock) -> Self {
        self.manager = Some(manager.clone());
        self
    }

    /// How long the nodes keep the lock if it is not extended. At least 10 ms, at most the
    /// manager's [`max_ttl`](crate::RedlockBuilder::max_ttl).
    ///
    /// This is how long others wait after the holder crashed. It is also how long the holder may be
    /// cut off or paused without losing the lock.
    ///
    /// Default: the manager's, 30 s unless set.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.overrides.ttl = Some(ttl);
        self
    }

    /// How long to wait for the lock. `Duration::MAX` waits for ever.
    ///
    /// If the lock is not acquired by then, the error is returned at most one node timeout later.
    ///
    /// Default: the manager's, 10 s unless set.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.overrides.wait = Some(Wait::For(wait));
        self
    }

    /// Tries once, without waiting, as [`Redlock::try_lock`](crate::Redlock::try_lock) does.
    pub fn no_wait(mut self) -> Self {
        self.overrides.wait = Some(Wait::No);
        self
    }

    /// Whether the lock is extended in the background while the guard lives. If not, the lock is
    /// lost after its ttl.
    ///
    /// Default: the manager's, true unless set.
    pub fn auto_extend(mut self, auto_extend: bool) -> Self {
        self.overrides.auto_extend = Some(auto_extend);
        self
    }

    /// The maximum time for which the lock can be held, however often it is extended. At least
    /// 10 ms.
    ///
    /// It limits work that hangs while its process lives. After that time the guard is
    /// [lost](LockGuard::lost), with the reason [`MaxHold`](crate::LossReason::MaxHold).
    ///
    /// Default: the manager's, none unless set.
    pub fn max_hold(mut self, max_hold: Duration) -> Self {
        self.overrides.max_hold = Some(max_hold);
        self
    }

    /// Keeps others out for at least this long after the acquisition, even if the lock is released
    /// sooner. At most the manager's [`max_ttl`](crate::RedlockBuilder::max_ttl), and at most
    /// [`max_hold`](Self::max_hold).
    ///
    /// This is for a job that every machine starts at about the same time, and only one should run.
    /// A machine whose clock is late then finds the lock held, however short the job was.
    ///
    /// A release within that time returns as fast as any other: by drop, by
    /// [`release`](LockGuard::release), by unwinding or by [`shutdown`](crate::Redlock::shutdown).
    /// It leaves the keys to expire when the time is over, by the clocks of the nodes. Until then
    /// no request gets the lock, not even one of the same manager.
    ///
    /// A lease is not kept if it was [detached](LockGuard::detach), released by its id, or deleted
    /// from the nodes. If the process dies, the lock is kept only for the rest of its ttl. To cover
    /// that case, set a [`ttl`](Self::ttl) of the same length.
    ///
    /// Default: none. A released lock is free at once.
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
    /// The release is awaited, so that the lock is free when this returns. An error of the release
    /// does not replace the output of `f`.
    ///
    /// # Errors
    ///
    /// Those of the [request](Self#errors), and [`LockError::Lost`] if the lease ended before `f`
    /// completed, with the reason. `f` is dropped first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops `f`, and then releases the lock in the background.
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
        guard.finish().await;
        Ok(outcome?)
    }
}

impl Redlock {
    /// Requests a lock on `resource`, and waits while another owner holds it.
    ///
    /// The returned guard extends the lock in the background, and releases it when dropped.
    pub fn lock(&self, resource: impl Into<Resource>) -> LockRequest {
        LockRequest::new(Some(self.clone()), Ok(resource.into().into()))
    }

    /// Requests a lock on `resource` once, without waiting: `lock(resource).no_wait()`.
    ///
    /// If another owner holds the lock, the error is [`LockError::Busy`].
    ///
    /// Behind a guard or a request of the same manager, the nodes are not contacted. Behind a guard
    /// the error is `Busy`. Behind a request it is the error of that request's last round, such as
    /// [`LockError::NoQuorum`], and `Busy` before there is one.
    pub fn try_lock(&self, resource: impl Into<Resource>) -> LockRequest {
        self.lock(resource).no_wait()
    }

    /// Requests a lock on several resources together: all of them, or none.
    ///
    /// All resources share one guard, one lease and one [token](LockGuard::token). Each node gets
    /// one command for all of them, and grants all or none. No request holds one resource while it
    /// waits for another, so requests for overlapping sets cannot deadlock. A lease that loses one
    /// of its resources has lost them all.
    ///
    /// The resources can be in any order, and contain duplicates.
    /// [`resources`](LockGuard::resources) returns them in byte order, each once. At most
    /// [`Resource::MAX_TOGETHER`] can be locked together. Byte strings of different lengths have
    /// different types, so a list of them needs slices: `[&b"a"[..], &b"bc"[..]]`.
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
            match (manager, resources) {
                (None, _) => Box::pin(ready(Err(LockError::NoGlobal))),
                (_, Err(invalid)) => Box::pin(ready(Err(invalid.into()))),
                (Some(manager), Ok(resources)) => {
                    Box::pin(async move { manager.acquire(&resources, &overrides).await })
                }
            }
        });
        work.as_mut().poll(cx)
    }
}

impl fmt::Debug for LockRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resources: &dyn fmt::Debug = match &self.resources {
            Ok(resources) => resources,
            Err(invalid) => invalid,
        };
        f.debug_struct("LockRequest")
            .field("resources", resources)
            .field("overrides", &self.overrides)
            .finish_non_exhaustive()
    }
}
