//! The examples of the manual, the README and the guide, run as they stand.

use std::process::Command;

use redlock_tests::Servers;

use super::command::{Ran, redlock};

/// Runs lines of shell on these servers, with the command on the path, in an empty directory.
fn run_lines(servers: &Servers, lines: &str) -> Ran {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_redlock"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let directory = tempfile::tempdir().unwrap();
    let report = directory.path().join("report.sh");
    std::fs::write(&report, "#!/bin/sh\necho reported\n").unwrap();
    let script = format!("chmod +x report.sh\n{lines}");
    let mut command = Command::new("sh");
    command.args(["-e", "-c", &script]).current_dir(&directory);
    command.env("PATH", path);
    command.env("REDLOCK_NODES", servers.urls().join(","));
    Ran::of(&mut command)
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn the_examples_of_the_help_work() {
    let servers = Servers::start(3);
    let help = Ran::of(redlock([]).arg("--help")).expect(0).out;
    let (_before, examples) = help.split_once("Examples:\n").unwrap();
    let lines = examples
        .lines()
        .filter_map(|line| line.strip_prefix("    "));
    // The nodes are those of this test.
    let lines: Vec<&str> = lines.filter(|it| !it.starts_with("export ")).collect();
    assert!(lines.len() >= 6, "{lines:?}");
    let ran = run_lines(&servers, &lines.join("\n")).expect(0);
    assert!(ran.out.starts_with("done\nwork\n"), "{ran:?}");
    assert!(ran.out.contains("held by "), "{ran:?}");
    assert!(ran.out.contains("broken: was held by "), "{ran:?}");
    assert_eq!(ran.err, "ok\nok\nok\nok\n", "{ran:?}");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn the_examples_of_the_readme_work() {
    let servers = Servers::start(3);
    let readme = include_str!("../../../README.md");
    let (_before, rest) = readme.split_once("## The command\n\n```sh\n").unwrap();
    let (lines, _after) = rest.split_once("```").unwrap();
    let is_run = |line: &&str| !line.starts_with("export ") && !line.starts_with("cargo ");
    let lines: Vec<&str> = lines.lines().filter(is_run).collect();
    assert!(lines.len() >= 3, "{lines:?}");
    let ran = run_lines(&servers, &lines.join("\n"));
    // The last one shows that the lock is free.
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.starts_with("reported\nreported\nNODE "), "{ran:?}");
    assert!(ran.out.contains("\nall is well\nfree\n"), "{ran:?}");
}
