//! The verbs `redlock completions` and `redlock man`.

use std::io::{self, Write};

use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;

use crate::args::{Args, CompletionsArgs};
use crate::failure::Failure;

/// Prints the completions for a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<u8, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), NAME, &mut text);
    print(&text)
}

/// Prints the manual: a page for the command, followed by one for each verb.
pub(crate) fn man() -> Result<u8, Failure> {
    let mut command = Args::command();
    command.build();
    let mut text = Vec::new();
    let pages = page(command.clone(), &mut text).and_then(|()| {
        let verbs = command.get_subcommands().filter(|it| !it.is_hide_set());
        verbs
            .filter(|verb| verb.get_name() != "help")
            .try_for_each(|verb| page(without_shared(verb), &mut text))
    });
    pages.map_err(failed)?;
    print(&text)
}

/// Returns the verb without the options that all verbs share: the first page has them.
fn without_shared(verb: &Command) -> Command {
    let hide = |option: Arg| match option.is_global_set() {
        true => option.hide(true),
        false => option,
    };
    verb.clone().mut_args(hide)
}

fn page(command: Command, text: &mut Vec<u8>) -> io::Result<()> {
    Man::new(command).render(text)
}

fn print(text: &[u8]) -> Result<u8, Failure> {
    io::stdout().write_all(text).map_err(failed)?;
    Ok(0)
}

fn failed(error: io::Error) -> Failure {
    Failure::system(format!("cannot print: {error}"))
}

const NAME: &str = "redlock";
