//! The `redlock` command: locks for shell scripts, cron jobs and operators.
//!
//! `lock` and `unlock` bracket the work of a script. `run` holds a lock while a command runs, and
//! stops the command if the lock is lost. `status` shows who holds a lock. `nodes` shows the health of the
//! nodes, `check` tries a lock on each, and `bench` loads them.

#[cfg(not(unix))]
compile_error!("the redlock command requires Unix signals and process groups");

mod acquire;
mod args;
mod bench;
mod break_lock;
mod check;
mod child;
mod console;
mod ending;
mod events;
mod extend;
mod failure;
mod histogram;
mod itself;
mod label;
mod lock;
mod manual;
mod nodes;
mod report;
mod run;
mod signals;
mod status;
mod unlock;
mod warnings;

use std::process::ExitCode;

use self::args::{Args, Verb};
use self::console::Console;
use self::console::stderr::Stderr;
use self::ending::Ending;
use self::failure::Failure;

fn main() -> ExitCode {
    let args = || std::env::args_os().skip(1);
    if let Some(code) = child::hidden_verb(args()).or_else(|| ending::hidden_verb(args())) {
        return code;
    }
    let args = match args::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    let console = Console::new(&args.output);
    events::show(args.output.verbose);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(carry_out(&args, &console));
            // A hanging DNS lookup must not delay the exit.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(Failure::system(format!(
            "cannot start the Tokio runtime: {error}"
        ))),
    };
    let ending = outcome.unwrap_or_else(|failure| {
        console.fail(&failure);
        failure.ending()
    });
    Stderr::finish();
    ending.take_place()
}

/// Carries out the verb and returns how this process ends.
async fn carry_out(args: &Args, console: &Console) -> Result<Ending, Failure> {
    let code = match &args.verb {
        Verb::Lock(lock) => lock::lock(lock, &args.nodes, console).await,
        Verb::Unlock(unlock) => unlock::unlock(unlock, &args.nodes, console).await,
        Verb::Extend(extend) => extend::extend(extend, &args.nodes, console).await,
        Verb::Status(status) => status::status(status, &args.nodes, console).await,
        Verb::Break(lock) => break_lock::break_lock(lock, &args.nodes, console).await,
        Verb::Nodes => report::nodes(&args.nodes, console).await,
        Verb::Bench(bench) => bench::bench(bench, &args.nodes, console).await,
        Verb::Check(_) => check::check(&args.nodes, console).await,
        Verb::Completions(shell) => manual::completions(shell),
        Verb::Man => manual::man(),
        Verb::Run(run) => return Ok(run::run(run, &args.nodes, console).await),
    };
    code.map(Ending::from)
}
