//! A guide to the promises of the library, and to running it.
//!
//! The pages, in reading order:
//!
//! 1. [`guarantees`]: the contract, its assumptions and its limits.
//! 2. [`waiting`]: what happens while another owner holds the lock.
//! 3. [`fencing`]: what a token is for, and what the protected system does with it.
//! 4. [`operations`]: servers, rights, persistence, timeouts, monitoring and shutdown.
//! 5. [`command`]: the command for shell scripts, cron jobs and operators.
//! 6. [`comparison`]: other libraries, migration, performance, and when to use something else.
//! 7. [`testing`]: tests of your own code, without a server.
//!
//! The modules contain no code. Options are documented at [`RedlockBuilder`](crate::RedlockBuilder),
//! errors at [`LockError`](crate::LockError).

/// Makes a module of a Markdown file.
///
/// The pages link to each other by label, and define the labels as files, for readers of the
/// repository. The definitions in `links.md` come first here, and the first definition of a label
/// counts: in rustdoc the same links lead to modules.
macro_rules! page {
    ($(#[$attribute:meta])* $name:ident, $file:literal, $summary:literal) => {
        #[doc = $summary]
        #[doc = ""]
        #[doc = include_str!("links.md")]
        #[doc = ""]
        #[doc = include_str!($file)]
        $(#[$attribute])*
        pub mod $name {}
    };
}

page!(
    guarantees,
    "guarantees.md",
    "The contract: promises, assumptions and limits."
);
page!(
    waiting,
    "waiting.md",
    "Waiting for a lock: the local queue, waiting lists, looks and polling."
);
page!(
    fencing,
    "fencing.md",
    "Fencing tokens in use: the protected system, durability, retention and clocks."
);
page!(
    operations,
    "operations.md",
    "Running it: servers, rights, persistence, timeouts, monitoring and shutdown."
);
page!(
    command,
    "command.md",
    "The command: verbs, exit codes, jobs of several hosts, and watching."
);
page!(
    comparison,
    "comparison.md",
    "Other libraries, migration, performance, and when to use something else."
);
page!(
    // Its programs use the attribute.
    #[cfg(any(not(doctest), feature = "macros"))]
    testing,
    "testing.md",
    "Tests of your own code: nodes in memory, faults and paused time."
);
