//! The command of redlock-py, whose place our command takes.

mod pattern;
mod run;
mod script;
mod transcript;

use std::path::Path;

use run::{Program, Stage};
use transcript::Case;

macro_rules! transcripts {
    ($($name:ident $file:literal)+) => {$(
        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "needs other clients: run ./tests/interop/run"]
        async fn $name() {
            compare($file).await;
        }
    )+};
}

transcripts! {
    lock_is_as_in_redlock_py "lock.txt"
    unlock_is_as_in_redlock_py "unlock.txt"
    usage_is_as_in_redlock_py "usage.txt"
    failing_nodes_are_as_in_redlock_py "nodes.txt"
}

/// Runs each case with both commands, and compares the results with the transcript.
async fn compare(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("transcripts")
        .join(file);
    let cases = transcript::parse(&std::fs::read_to_string(path).unwrap());
    let mut differences = Vec::new();
    for case in &cases {
        let (ours, theirs) =
            tokio::join!(play(case, Program::Ours), play(case, Program::RedlockPy));
        differences.extend(ours.into_iter().chain(theirs));
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    println!("{file}: {} cases with both commands", cases.len());
}

/// Runs a case, and returns the differences from the transcript.
async fn play(case: &Case, program: Program) -> Vec<String> {
    let mut stage = Stage::new(program, case);
    let mut differences = Vec::new();
    for step in &case.steps {
        stage.stop(step.stop);
        let ran = stage.run(&step.line).await;
        let expected = match program {
            Program::Ours => step.ours.clone(),
            Program::RedlockPy => step.redlock_py.or(&step.ours),
        };
        let mut reasons = ran.differences(&expected);
        if let Some(servers) = &expected.servers {
            reasons.extend(stage.has_key_on(servers).await.err());
        }
        differences.extend(reasons.iter().map(|reason| {
            format!(
                "{}\n  {program:?}: {}\n  {reason}\n  {ran:?}\n",
                case.title, step.line
            )
        }));
    }
    differences
}
