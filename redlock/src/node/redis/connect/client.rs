//! A server's name for one of its connections.

use deadpool_redis::redis::{Cmd, Value, cmd};

/// A server's name for a connection: id and address. A restarted server reuses ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    id: String,
    addr: String,
}

impl Client {
    /// Reads the response to `CLIENT INFO`: `id=7 addr=127.0.0.1:40100 …`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let find = |name: &str| {
            let mut parts = line.split_whitespace();
            parts.find_map(|part| part.strip_prefix(name).map(str::to_owned))
        };
        Some(Self {
            id: find("id=")?,
            addr: find("addr=")?,
        })
    }

    /// Returns the command that closes this connection on its server.
    pub(crate) fn kill(&self) -> Cmd {
        let mut kill = cmd("CLIENT");
        kill.arg("KILL").arg("ID").arg(&self.id);
        kill.arg("ADDR").arg(&self.addr);
        kill
    }

    /// Whether this response to [`kill`](Self::kill) shows that every command sent over the
    /// connection was carried out or never will be.
    ///
    /// It is the number of closed connections. With id and address given, 0 means that the server
    /// has already closed it.
    pub(crate) fn is_settled_by(response: &Value) -> bool {
        matches!(response, Value::Int(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_by_id_and_address() {
        let line = "id=12 addr=127.0.0.1:41000 laddr=127.0.0.1:6379 fd=8 name= age=0";
        let client = Client::parse(line).unwrap();
        let fields = (client.id.as_str(), client.addr.as_str());
        assert_eq!(fields, ("12", "127.0.0.1:41000"));
        assert_eq!(Client::parse("id=12"), None);
    }
}
