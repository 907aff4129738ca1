//! The arguments of `redlock check`.

/// Try a lock on every node, and say what is wrong
///
/// Takes, contends for, extends, reads and releases a lock with a name of its own, on each node by
/// itself and then on a quorum. Measures how long a node takes to grant one. It disturbs no lock and no
/// process, and leaves token counters that expire: `{redlock-check:...}:fence`.
///
/// The user of the nodes may have few rights. Each one that is missing is named, with what does not work
/// without it.
#[derive(Debug, clap::Args)]
#[command(after_help = CHECK_EXIT_CODES)]
pub(crate) struct CheckArgs {}

const CHECK_EXIT_CODES: &str = "\
Exit codes:
  0  all is well
  1  locks can be had, but something needs attention
  2  invalid arguments or node addresses
  3  no lock can be had";
