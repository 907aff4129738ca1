//! The option that names the holder of a lock.

use crate::manager::builder::RedlockBuilder;

impl RedlockBuilder {
    /// The text that names the holder of this manager's locks: for an operator who looks for the
    /// process that holds one. Any text of at most 128 bytes.
    ///
    /// [`Status::label`](crate::Status::label) and [`Broken::label`](crate::Broken::label) show it, and
    /// so does the error of a [busy](crate::LockError::Busy) lock to managers that have a label
    /// themselves. It decides nothing. Everyone who can read the servers can read it.
    ///
    /// It is kept in a key [beside the lock](crate::guide::operations#labels), which other libraries do
    /// not see. It is written once the lock is held, with an extension that no one waits for, and again
    /// with each extension. It may therefore be missing for a moment, and a lock that is released at once
    /// may never have it. If the servers refuse it, nothing else changes.
    ///
    /// Default: none. A label costs each node one more command for each lock. A manager without one sends
    /// nothing for it. Empty is none.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use redlock::{MemoryNode, Redlock};
    ///
    /// let builder = Redlock::builder().nodes(MemoryNode::cluster::<3>());
    /// let redlock = builder.label("billing on web-3").build()?;
    /// let guard = redlock.lock("invoice:42").await?;
    ///
    /// let status = redlock.status("invoice:42").await;
    /// assert_eq!(status.label(), Some("billing on web-3"));
    /// # drop(guard);
    /// # Ok(())
    /// # }
    /// ```
    pub fn label(mut self, label: impl Into<String>) -> Self {
        let label: String = label.into();
        self.config.label = (!label.is_empty()).then(|| label.into());
        self
    }
}
