//! The arguments of `redlock completions`.

use clap_complete::Shell;

/// Print the completions for a shell
///
/// For example: redlock completions bash > /etc/bash_completion.d/redlock
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete in
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}
