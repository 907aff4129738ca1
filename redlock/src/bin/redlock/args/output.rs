//! The options for what is printed.

/// What is printed, and how.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Print nothing to stderr; the exit code and stdout carry the result
    #[arg(long, global = true)]
    pub(crate) quiet: bool,

    /// Print what happens to locks and nodes to stderr; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    #[arg(conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// Print the result as a JSON object, on one line of stdout
    #[arg(long, global = true)]
    pub(crate) json: bool,
}
