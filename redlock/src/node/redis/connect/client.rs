//! A server's name for one of its connections.

use deadpool_redis::redis::{Cmd, Value, cmd};

use crate::node::Identity;

/// A server's name for a connection: id and address. A restarted server reuses ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    id: String,
    addr: String,
    /// The server process that gave the name.
    server: Identity,
}

impl Client {
    /// Reads the response of a server to `CLIENT INFO`: `id=7 addr=127.0.0.1:40100 …`.
    pub(crate) fn parse(line: &str, server: &Identity) -> Option<Self> {
        let find = |name: &str| {
            let mut parts = line.split_whitespace();
            parts.find_map(|part| part.strip_prefix(name).map(str::to_owned))
        };
        Some(Self {
            id: find("id=")?,
            addr: find("addr=")?,
            server: server.clone(),
        })
    }

    /// Returns the command that closes this connection on its server.
    pub(crate) fn kill(&self) -> Cmd {
        let mut kill = cmd("CLIENT");
        kill.arg("KILL").arg("ID").arg(&self.id);
        kill.arg("ADDR").arg(&self.addr);
        kill
    }

    /// Whether this response of a server to [`kill`](Self::kill) shows that every command sent over the
    /// connection was carried out or never will be.
    ///
    /// It is the number of closed connections. 0 means that the server has already closed it, if it is the
    /// process that had it: an address may lead to another one by now, while the former one hangs.
    pub(crate) fn is_settled_by(&self, response: &Value, server: &Identity) -> bool {
        let is_same = self.server.run_id.is_some() && self.server == *server;
        match response {
            Value::Int(0) => is_same,
            response => matches!(response, Value::Int(_)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_client_is_named_by_id_and_address() {
        let line = "id=12 addr=127.0.0.1:41000 laddr=127.0.0.1:6379 fd=8 name= age=0";
        let client = Client::parse(line, &Identity::default()).unwrap();
        let fields = (client.id.as_str(), client.addr.as_str());
        assert_eq!(fields, ("12", "127.0.0.1:41000"));
        assert_eq!(Client::parse("id=12", &Identity::default()), None);
    }

    #[test]
    fn only_its_own_server_knows_that_a_connection_is_closed() {
        let run = |id: &str| Identity::default().run_id(Arc::from(id));
        let client = |server: &Identity| Client::parse("id=1 addr=h:1", server).unwrap();
        let (closed, absent) = (Value::Int(1), Value::Int(0));
        let unknown = Identity::default();
        for (of, by, expected) in [
            (run("a"), run("a"), true),
            (run("a"), run("b"), false),
            (run("a"), unknown.clone(), false),
            (unknown.clone(), unknown, false),
        ] {
            assert_eq!(client(&of).is_settled_by(&absent, &by), expected);
            assert!(client(&of).is_settled_by(&closed, &by));
            assert!(!client(&of).is_settled_by(&Value::Nil, &by));
        }
    }
}
