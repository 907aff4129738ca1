//! A proxy between the library and a server.

use std::sync::mpsc as std_mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use crate::Server;
use crate::flow::Flow;
use crate::port::Port;
use crate::push_filter::Removed;
use crate::relay::{Order, Relay};

/// A TCP proxy on a loopback port, between the library and a server.
///
/// Every change has taken effect when its method returns. Unless noted otherwise, it applies to
/// open connections and to later ones. The proxy runs in its own thread, so it keeps working while
/// a test blocks or while the runtime under test shuts down. Dropping it closes all connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    url: String,
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Opens a proxy to a port on the loopback address.
    pub fn to(port: u16) -> Self {
        let own = Port::reserve();
        let number = own.number();
        let (orders, inbox) = mpsc::unbounded_channel();
        let thread = thread::spawn(move || Relay::new(own, port).run(inbox));
        let proxy = Self {
            port: number,
            url: format!("redis://127.0.0.1:{number}"),
            orders: Some(orders),
            thread: Some(thread),
        };
        proxy.accept();
        proxy
    }

    /// Opens a proxy to a server. The proxy's URL includes the server's password.
    pub fn to_server(server: &Server) -> Self {
        let mut proxy = Self::to(server.port());
        proxy.url = server.url_at(proxy.port);
        proxy
    }

    /// Returns the proxy's URL, for use in place of the server's URL.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Returns the proxy's own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the flow of requests, from the library to the server.
    pub fn requests(&self, flow: Flow) {
        self.order(move |relay| relay.change(|flows| flows.requests = flow));
    }

    /// Sets the flow of responses, from the server to the library.
    pub fn replies(&self, flow: Flow) {
        self.order(move |relay| relay.change(|flows| flows.replies = flow));
    }

    /// Sets the flow of both directions.
    pub fn both(&self, flow: Flow) {
        self.requests(flow);
        self.replies(flow);
    }

    /// Removes invalidations and published messages from the server's responses, for the rest of
    /// the proxy's life.
    ///
    /// The connection stays healthy and subscriptions are confirmed, but notifications do not
    /// arrive.
    pub fn filter_pushes(&self) {
        self.order(|relay| relay.change(|flows| flows.removed = Removed::Notifications));
    }

    /// Removes everything that the server pushes, including the confirmations of subscriptions, for
    /// the rest of the proxy's life.
    ///
    /// This imitates a proxy that does not know RESP3 pushes. A `SUBSCRIBE` gets no response.
    pub fn filter_all_pushes(&self) {
        self.order(|relay| relay.change(|flows| flows.removed = Removed::All));
    }

    /// Removes the confirmations of subscriptions, for the rest of the proxy's life.
    ///
    /// Everything else that the server pushes arrives. A `SUBSCRIBE` gets no response.
    pub fn filter_confirmations(&self) {
        self.order(|relay| relay.change(|flows| flows.removed = Removed::Confirmations));
    }

    /// Passes all traffic and accepts connections again.
    pub fn heal(&self) {
        self.both(Flow::Pass);
        self.accept();
    }

    /// Passes all traffic of later connections. Open connections keep their flows until the next
    /// change.
    ///
    /// With this, a test can hold back a request while the library reconnects and continues.
    pub fn heal_new(&self) {
        self.order(Relay::heal_new);
    }

    /// Resets all open connections. Their traffic in flight is lost.
    pub fn cut(&self) {
        self.order(Relay::cut);
    }

    /// Refuses new connections. Open connections continue.
    pub fn refuse(&self) {
        self.order(Relay::refuse);
    }

    /// Accepts new connections. This is the initial state.
    pub fn accept(&self) {
        self.order(Relay::listen);
    }

    /// Returns the number of open connections.
    pub fn open(&self) -> usize {
        self.order(|relay| relay.open())
    }

    /// Returns the number of connections accepted so far, open or closed.
    pub fn accepted(&self) -> usize {
        self.order(|relay| relay.accepted())
    }

    /// Runs `act` in the proxy's thread and waits for its result.
    fn order<T: Send + 'static>(&self, act: impl FnOnce(&mut Relay) -> T + Send + 'static) -> T {
        let (done, result) = std_mpsc::sync_channel(1);
        let order: Order = Box::new(move |relay| done.send(act(relay)).unwrap());
        self.orders.as_ref().unwrap().send(order).ok();
        result.recv().expect("the proxy thread is running")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Closing the channel ends the thread, which closes its connections.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
