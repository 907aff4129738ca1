//! The verb `run` in a terminal, with the job control of a shell.

use redlock_tests::{Servers, eventually};

use super::command::{Ran, TIMEOUT};
use super::orphans::is_alive;
use super::pty::Shell;

/// Starts a script under the lock "a" in a shell, which shows the exit code at the end.
#[track_caller]
fn enter(shell: &mut Shell, options: &str, script: &str) {
    let end = "echo code=$?";
    shell.enter(&format!(
        "$REDLOCK run {options} a -- sh -c '{script}'; {end}"
    ));
}

#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn a_lost_lock_ends_the_whole_job() {
    let servers = Servers::start(3);
    let mut shell = Shell::start(&servers);
    let script = "echo key=$REDLOCK_LEASE_ID; sleep 300 & echo worker=$!; wait";
    enter(&mut shell, "", script);
    let key = shell.wait_for("key=");
    let worker = shell.wait_for("worker=");
    assert!(is_alive(&worker));
    Ran::on(&servers, ["unlock", "a", &key]).expect(0);
    shell.wait_for("lost the lock on a");
    let code = shell.wait_for("code=");
    eventually("ended", TIMEOUT, || !is_alive(&worker)).await;
    assert_eq!(code, "114");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn ctrl_c_and_ctrl_backslash_reach_the_command_once() {
    let servers = Servers::start(3);
    let mut shell = Shell::start(&servers);
    for (key, signal) in [('c', "INT"), ('\\', "QUIT")] {
        let trap = format!("trap \"echo got {signal}\" {signal}");
        let script = format!("{trap}; echo begun; read line; echo got $line; exit 7");
        enter(&mut shell, "", &script);
        shell.wait_for("begun");
        shell.press_ctrl(key);
        shell.wait_for(&format!("got {signal}"));
        // Some shells end the interrupted read, others go on with it.
        shell.enter("a line");
        assert_eq!(shell.wait_for("code="), "7");
        assert_eq!(shell.screen().matches(&format!("got {signal}")).count(), 1);
    }
    shell.enter("$REDLOCK run a -- sh -c 'echo begun; exec sleep 300'");
    shell.wait_for("begun");
    shell.press_ctrl('c');
    shell.enter("echo code=$?");
    assert_eq!(shell.wait_for("code="), "130");
    Ran::on(&servers, ["status", "a"]).expect(1);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn ctrl_c_ends_the_script_or_loop_around_a_command() {
    let servers = Servers::start(3);
    let mut shell = Shell::start(&servers);
    let turns =
        "for i in 1 2 3; do $REDLOCK run a -- sh -c \"echo begun $i; exec sleep 300\"; done";
    for line in [turns, &format!("sh -c '{turns}; echo went on'")] {
        shell.enter(line);
        assert_eq!(shell.wait_for("begun "), "1");
        shell.press_ctrl('c');
        // Were the loop to go on, it would begin again before the shell reads this.
        shell.enter("echo he''re");
        shell.wait_for("here");
    }
    let screen = shell.screen();
    assert!(
        !screen.contains("begun 2") && !screen.contains("went on"),
        "{screen}"
    );
    Ran::on(&servers, ["status", "a"]).expect(1);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn ctrl_z_stops_the_job_and_fg_continues_it() {
    let servers = Servers::start(3);
    let mut shell = Shell::start(&servers);
    let script = "echo begun; read line; echo got $line";
    enter(&mut shell, "", script);
    shell.wait_for("begun");
    for _ in 0..2 {
        shell.press_ctrl('z');
        shell.wait_for("Stopped");
        // The shell reads from the terminal again.
        shell.enter("echo back; fg");
        shell.wait_for("back");
        shell.wait_for("run");
    }
    shell.enter("a line");
    shell.wait_for("got a line");
    shell.enter("echo code=$?");
    Ran::on(&servers, ["run", "a", "--", "true"]).expect(0);
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_job_that_lost_its_lock_while_stopped_never_runs_again() {
    let servers = Servers::start(3);
    let mut shell = Shell::start(&servers);
    let script =
        "trap \"echo ran $((40 + 2))\" CONT TERM; echo begun; read line; echo ran $((40 + 2))";
    enter(&mut shell, "--ttl=1s", script);
    shell.wait_for("begun");
    shell.press_ctrl('z');
    shell.wait_for("Stopped");
    let ran = Ran::on(&servers, ["lock", "--retry-count=-1", "a", "60000"]).expect(0);
    shell.enter("fg; echo code=$?");
    shell.wait_for("lost the lock on a");
    assert_eq!(shell.wait_for("code="), "114");
    assert!(!shell.screen().contains("ran 42"), "{shell:?}");
    let ran = Ran::on(&servers, ["unlock", "a", ran.out.trim_end()]).expect(0);
    assert_eq!(ran.err, "ok\n");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn commands_of_a_pipeline_get_the_terminal_when_they_ask_for_it() {
    let servers = Servers::start(3);
    let mut shell = Shell::start(&servers);
    let first = "$REDLOCK run a -- sh -c 'echo begun >/dev/tty; read x </dev/tty; echo $x'";
    let second = "$REDLOCK run b -- sh -c 'read x; read y </dev/tty; echo got $x $y'";
    shell.enter(&format!("{first} | {second}; echo code=$?"));
    shell.wait_for("begun");
    shell.enter("left");
    shell.enter("right");
    shell.wait_for("got left right");
    assert_eq!(shell.wait_for("code="), "0");

    shell.enter("echo text | $REDLOCK run a -- sed s/^/piped:/; echo code=$?");
    shell.wait_for("piped:text");
    assert_eq!(shell.wait_for("code="), "0");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn a_background_job_gets_the_terminal_with_fg() {
    let servers = Servers::start(3);
    let mut shell = Shell::start(&servers);
    let script = "echo begun; read line; echo got $line";
    shell.enter(&format!("$REDLOCK run a -- sh -c '{script}' &"));
    shell.wait_for("begun");
    // The shell still reads from the terminal.
    shell.enter("echo he''re");
    shell.wait_for("here");
    shell.enter("fg; echo code=$?");
    shell.wait_for("run");
    shell.enter("a line");
    shell.wait_for("got a line");
    assert_eq!(shell.wait_for("code="), "0");
}

#[test]
#[ignore = "starts redis-server: run ./tests/run"]
fn break_asks_at_the_terminal_about_the_holder_it_has_shown() {
    let servers = Servers::start(3);
    let mut shell = Shell::start(&servers);
    let lock = || {
        let ran = Ran::on(&servers, ["lock", "a", "60s"]).expect(0);
        ran.out.trim_end().to_owned()
    };
    let key = lock();
    shell.enter("$REDLOCK break --json a 2>/dev/null; echo code=$?");
    assert_eq!(shell.wait_for("held by "), key);
    shell.enter("n");
    shell.wait_for(r#"{"outcome":"not-confirmed""#);
    assert_eq!(shell.wait_for("code="), "1");
    Ran::on(&servers, ["status", "a"]).expect(0);

    shell.enter("$REDLOCK break a; echo code=$?");
    assert_eq!(shell.wait_for("held by "), key);
    Ran::on(&servers, ["unlock", "a", &key]).expect(0);
    let next = lock();
    shell.enter("y");
    shell.wait_for("The holder has changed");
    assert_eq!(shell.wait_for("held by "), next);
    shell.enter("y");
    assert_eq!(shell.wait_for("broken: was held by "), next);
    assert_eq!(shell.wait_for("code="), "0");
}
