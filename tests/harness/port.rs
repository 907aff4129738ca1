//! Reserved loopback ports.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use rustix::net::{Shutdown, shutdown};
use tokio::net::{TcpListener, TcpSocket};

/// A loopback port, chosen by the kernel, that stays reserved while no server listens on it.
///
/// A killed server must come back on the same port. Until then, the kernel must not assign that
/// port to another test or to an outgoing connection. A client that keeps reconnecting to a dead
/// server could even connect to itself. A bound socket that never listens reserves the port.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _reservation: Option<TcpSocket>,
}

impl Port {
    /// Picks a free port and reserves it.
    pub(crate) fn reserve() -> Self {
        let socket = bind(0).unwrap();
        let number = socket.local_addr().unwrap().port();
        // On Linux, several sockets can bind one port if all of them set SO_REUSEADDR and none
        // listens yet. Elsewhere the reservation would shut out the server that it is meant for.
        let _reservation = cfg!(target_os = "linux").then_some(socket);
        Self {
            number,
            _reservation,
        }
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// Listens on the port. Must be called within a Tokio runtime.
    pub(crate) fn listen(&self) -> io::Result<TcpListener> {
        bind(self.number)?.listen(1024)
    }
}

/// Stops a listener at once. Dropping it alone is not enough: a server process that another thread
/// starts at that moment has a copy of the socket, until it has replaced its own program.
pub(crate) fn close(listener: TcpListener) {
    // Only Linux stops a listener this way. Elsewhere the race remains.
    shutdown(&listener, Shutdown::Both).ok();
    drop(listener);
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
    async fn a_reserved_port_refuses_connections_until_it_listens() {
        let port = Port::reserve();
        let address = (Ipv4Addr::LOCALHOST, port.number());
        for _ in 0..2 {
            let refused = tokio::net::TcpStream::connect(address).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);

            let listener = port.listen().unwrap();
            drop(tokio::net::TcpStream::connect(address).await.unwrap());
            close(listener);
        }
    }
}
