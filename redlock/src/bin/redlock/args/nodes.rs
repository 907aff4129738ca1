//! The options of the manager, as they are in the environment and in the builder.

use std::path::PathBuf;
use std::time::Duration;

use crate::args::values::{duration, switch};

/// The nodes, and the options that all verbs share. Those that are not given come from the
/// environment.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Nodes")]
pub(crate) struct NodeArgs {
    /// URL of a node; repeat for each node
    ///
    /// All processes that share a lock need the same nodes. Keep passwords in a file, or in
    /// REDLOCK_NODES: other users can see the arguments of a command.
    ///
    /// [environment: REDLOCK_NODES, the URLs separated by commas]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) redis: Vec<String>,

    /// File with the URL of a node on each line
    ///
    /// Lines that begin with # are comments. [environment: REDLOCK_NODES_FILE]
    #[arg(long, value_name = "PATH", global = true)]
    pub(crate) nodes_file: Option<PathBuf>,

    /// Prefix of every key on the servers [environment: REDLOCK_KEY_PREFIX]
    #[arg(long, value_name = "TEXT", global = true)]
    pub(crate) key_prefix: Option<String>,

    /// How long the nodes keep a lock that is not extended, because redlock died [default: 30s]
    ///
    /// At most the longest ttl. [environment: REDLOCK_TTL]
    #[arg(long, value_name = "DURATION", global = true, value_parser = duration)]
    pub(crate) ttl: Option<Duration>,

    /// How long to wait for a lock; 0 to try once [default: 10s; `lock` counts its retries]
    /// [environment: REDLOCK_WAIT]
    #[arg(long, value_name = "DURATION", global = true, value_parser = duration)]
    pub(crate) wait: Option<Duration>,

    /// Longest time to hold a lock, however often it is extended
    /// [environment: REDLOCK_MAX_HOLD]
    #[arg(long, value_name = "DURATION", global = true, value_parser = duration)]
    pub(crate) max_hold: Option<Duration>,

    /// Text that shows who holds a lock, or an empty one for none; at most 128 bytes
    ///
    /// The default names the user, the machine, the process and the command. All users of the nodes can
    /// see it. [environment: REDLOCK_LABEL]
    #[arg(long, value_name = "TEXT", global = true)]
    pub(crate) label: Option<String>,

    /// How long to wait for one node's response, such as 200ms; the default depends on the ttl
    /// [environment: REDLOCK_NODE_TIMEOUT]
    #[arg(long, value_name = "DURATION", global = true, value_parser = duration)]
    pub(crate) node_timeout: Option<Duration>,

    /// Longest ttl of any process that uses the nodes [default: 60s]
    ///
    /// Nodes that have lost their data stay away for this time. Set it alike everywhere.
    /// [environment: REDLOCK_MAX_TTL]
    #[arg(long, value_name = "DURATION", global = true, value_parser = duration)]
    pub(crate) max_ttl: Option<Duration>,

    /// Number of retries after the first attempt; -1 for no limit
    ///
    /// `lock` has a default of 3. Other verbs try until their wait ends.
    /// [environment: REDLOCK_RETRY_COUNT, one more, as it counts the first attempt too]
    #[arg(long, value_name = "N", global = true, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(i64).range(-1..i64::from(u32::MAX)))]
    pub(crate) retry_count: Option<i64>,

    /// Longest pause between two attempts [default: 200ms]
    ///
    /// Pauses are random, and at least half as long. [environment: REDLOCK_RETRY_DELAY]
    #[arg(
        long,
        value_name = "DURATION",
        global = true,
        allow_negative_numbers = true
    )]
    #[arg(value_parser = duration)]
    pub(crate) retry_delay: Option<Duration>,

    /// Whether locks have fencing tokens: on or off [default: on]
    /// [environment: REDLOCK_FENCING]
    #[arg(long, value_name = "SWITCH", global = true, value_parser = switch)]
    pub(crate) fencing: Option<bool>,

    /// Number of nodes that must know a token before it is used [default: a quorum]
    /// [environment: REDLOCK_TOKEN_DURABILITY]
    #[arg(long, value_name = "NODES", global = true)]
    pub(crate) token_durability: Option<usize>,

    /// How long the nodes remember the last token of a lock [default: 1h]
    /// [environment: REDLOCK_FENCE_RETENTION]
    #[arg(long, value_name = "DURATION", global = true, value_parser = duration)]
    pub(crate) fence_retention: Option<Duration>,

    /// How much clocks may differ in speed, as a fraction [default: 0.01]
    /// [environment: REDLOCK_DRIFT_FACTOR]
    #[arg(long, value_name = "FRACTION", global = true)]
    pub(crate) drift_factor: Option<f64>,

    /// Whether a node that may have lost locks stays away: on or off [default: on]
    /// [environment: REDLOCK_RESTART_QUARANTINE]
    #[arg(long, value_name = "SWITCH", global = true, value_parser = switch)]
    pub(crate) restart_quarantine: Option<bool>,

    /// Whether the number of nodes may differ from what they remember: on or off [default: off]
    /// [environment: REDLOCK_ALLOW_RESIZE]
    #[arg(long, value_name = "SWITCH", global = true, value_parser = switch)]
    pub(crate) allow_resize: Option<bool>,
}
