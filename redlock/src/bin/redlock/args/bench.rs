//! The arguments of `redlock bench`.

/// Measure how many locks the nodes grant, and how fast
///
/// Tasks take and release locks with names of their own, as fast as the nodes let them: no two contend.
/// This is a load for the servers, and for whoever else uses them. All locks are released at the end,
/// also after Ctrl-C. What it leaves are token counters, which expire.
///
/// The connections and the runtime of this one process are a limit too: several of them, on several
/// machines, may get more.
#[derive(Debug, clap::Args)]
#[command(after_help = BENCH_EXIT_CODES)]
pub(crate) struct BenchArgs {
    /// Number of tasks that take locks at once
    #[arg(long, value_name = "N", default_value = "64")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) tasks: u16,

    /// How long to measure, in seconds
    #[arg(long, value_name = "S", default_value = "5")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(crate) seconds: u16,
}

const BENCH_EXIT_CODES: &str = "\
Exit codes:
  0  the load was measured
  2  invalid arguments or node addresses
  3  no lock could be had, or some could not";
