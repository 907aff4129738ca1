//! The contention that an acquire reports to a node.

use std::sync::Arc;

use crate::waiting::wakeup::Wakeup;

/// What an acquire says about contention.
#[derive(Clone, Debug, Default)]
pub(super) struct Contention {
    /// Whether other processes are known to contend.
    pub(super) is_contended: bool,
    /// Notified when a node that refuses may be free.
    pub(super) wakeup: Option<Arc<Wakeup>>,
}
