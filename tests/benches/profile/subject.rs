//! The subject of a profile: a contender and its runtime.

use std::sync::Arc;

use redlock::{MemoryNode, Redlock};
use redlock_benches::{Contender, Raw, Runner};
use tokio::runtime::Runtime;

/// A contender to profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Unfenced,
    Fenced,
    UnfencedInMemory,
    FencedInMemory,
    Raw,
    RawFenced,
    Bare,
    Rslock,
}

impl Subject {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Unfenced,
        Self::Fenced,
        Self::UnfencedInMemory,
        Self::FencedInMemory,
        Self::Raw,
        Self::RawFenced,
        Self::Bare,
        Self::Rslock,
    ];

    /// Returns the name, which has no spaces.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unfenced => "unfenced",
            Self::Fenced => "fenced",
            Self::UnfencedInMemory => "memory-unfenced",
            Self::FencedInMemory => "memory-fenced",
            Self::Raw => "raw",
            Self::RawFenced => "raw-fenced",
            Self::Bare => "bare",
            Self::Rslock => "rslock",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Connects to the servers at `urls`, except for the subjects on nodes in memory.
    ///
    /// The raw client needs servers that a manager of this crate has connected to.
    pub(crate) fn connect(self, urls: &[String], runtime: &Arc<Runtime>) -> Runner {
        if matches!(self, Self::Raw | Self::RawFenced) {
            return Runner::Raw(Box::new(Raw::connect(urls, self == Self::RawFenced)));
        }
        let contender = runtime.block_on(async {
            match self {
                Self::UnfencedInMemory | Self::FencedInMemory => {
                    let builder = Redlock::builder().nodes(MemoryNode::cluster::<5>());
                    let connecting = builder.fencing(self == Self::FencedInMemory).connect();
                    Contender::of(connecting.await.expect("nodes in memory"))
                }
                Self::Bare => Contender::bare(urls).await,
                Self::Rslock => Contender::rslock(urls),
                _ => Contender::redlock(urls, self == Self::Fenced).await,
            }
        });
        Runner::Tasks(Arc::clone(runtime), contender)
    }
}
