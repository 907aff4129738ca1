//! Locks of etcd.

use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use redlock_tests::{Daemon, Place};

use super::http::Http;
use super::{program, until_ready};

/// A cluster of three members on this machine, with their default settings.
#[derive(Debug)]
pub struct EtcdCluster {
    members: Vec<Daemon>,
    /// The name and version.
    pub version: String,
}

impl EtcdCluster {
    /// Starts a cluster, or returns why there is none.
    ///
    /// # Errors
    ///
    /// If it is not installed.
    ///
    /// # Panics
    ///
    /// Panics with the log if a member does not start.
    pub fn start() -> Result<Self, String> {
        let etcd = program::find("etcd", []).ok_or("not installed")?;
        let places: Vec<_> = std::iter::repeat_with(Place::reserve).take(3).collect();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let named = places.iter().enumerate();
        let named = named.map(|(index, place)| format!("m{index}={}", url(place.ports()[1])));
        let cluster = named.collect::<Vec<_>>().join(",");
        let start = |(index, place): (usize, Place)| {
            let [client, peer] = place.ports().map(url);
            let data = place.dir().join("data").to_string_lossy().into_owned();
            let args = [
                ("--name", format!("m{index}")),
                ("--data-dir", data),
                ("--listen-client-urls", client.clone()),
                ("--advertise-client-urls", client),
                ("--listen-peer-urls", peer.clone()),
                ("--initial-advertise-peer-urls", peer),
                ("--initial-cluster", cluster.clone()),
                ("--logger", "zap".to_owned()),
                ("--log-level", "error".to_owned()),
            ];
            let args = args.map(|(name, value)| format!("{name}={value}"));
            place.start(&etcd, args)
        };
        let members: Vec<Daemon> = places.into_iter().enumerate().map(start).collect();
        for member in &members {
            member.until_ready(|| TcpStream::connect(("127.0.0.1", member.ports()[0])));
        }
        let version = Command::new(&etcd).arg("--version").output();
        let version = String::from_utf8_lossy(&version.expect("etcd").stdout).into_owned();
        let version = version
            .lines()
            .next()
            .and_then(|line| line.split(": ").nth(1));
        Ok(Self {
            members,
            version: format!("etcd {}", version.unwrap_or("?")),
        })
    }
}

/// Locks of etcd over its JSON gateway, with one connection per task and one lease for all locks, as
/// the session of an application has it.
#[derive(Clone, Debug)]
pub struct Etcd(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connections: Mutex<Vec<Http>>,
    lease: String,
}

impl Etcd {
    /// Opens connections for as many tasks, and grants the lease.
    ///
    /// # Panics
    ///
    /// Panics if the cluster does not respond.
    pub async fn connect(cluster: &EtcdCluster, connections: usize) -> Self {
        let mut open = Vec::new();
        for member in cluster.members.iter().cycle().take(connections) {
            let connecting = Http::connect(member.ports()[0]);
            open.push(connecting.await.expect("a member"));
        }
        // Until the members have elected a leader, they refuse.
        let granting = async || open[0].post("/v3/lease/grant", r#"{"TTL":600}"#).await;
        let lease = field(&until_ready(granting).await, "ID").to_owned();
        Self(Arc::new(Inner {
            connections: Mutex::new(open),
            lease,
        }))
    }

    /// Takes the lock on `resource` and releases it.
    ///
    /// # Panics
    ///
    /// Panics if either fails, and if more tasks lock at once than there are connections.
    pub async fn lock(&self, resource: &str) {
        let connections = || self.0.connections.lock();
        let connection = connections().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = connection.expect("a connection for each task");
        let (name, lease) = (base64(resource), &self.0.lease);
        let body = format!(r#"{{"name":"{name}","lease":"{lease}"}}"#);
        let locked = connection.post("/v3/lock/lock", &body).await;
        let locked = locked.expect("a free lock");
        let body = format!(r#"{{"key":"{}"}}"#, field(&locked, "key"));
        let unlocked = connection.post("/v3/lock/unlock", &body).await;
        unlocked.expect("a release");
        let mut connections = connections().unwrap_or_else(PoisonError::into_inner);
        connections.push(connection);
    }
}

/// Returns a field of a response, which must be a string without escapes.
fn field<'a>(response: &'a str, name: &str) -> &'a str {
    let start = format!("\"{name}\":\"");
    let rest = response.split_once(&start).map(|(_, rest)| rest);
    let value = rest.and_then(|rest| rest.split('"').next());
    value.unwrap_or_else(|| panic!("no {name} in {response}"))
}

/// Encodes bytes as the gateway expects them, filled up with spaces.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |index: usize| u32::from(*chunk.get(index).unwrap_or(&b' '));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for shift in [18, 12, 6, 0] {
            let digit = DIGITS[(bits >> shift & 63) as usize];
            encoded.push(char::from(digit));
        }
    }
    encoded
}
