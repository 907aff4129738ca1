//! Direct access to a test server.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use deadpool_redis::redis::{
    Arg, Client, Cmd, Connection, FromRedisValue, RedisResult, ToRedisArgs, cmd,
};

/// Direct access to one server, bypassing the library, over its own connection.
///
/// Every method blocks for one round trip. It panics at the caller's line if the server does not
/// respond or returns an error. A probe keeps working when its server restarts.
pub struct Probe {
    client: Client,
    connection: Mutex<Option<Connection>>,
}

impl Probe {
    /// Returns a probe of the server at `url`.
    #[track_caller]
    pub fn new(url: &str) -> Self {
        Self {
            client: Client::open(url).unwrap(),
            connection: Mutex::default(),
        }
    }

    /// Returns the string stored at `key`.
    #[track_caller]
    pub fn get(&self, key: impl ToRedisArgs) -> Option<String> {
        self.query(cmd("GET").arg(key))
    }

    /// Whether `key` exists.
    #[track_caller]
    pub fn exists(&self, key: impl ToRedisArgs) -> bool {
        self.query(cmd("EXISTS").arg(key))
    }

    /// Returns the remaining lifetime of `key`: `None` if the key does not exist, `Duration::MAX`
    /// if it never expires.
    #[track_caller]
    pub fn pttl(&self, key: impl ToRedisArgs) -> Option<Duration> {
        match self.query(cmd("PTTL").arg(key)) {
            -2_i64 => None,
            -1 => Some(Duration::MAX),
            left => Some(Duration::from_millis(left.try_into().unwrap())),
        }
    }

    /// Returns all keys but the identity record of the server, sorted.
    #[track_caller]
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.query(cmd("KEYS").arg("*"));
        keys.retain(|key| !key.contains("redlock:node"));
        keys.sort_unstable();
        keys
    }

    /// Sets `key` to `value`, without expiry if `ttl` is `None`.
    #[track_caller]
    pub fn set(
        &self,
        key: impl ToRedisArgs,
        value: impl ToRedisArgs,
        ttl: impl Into<Option<Duration>>,
    ) {
        let mut set = cmd("SET");
        set.arg(key).arg(value);
        if let Some(ttl) = ttl.into() {
            set.arg("PX").arg(millis(ttl));
        }
        self.query::<()>(&set);
    }

    /// Deletes `key` and returns whether it existed.
    #[track_caller]
    pub fn del(&self, key: impl ToRedisArgs) -> bool {
        self.query(cmd("DEL").arg(key))
    }

    /// Makes `key` expire after `ttl`, as a server clock that jumps forward would.
    #[track_caller]
    pub fn pexpire(&self, key: impl ToRedisArgs, ttl: Duration) -> bool {
        self.query(cmd("PEXPIRE").arg(key).arg(millis(ttl)))
    }

    /// Deletes all keys.
    #[track_caller]
    pub fn flushall(&self) {
        self.query::<()>(&cmd("FLUSHALL"));
    }

    /// Flushes the server's script cache.
    #[track_caller]
    pub fn script_flush(&self) {
        self.query::<()>(cmd("SCRIPT").arg("FLUSH"));
    }

    /// Changes a setting of the running server.
    #[track_caller]
    pub fn config_set(&self, name: &str, value: impl ToRedisArgs) {
        self.query::<()>(cmd("CONFIG").arg("SET").arg(name).arg(value));
    }

    /// Closes all other client connections and returns their number.
    #[track_caller]
    pub fn client_kill(&self) -> usize {
        ["normal", "pubsub"]
            .iter()
            .map(|kind| {
                self.query::<usize>(cmd("CLIENT").arg(&["KILL", "TYPE", kind, "SKIPME", "yes"]))
            })
            .sum()
    }

    /// Suspends the commands of all clients, including this probe's, for `pause`.
    #[track_caller]
    pub fn client_pause(&self, pause: Duration) {
        self.query::<()>(cmd("CLIENT").arg("PAUSE").arg(millis(pause)));
    }

    /// Returns the number of client connections, excluding this probe's.
    #[track_caller]
    pub fn clients(&self) -> usize {
        let list: String = self.query(cmd("CLIENT").arg("LIST"));
        list.lines().count() - 1
    }

    /// Returns how often each command was called since the server started or since
    /// [`reset_calls`](Self::reset_calls).
    ///
    /// Counts the calls of all clients, including calls from scripts. Names are in lower case, such
    /// as `set` or `client|id`.
    #[track_caller]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let info: String = self.query(cmd("INFO").arg("commandstats"));
        info.lines()
            .filter_map(|line| {
                let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
                let (calls, _) = stats.split_once(',')?;
                Some((name.to_owned(), calls.parse().unwrap()))
            })
            .collect()
    }

    /// Returns how often one command was called, counted as in [`calls`](Self::calls).
    #[track_caller]
    pub fn calls_of(&self, command: &str) -> u64 {
        self.calls().get(command).copied().unwrap_or_default()
    }

    /// Resets the call counts to zero.
    #[track_caller]
    pub fn reset_calls(&self) {
        self.query::<()>(cmd("CONFIG").arg("RESETSTAT"));
    }

    /// Runs any command.
    #[track_caller]
    pub fn query<T: FromRedisValue>(&self, command: &Cmd) -> T {
        self.try_query(command)
            .unwrap_or_else(|error| panic!("{}: {error}", name(command)))
    }

    /// Runs any command and returns an error instead of panicking.
    pub fn try_query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(|poison| poison.into_inner());
        if let Some(open) = connection.as_mut() {
            match command.query(open) {
                // A late response may still arrive, which makes the connection unusable.
                Err(error) if error.is_timeout() => {
                    *connection = None;
                    return Err(error);
                }
                // The server restarted or closed the connection. Tests need not notice: reconnect.
                Err(error) if error.is_io_error() => *connection = None,
                answer => return answer,
            }
        }
        let open = self.client.get_connection_with_timeout(PATIENCE)?;
        open.set_read_timeout(Some(PATIENCE))?;
        open.set_write_timeout(Some(PATIENCE))?;
        command.query(connection.insert(open))
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

fn name(command: &Cmd) -> String {
    let words = command.args_iter().filter_map(|arg| match arg {
        Arg::Simple(word) => Some(String::from_utf8_lossy(word)),
        _ => None,
    });
    words.take(2).collect::<Vec<_>>().join(" ")
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap()
}

/// Well above the response time of a live server. A paused server must be resumed first.
const PATIENCE: Duration = Duration::from_secs(10);
