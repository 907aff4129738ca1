//! The default manager, of a process or of a task.

use std::future::Future;
use std::sync::OnceLock;

use crate::error::AlreadyInstalled;
use crate::manager::Redlock;

static GLOBAL: OnceLock<Redlock> = OnceLock::new();

tokio::task_local! {
    static SCOPED: Redlock;
}

impl Redlock {
    /// Installs this manager as the default of `#[redlocked]` functions that name no manager.
    ///
    /// This is for applications: call it once, in `main`. A library takes a manager from its caller
    /// instead.
    ///
    /// # Errors
    ///
    /// [`AlreadyInstalled`] if a manager was installed before. That one stays installed.
    ///
    /// # Examples
    ///
    /// ```
    /// use redlock::{AlreadyInstalled, Redlock};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// assert!(Redlock::global().is_none());
    /// Redlock::in_memory(3).install_global()?;
    /// assert_eq!(Redlock::in_memory(5).install_global(), Err(AlreadyInstalled));
    ///
    /// let redlock = Redlock::global().expect("installed above");
    /// let _guard = redlock.lock("report").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn install_global(self) -> Result<(), AlreadyInstalled> {
        GLOBAL.set(self).map_err(|_| AlreadyInstalled)
    }

    /// The manager that is installed for the process, if any.
    #[must_use]
    pub fn global() -> Option<&'static Self> {
        GLOBAL.get()
    }

    /// Runs `future` with this manager as the default, instead of the global one.
    ///
    /// `#[redlocked]` functions that name no manager use it. Each test can thus have its own nodes.
    /// The scope is limited to the current task: tasks that are spawned inside do not inherit it.
    ///
    /// # Examples
    ///
    /// ```
    /// use redlock::{Redlock, redlocked};
    ///
    /// #[redlocked("counter")]
    /// async fn count() -> Result<u32, redlock::Error> {
    ///     Ok(1)
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), redlock::Error> {
    /// let redlock = Redlock::in_memory(3);
    /// assert_eq!(redlock.scope(count()).await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        SCOPED.scope(self.clone(), future)
    }
}

/// The default manager: the one in the task's scope, or else the one installed for the process.
pub(crate) fn current() -> Option<Redlock> {
    SCOPED
        .try_with(Clone::clone)
        .ok()
        .or_else(|| Redlock::global().cloned())
}
