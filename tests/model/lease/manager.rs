//! A manager: what it does with the lock, and what it knows of a deployment.

use super::record::{Id, Ticks};

/// A manager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Manager {
    /// The deployment that it belongs to, once known.
    pub(crate) deployment: Option<Id>,
    pub(crate) progress: Progress,
    pub(crate) phase: Phase,
}

/// How far a manager has come in forming a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Progress {
    #[default]
    First,
    /// All nodes were forming this id when it read them first. It reads them again.
    Again(Id),
    /// All nodes were still forming it when it read them again.
    Confirmed(Id),
}

/// What a manager does with the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Phase {
    #[default]
    Idle,
    /// A round is in progress.
    Asking { age: Ticks },
    /// It holds the lock, by its clock.
    Held,
}
