//! Cleanup after a test process that was killed.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, thread};

use deadpool_redis::redis::cmd;

use crate::{Servers, Worker, eventually};

/// A test process that is killed runs no destructors, but its servers and files still go away.
///
/// The test runs itself twice more. The test starts the witness, and the witness starts the victim.
/// The witness kills the victim and checks that the victim's processes and files go away.
#[tokio::test]
#[ignore = "starts redis-server: run ./tests/run"]
async fn nothing_outlives_a_test_process_that_is_killed() {
    match env::var(ROLE).as_deref() {
        Ok("victim") => be_the_victim(),
        Ok(_) => be_the_witness().await,
        Err(_) => {
            let mut witness = run_as("witness", Stdio::null());
            eventually("the witness exits", BOUND * 2, || {
                witness.try_wait().unwrap().is_some()
            })
            .await;
            assert!(witness.wait().unwrap().success());
        }
    }
}

fn be_the_victim() {
    let servers = Servers::start(3);
    let _worker = Worker::spawn("/bin/cat", []);
    servers[1].pause();
    servers[2].restart();
    for server in [&servers[0], &servers[2]] {
        let directory: Vec<String> = server.probe().query(cmd("CONFIG").arg("GET").arg("dir"));
        println!("\nserver {} {}", server.port(), directory[1]);
    }
    println!("\nready");
    thread::sleep(BOUND);
}

async fn be_the_witness() {
    adopt_orphans();
    let mut victim = run_as("victim", Stdio::piped());
    let lines = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let servers: Vec<(u16, String)> = lines
        .take_while(|line| line != "ready")
        .filter_map(|line| {
            let (port, directory) = line.strip_prefix("server ")?.split_once(' ')?;
            Some((port.parse().unwrap(), directory.to_owned()))
        })
        .collect();
    assert_eq!(servers.len(), 2);
    let answers = |port| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    assert!(
        servers
            .iter()
            .all(|(port, directory)| answers(*port) && Path::new(directory).exists())
    );

    victim.kill().unwrap();
    victim.wait().unwrap();
    for (port, directory) in &servers {
        eventually("the server ends", BOUND, || !answers(*port)).await;
        eventually("its files are removed", BOUND, || {
            !Path::new(directory).exists()
        })
        .await;
    }
    eventually("all processes end", BOUND, no_orphan_is_left).await;
}

/// Makes the victim's orphans children of this process, so that their end can be observed.
fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
}

fn no_orphan_is_left() -> bool {
    use rustix::process::{WaitOptions, wait};
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    wait(WaitOptions::NOHANG).is_err_and(|error| error == rustix::io::Errno::CHILD)
}

fn run_as(role: &str, output: Stdio) -> Child {
    let name = thread::current().name().unwrap().to_owned();
    Command::new(env::current_exe().unwrap())
        .args([&name, "--exact", "--include-ignored", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::null())
        .stdout(output)
        .spawn()
        .unwrap()
}

const ROLE: &str = "REDLOCK_TEST_ROLE";
const BOUND: Duration = Duration::from_secs(20);
