//! The event loop of a proxy.

use std::future;
use std::net::Ipv4Addr;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{mpsc, watch};

use crate::flow::{Flows, Way, carry};
use crate::port::{Port, close};

/// The event loop of a [`Proxy`](crate::Proxy), run in the proxy's thread.
#[derive(Debug)]
pub(crate) struct Relay {
    own: Port,
    target: u16,
    listener: Option<TcpListener>,
    /// The flows of later connections.
    flows: Flows,
    /// One sender for each open connection. Dropping a sender resets its connection.
    connections: Vec<watch::Sender<Flows>>,
    accepted: usize,
}

/// A change to the relay, made between two network events.
pub(crate) type Order = Box<dyn FnOnce(&mut Relay) + Send>;

impl Relay {
    pub(crate) fn new(own: Port, target: u16) -> Self {
        let (flows, connections) = (Flows::default(), Vec::new());
        Self {
            own,
            target,
            listener: None,
            flows,
            connections,
            accepted: 0,
        }
    }

    /// Runs until the order channel closes, then closes all connections.
    pub(crate) fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            loop {
                tokio::select! {
                    biased;
                    order = orders.recv() => match order {
                        Some(order) => {
                            self.catch_up();
                            order(&mut self);
                        }
                        None => break,
                    },
                    client = self.client() => self.connect(client),
                }
            }
        });
    }

    pub(crate) fn listen(&mut self) {
        if self.listener.is_none() {
            self.listener = Some(self.own.listen().unwrap());
        }
    }

    pub(crate) fn refuse(&mut self) {
        if let Some(listener) = self.listener.take() {
            close(listener);
        }
    }

    pub(crate) fn cut(&mut self) {
        self.connections.clear();
    }

    pub(crate) fn heal_new(&mut self) {
        self.flows = Flows {
            removed: self.flows.removed,
            ..Flows::default()
        };
    }

    pub(crate) fn open(&self) -> usize {
        self.connections
            .iter()
            .filter(|flows| !flows.is_closed())
            .count()
    }

    pub(crate) fn accepted(&self) -> usize {
        self.accepted
    }

    pub(crate) fn change(&mut self, change: impl Fn(&mut Flows)) {
        change(&mut self.flows);
        for connection in &self.connections {
            connection.send_modify(&change);
        }
    }

    async fn client(&self) -> TcpStream {
        loop {
            match &self.listener {
                Some(listener) => {
                    if let Ok((client, _)) = listener.accept().await {
                        return client;
                    }
                }
                None => future::pending().await,
            }
        }
    }

    /// Accepts the kernel's backlog, so that an order also covers clients already connected there.
    fn catch_up(&mut self) {
        if let Some(listener) = self.listener.take() {
            let listener = listener.into_std().unwrap();
            while let Ok((client, _)) = listener.accept() {
                client.set_nonblocking(true).unwrap();
                self.connect(TcpStream::from_std(client).unwrap());
            }
            self.listener = Some(TcpListener::from_std(listener).unwrap());
        }
    }

    fn connect(&mut self, client: TcpStream) {
        self.connections.retain(|flows| !flows.is_closed());
        let (sender, flows) = watch::channel(self.flows);
        self.connections.push(sender);
        self.accepted += 1;
        tokio::spawn(relay(client, self.target, flows));
    }
}

/// Relays one connection until both sides have closed it or it is cut.
async fn relay(mut client: TcpStream, target: u16, flows: watch::Receiver<Flows>) {
    // To the client, a server that is down looks like one that closes the connection at once.
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await else {
        return;
    };
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let mut cut = flows.clone();
    let was_cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            biased;
            () = async { while cut.changed().await.is_ok() {} } => true,
            _ = async {
                tokio::join!(
                    carry(from_client, to_server, Way::Requests, flows.clone()),
                    carry(from_server, to_client, Way::Replies, flows.clone()),
                )
            } => false,
        }
    };
    if was_cut {
        // A zero linger closes with a reset and discards what is still in the kernel's buffers.
        for stream in [client, server] {
            set_socket_linger(stream, Some(Duration::ZERO)).ok();
        }
    }
}
