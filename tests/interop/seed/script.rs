//! A shell script that was written for the command of redlock-py.

use std::path::Path;
use std::process::Command;

use redlock_tests::Servers;

use crate::seed::run::Program;

#[test]
#[ignore = "needs other clients: run ./tests/interop/run"]
fn a_script_for_redlock_py_runs_unchanged() {
    for program in [Program::Ours, Program::RedlockPy] {
        let servers = Servers::start(3);
        let count = |name: &str| servers.iter().filter(|it| it.probe().exists(name)).count();
        let done = (Some(0), "backup begins\nnobody else gets in\nbackup ends\n");
        // The second run finds the lock free.
        for _ in 0..2 {
            let ran = run(program, "backup", &servers.urls());
            assert_eq!((ran.0, &*ran.1), done, "{program:?}");
            assert_eq!(count("backup"), 0, "{program:?}");
        }

        for server in &servers {
            server.probe().set("backup", "of another host", None);
        }
        let ran = run(program, "backup", &servers.urls());
        let busy = (Some(0), "backup runs elsewhere\n");
        assert_eq!((ran.0, &*ran.1), busy, "{program:?}");
        assert_eq!(count("backup"), 3, "{program:?}");
    }
}

/// Runs the script, and returns its exit code and its output.
fn run(program: Program, name: &str, urls: &[String]) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts/nightly.sh");
    let output = Command::new("/bin/sh")
        .arg(script)
        .arg(name)
        .args(urls)
        .env("PATH", program.search_path())
        .output()
        .expect("the shell runs");
    let both = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&both).into())
}
