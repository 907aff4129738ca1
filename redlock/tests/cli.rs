//! The `redlock` command, run the way its users run it.

#![cfg(unix)]

#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/check.rs"]
mod check;
#[path = "cli/codes.rs"]
mod codes;
#[path = "cli/command.rs"]
mod command;
#[path = "cli/environment.rs"]
mod environment;
#[path = "cli/foreign.rs"]
mod foreign;
#[path = "cli/locks.rs"]
mod locks;
#[path = "cli/loss.rs"]
mod loss;
#[path = "cli/manual.rs"]
mod manual;
#[path = "cli/messages.rs"]
mod messages;
#[path = "cli/nodes.rs"]
mod nodes;
#[path = "cli/orphans.rs"]
mod orphans;
#[cfg(target_os = "linux")]
#[path = "cli/pty.rs"]
mod pty;
#[path = "cli/results.rs"]
mod results;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/signals.rs"]
mod signals;
#[cfg(target_os = "linux")]
#[path = "cli/terminal.rs"]
mod terminal;
#[cfg(any(feature = "tls-native", feature = "tls-rustls"))]
#[path = "cli/tls.rs"]
mod tls;

use command::{Ran, redlock};

/// Nodes without a server: only root could listen on such ports.
const NOWHERE: [&str; 3] = [
    "redis://:hunter2@127.0.0.1:1",
    "redis://:hunter2@127.0.0.1:2",
    "redis://:hunter2@127.0.0.1:3",
];

/// The exit code of a verb for mistakes that the argument parser does not find.
fn usage(args: &[&str]) -> i32 {
    if args[0] == "run" { 115 } else { 2 }
}

#[test]
fn invalid_arguments_exit_with_2() {
    let node = NOWHERE[0];
    let cases: [&[&str]; 19] = [
        &[],
        &["frobnicate"],
        &["lock"],
        &["lock", "a"],
        &["lock", "", "1000"],
        &["lock", "a", "long"],
        &["--redis", node, "lock", "--redis", NOWHERE[1], "a", "1000"],
        &["lock", "a", "-1000"],
        &["lock", "a", "5"],
        &["lock", "a", "18446744073709551615"],
        &["lock", "--retry-count", "-2", "a", "1000"],
        &["lock", "--retry-delay", "soon", "a", "1000"],
        &["unlock", "a"],
        &["unlock", "a", ""],
        &["status"],
        &["run", "a"],
        &["run", "a", "true"],
        &["run", "--ttl", "soon", "a", "--", "true"],
        &["--redis", node, "--redis", node, "lock", "a", "1000"],
    ];
    for args in cases {
        let ran = Ran::of(redlock([]).args(args));
        let code = if args.contains(&"run") { 115 } else { 2 };
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
        assert_eq!(ran.out, "", "{args:?}: {ran:?}");
        assert_ne!(ran.err, "", "{args:?}: {ran:?}");
    }
}

#[test]
fn times_beyond_the_maximum_are_refused() {
    let cases: [(&[&str], &str); 4] = [
        (&["lock", "a", "99999999999999"], "ttl is 99999999999.999s"),
        (&["lock", "a", "60001"], "ttl is 60.001s"),
        (&["run", "--ttl=5m", "a", "--", "true"], "ttl is 300s"),
        (
            &["run", "--hold-at-least=61s", "a", "--", "true"],
            "hold_at_least is 61s",
        ),
    ];
    for (args, named) in cases {
        // No node is contacted: these would not respond.
        let ran = Ran::of(redlock(NOWHERE).args(args));
        assert_eq!((ran.code, ran.out.as_str()), (usage(args), ""), "{ran:?}");
        assert!(ran.err.contains(named), "{ran:?}");
        assert!(ran.err.contains("max_ttl is 60s"), "{ran:?}");
        assert!(ran.err.contains("REDLOCK_MAX_TTL"), "{ran:?}");
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    for args in [&["--help"][..], &["lock", "--help"], &["run", "--help"]] {
        let ran = Ran::of(redlock([]).args(args).env("REDLOCK_NODES", NOWHERE[0]));
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
        assert!(ran.out.contains("Usage: redlock"), "{ran:?}");
        ran.has_no_password();
    }
    let ran = Ran::of(redlock([]).arg("-V"));
    let version = concat!("redlock ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(ran.out, version);
    let ran = Ran::of(redlock([]).arg("--version"));
    let features = ran.out.strip_prefix(version);
    assert!(features.unwrap().starts_with("features: cli"), "{ran:?}");
}

#[test]
fn options_stand_before_or_behind_the_verb() {
    let verb = ["status", "a"];
    let options = ["--redis", NOWHERE[0], "--redis", NOWHERE[1]];
    let others = ["--redis", NOWHERE[2], "--node-timeout", "50", "--quiet"];
    let before = Ran::of(redlock([]).args(options).args(others).args(verb));
    let behind = Ran::of(redlock([]).args(verb).args(options).args(others));
    for ran in [before, behind] {
        assert_eq!((ran.code, ran.err.as_str()), (3, ""), "{ran:?}");
        ran.names_every_node(&ran.out);
    }
}

#[test]
fn without_nodes_only_the_verbs_of_the_seed_have_a_default() {
    let verbs: [&[&str]; 5] = [
        &["status", "a"],
        &["nodes"],
        &["check"],
        &["bench"],
        &["run", "--wait=0", "a", "--", "echo"],
    ];
    for verb in verbs {
        let ran = Ran::of(redlock([]).args(verb));
        assert_eq!(ran.out, "", "{ran:?}");
        assert!(ran.err.starts_with("redlock: no nodes: "), "{ran:?}");
        assert!(ran.err.contains("REDLOCK_NODES=redis://"), "{ran:?}");
    }
    let warning = "redlock: warning: no nodes are named, so the only one is \
                   redis://localhost:6379/0\n";
    // Refused for its ttl, before any node is contacted.
    let ran = Ran::of(redlock([]).args(["lock", "a", "5"]));
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert!(ran.err.starts_with(warning), "{ran:?}");
}

#[test]
fn the_manual_and_the_completions_know_every_verb() {
    let verbs = ["lock", "unlock", "status", "nodes", "check", "bench", "run"];
    let manual = Ran::of(redlock([]).arg("man")).expect(0);
    for shell in ["bash", "zsh", "fish"] {
        let completions = Ran::of(redlock([]).args(["completions", shell])).expect(0);
        for verb in verbs {
            assert!(completions.out.contains(verb), "{shell}: {verb}");
            assert!(manual.out.contains(&format!("redlock {verb}")), "{verb}");
        }
    }
}

#[test]
fn unreachable_nodes_exit_with_3_or_113_and_are_all_named() {
    let verbs: [(&[&str], i32); 3] = [
        (&["lock", "--retry-delay", "1", "a", "1000"], 3),
        (&["unlock", "a", "key"], 3),
        (&["run", "--wait", "0", "a", "--", "true"], 113),
    ];
    for (verb, code) in verbs {
        let ran = Ran::of(redlock(NOWHERE).args(verb));
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{ran:?}");
        ran.names_every_node(&ran.err);

        let quiet = Ran::of(redlock(NOWHERE).arg("--quiet").args(verb));
        assert_eq!((quiet.code, quiet.err.as_str()), (code, ""), "{quiet:?}");
    }
    let ran = Ran::of(redlock(NOWHERE).args(["status", "a"]));
    assert_eq!((ran.code, ran.err.as_str()), (3, ""), "{ran:?}");
    assert!(ran.out.starts_with("unknown"), "{ran:?}");
    ran.names_every_node(&ran.out);
}

#[test]
fn no_message_contains_a_password() {
    let password_in_the_wrong_place: [&[&str]; 4] = [
        &["redis://:hunter2@host", "lock", "a", "1000"],
        &["--redis", "user:hunter2@host", "lock", "a", "1000"],
        &["--redis", "http://user:hunter2@host", "lock", "a", "1000"],
        &["lock", "redis://:hunter2@host", "a", "1000"],
    ];
    for args in password_in_the_wrong_place {
        let ran = Ran::of(redlock([]).args(args));
        assert_eq!(ran.code, 2, "{ran:?}");
        ran.has_no_password();
    }
    let nodes = "redis://127.0.0.1:1,user:hunter2@host";
    let ran = Ran::of(
        redlock([])
            .args(["status", "a"])
            .env("REDLOCK_NODES", nodes),
    );
    assert_eq!(ran.code, 2, "{ran:?}");
    ran.has_no_password();
}

#[test]
fn an_invalid_url_is_shown_with_the_mistake() {
    let url = "redis://:hunter2@a/db0";
    let ran = Ran::of(redlock([NOWHERE[0], url]).args(["status", "a"]));
    assert_eq!(
        ran.err,
        "redlock: --redis: URL 2, `redis://***@a/***`, is invalid: its database is not a number \
         from 0 to 2147483647: write one behind the host, as in /2\n"
    );
    assert_eq!(ran.code, 2);
}

#[test]
fn a_wrong_time_is_answered_with_its_form() {
    let duration = "write a duration, as in 30s, or whole milliseconds";
    let switch = "write on or off";
    let cases: [(&[&str], &str); 7] = [
        (&["lock", "a", "30 parsecs"], duration),
        (&["lock", "a", "-5"], duration),
        (&["lock", "--retry-delay", "soon", "a", "1000"], duration),
        (&["run", "--ttl", "1.5", "a", "--", "true"], duration),
        (&["run", "--grace", "soon", "a", "--", "true"], duration),
        (&["--node-timeout", "1,5s", "status", "a"], duration),
        (&["status", "a", "--fencing", "perhaps"], switch),
    ];
    for (args, expected) in cases {
        let ran = Ran::of(redlock(NOWHERE).args(args));
        let code = if args[0] == "run" { 115 } else { 2 };
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{ran:?}");
        assert!(ran.err.contains(expected), "{ran:?}");
    }
}

impl Ran {
    fn has_no_password(&self) {
        assert!(!format!("{self:?}").contains("hunter2"), "{self:?}");
    }

    /// Checks that every node has its own line, with the cause.
    fn names_every_node(&self, text: &str) {
        for port in 1..=3 {
            let node = format!("  127.0.0.1:{port}: cannot connect");
            let lines = text.lines().filter(|line| line.starts_with(&node));
            assert_eq!(lines.count(), 1, "{self:?}");
        }
        self.has_no_password();
    }
}
