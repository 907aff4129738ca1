use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// A loopback port, chosen by the kernel, that stays ours while nothing listens on it.
///
/// A server that is killed has to come back on its port. Between the two, neither another test nor
/// an outgoing connection may be given that port: a client that keeps reconnecting to a dead server
/// can even be connected to itself. So a bound socket that never listens keeps the place.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _reservation: Option<TcpSocket>,
}

impl Port {
    /// Picks a free port and keeps it.
    pub(crate) fn reserve() -> Self {
        let socket = bind(0).unwrap();
        let number = socket.local_addr().unwrap().port();
        // Linux lets others bind the same port as long as all ask for SO_REUSEADDR and none listens
        // yet. Elsewhere the reservation would shut out the server that it is meant for.
        let _reservation = cfg!(target_os = "linux").then_some(socket);
        Self {
            number,
            _reservation,
        }
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// Listens on the port. Must be called from within a runtime.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        bind(self.number)?.listen(1024)
    }
}

fn bind(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reserved_port_refuses_connections_until_someone_listens() {
        let port = Port::reserve();
        let address = (Ipv4Addr::LOCALHOST, port.number());
        for _ in 0..2 {
            let refused = tokio::net::TcpStream::connect(address).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);

            let listener = port.listen().unwrap();
            drop(tokio::net::TcpStream::connect(address).await.unwrap());
            drop(listener);
        }
    }
}
