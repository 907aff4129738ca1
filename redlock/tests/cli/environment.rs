//! Nodes and options from the environment and from files.

use super::command::{Ran, redlock};
use super::{NOWHERE, usage};

#[test]
fn invalid_options_in_the_environment_are_refused() {
    let verbs: [&[&str]; 4] = [
        &["lock", "a", "1000"],
        &["run", "a", "--", "true"],
        &["status", "a"],
        &["unlock", "a", "key"],
    ];
    let variables = [
        "REDLOCK_MAX_TTL",
        "REDLOCK_TTL",
        "REDLOCK_WAIT",
        "REDLOCK_RETRY_COUNT",
        "REDLOCK_RETRY_DELAY",
        "REDLOCK_NODE_TIMEOUT",
    ];
    for verb in verbs {
        for variable in variables {
            let nodes = [&NOWHERE[..], &[]];
            for nodes in nodes {
                let mut command = redlock(nodes.iter().copied());
                command.env("REDLOCK_NODES", NOWHERE[0]);
                let ran = Ran::of(command.args(verb).env(variable, "bogus"));
                let expected = (usage(verb), "");
                assert_eq!(
                    (ran.code, ran.out.as_str()),
                    expected,
                    "{variable}: {ran:?}"
                );
                // Some are also options of the command, and named as such.
                let option = variable.trim_start_matches("REDLOCK_").to_lowercase();
                let option = format!("--{}", option.replace('_', "-"));
                let is_named = ran.err.contains(variable) || ran.err.contains(&option);
                assert!(is_named, "{variable}: {ran:?}");
            }
        }
    }
}

#[test]
fn a_file_names_the_nodes() {
    let path = std::env::temp_dir().join(format!("redlock-cli-{}", std::process::id()));
    // As some editors write it, with a byte order mark.
    let text = format!("\u{feff}# production\r\n\r\n{}\r\n", NOWHERE.join("\r\n"));
    std::fs::write(&path, text).unwrap();
    let option = Ran::of(redlock([]).args(["status", "a", "--nodes-file"]).arg(&path));
    let variable = Ran::of(
        redlock([])
            .args(["status", "a"])
            .env("REDLOCK_NODES_FILE", &path),
    );
    let both = Ran::of(
        redlock(NOWHERE)
            .args(["status", "a", "--nodes-file"])
            .arg(&path),
    );
    std::fs::remove_file(&path).unwrap();
    for ran in [option, variable] {
        assert_eq!((ran.code, ran.err.as_str()), (3, ""), "{ran:?}");
        ran.names_every_node(&ran.out);
    }
    assert_eq!((both.code, both.out.as_str()), (2, ""), "{both:?}");
    let missing = Ran::of(redlock([]).args(["status", "a", "--nodes-file", "/nonexistent"]));
    assert_eq!(missing.code, 2, "{missing:?}");
    let expected = "redlock: --nodes-file: /nonexistent: cannot read it: ";
    assert!(missing.err.starts_with(expected), "{missing:?}");
}

#[test]
fn an_empty_list_of_nodes_is_an_error() {
    for nodes in ["", " , "] {
        let ran = Ran::of(
            redlock([])
                .args(["lock", "a", "1000"])
                .env("REDLOCK_NODES", nodes),
        );
        assert_eq!(ran.code, 2, "{ran:?}");
        assert_eq!(
            ran.err,
            "redlock: REDLOCK_NODES: no node is listed: set it to URLs separated by commas, such \
             as redis://a:6379,redis://b:6379,redis://c:6379\n"
        );
    }
}

#[test]
fn a_misspelt_variable_is_an_error() {
    let verbs: [&[&str]; 4] = [
        &["lock", "a", "1000"],
        &["run", "a", "--", "true"],
        &["status", "a"],
        &["unlock", "a", "key"],
    ];
    for verb in verbs {
        let ran = Ran::of(redlock(NOWHERE).args(verb).env("REDLOCK_TLL", "hunter2"));
        assert_eq!((ran.code, ran.out.as_str()), (usage(verb), ""), "{ran:?}");
        let expected = "redlock: REDLOCK_TLL: unknown variable: did you mean REDLOCK_TTL?\n";
        assert_eq!(ran.err, expected);
    }
}

#[test]
fn empty_variables_and_those_of_its_command_are_no_mistake() {
    let variables = [
        ("REDLOCK_TTL", ""),
        ("REDLOCK_WAIT", " "),
        ("REDLOCK_NODE_TIMEOUT", ""),
        ("REDLOCK_MAX_TTL", ""),
        ("REDLOCK_RETRY_COUNT", ""),
        ("REDLOCK_RESOURCE", "outer"),
        ("REDLOCK_LEASE_ID", "id"),
        ("REDLOCK_TOKEN", "1"),
        ("REDLOCK_TEST_SERVER", "redis-server"),
    ];
    for (verb, code) in [
        (&["status", "a"][..], 3),
        (&["lock", "--retry-delay", "1", "a", "1000"], 3),
        (&["run", "--wait", "0", "a", "--", "true"], 113),
    ] {
        let ran = Ran::of(redlock(NOWHERE).args(verb).envs(variables));
        assert_eq!(ran.code, code, "{ran:?}");
    }
}
