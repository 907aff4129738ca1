//! The arguments of `redlock bench`.

use std::time::Duration;

use crate::args::values::duration;

/// Measure how many locks the nodes grant, and how fast
///
/// Tasks take and release locks with names of their own, as fast as the nodes let them: no two contend.
/// This is a load for the servers, which others notice. All locks are released at the end,
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

    /// How long to measure: a second to an hour
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = measurable)]
    pub(crate) time: Duration,
}

/// Parses a time in which there is something to measure.
fn measurable(text: &str) -> Result<Duration, &'static str> {
    let time = duration(text)?;
    let is_within = (SHORTEST..=LONGEST).contains(&time);
    is_within.then_some(time).ok_or("measure for 1s to 1h")
}

const SHORTEST: Duration = Duration::from_secs(1);

const LONGEST: Duration = Duration::from_secs(3600);

const BENCH_EXIT_CODES: &str = "\
Exit codes:
  0  the load was measured
  2  invalid arguments or node addresses
  3  no lock could be had, or some could not";
