//! An interactive shell in a pseudo-terminal.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use redlock_tests::Servers;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::command::TIMEOUT;

/// A shell with job control, in which `redlock` finds its nodes in the environment. Hung up on drop.
#[derive(Debug)]
pub(crate) struct Shell {
    keyboard: File,
    screen: Arc<Mutex<String>>,
    /// The length of what was read before.
    seen: usize,
    process: Child,
}

impl Shell {
    #[track_caller]
    pub(crate) fn start(servers: &Servers) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let mut options = File::options();
        let terminal = options
            .read(true)
            .write(true)
            .open(OsStr::from_bytes(name.as_bytes()))
            .unwrap();
        let stdio = || Stdio::from(terminal.try_clone().unwrap());
        let process = Command::new("setsid")
            .args(["--ctty", "--wait", "sh", "-i", "-m"])
            .env("REDLOCK_NODES", servers.urls().join(","))
            .env("REDLOCK", env!("CARGO_BIN_EXE_redlock"))
            .env("PS1", "")
            .env_remove("ENV")
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .unwrap();
        let keyboard = File::from(keyboard);
        let mut output = keyboard.try_clone().unwrap();
        let screen = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails once the last process at the terminal has ended.
            while let Ok(length) = output.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                shown.lock().unwrap().push_str(&text);
            }
        });
        let mut shell = Self {
            keyboard,
            screen,
            seen: 0,
            process,
        };
        // What is typed is not shown, so that it is not taken for output.
        shell.enter("stty -echo; echo rea''dy");
        shell.wait_for("ready");
        shell
    }

    /// Types a line.
    #[track_caller]
    pub(crate) fn enter(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").unwrap();
    }

    /// Presses a key together with Ctrl.
    #[track_caller]
    pub(crate) fn press_ctrl(&mut self, key: char) {
        let code = u8::try_from(key).unwrap() & 0x1f;
        self.keyboard.write_all(&[code]).unwrap();
    }

    /// Waits for a text and returns the rest of its line. The text and all before it count as read.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen.lock().unwrap().clone();
            let unread = &screen[self.seen..];
            if let Some((before, rest)) = unread.split_once(text)
                && let Some((line, _)) = rest.split_once('\n')
            {
                self.seen += before.len() + text.len() + line.len();
                return line.trim().to_owned();
            }
            assert!(start.elapsed() < TIMEOUT, "no {text:?} in {screen:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Everything that was shown.
    pub(crate) fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.press_ctrl('c');
        self.enter("exit");
        self.enter("exit");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
