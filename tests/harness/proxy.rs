use std::sync::mpsc as std_mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc;

use crate::Server;
use crate::flow::Flow;
use crate::port::Port;
use crate::relay::{Order, Relay};

/// A proxy on a loopback port, between the library and a server.
///
/// What a method says holds when it returns, for all connections that are open and all that come.
/// The proxy works in a thread of its own, so it keeps going while a test blocks, or while the
/// runtime under test is shut down. On drop everything is closed.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    url: String,
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Opens a proxy to a port on this machine.
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

    /// Opens a proxy to a server, whose password its URL then has.
    pub fn to_server(server: &Server) -> Self {
        let mut proxy = Self::to(server.port());
        proxy.url = server.url_at(proxy.port);
        proxy
    }

    /// Where the proxy is: what to tell the library in place of the server's URL.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The proxy's own port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Changes what happens to what the library sends.
    pub fn requests(&self, flow: Flow) {
        self.order(move |relay| relay.change(|flows| flows.requests = flow));
    }

    /// Changes what happens to what the server answers.
    pub fn replies(&self, flow: Flow) {
        self.order(move |relay| relay.change(|flows| flows.replies = flow));
    }

    /// Changes both directions.
    pub fn both(&self, flow: Flow) {
        self.requests(flow);
        self.replies(flow);
    }

    /// Leaves out what the server says without being asked, for as long as the proxy lives.
    ///
    /// As a proxy that knows nothing of it: the connection is well, and some messages are missing.
    pub fn filter_pushes(&self) {
        self.order(|relay| relay.change(|flows| flows.filters_pushes = true));
    }

    /// Passes everything on, and accepts connections again.
    pub fn heal(&self) {
        self.both(Flow::Pass);
        self.accept();
    }

    /// Passes everything on for connections that come; those that are open stay as they are until
    /// the next change.
    ///
    /// So a request can be held back while the library reconnects and goes on without it.
    pub fn heal_new(&self) {
        self.order(Relay::heal_new);
    }

    /// Resets all connections. What was under way in them is lost.
    pub fn cut(&self) {
        self.order(Relay::cut);
    }

    /// Refuses new connections; those that are open go on.
    pub fn refuse(&self) {
        self.order(Relay::refuse);
    }

    /// Accepts new connections, as a proxy does from the start.
    pub fn accept(&self) {
        self.order(Relay::listen);
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.order(|relay| relay.open())
    }

    /// How many connections there have been, open ones included.
    pub fn accepted(&self) -> usize {
        self.order(|relay| relay.accepted())
    }

    /// Has the proxy's thread do something, and waits until it has.
    fn order<T: Send + 'static>(&self, act: impl FnOnce(&mut Relay) -> T + Send + 'static) -> T {
        let (done, result) = std_mpsc::sync_channel(1);
        let order: Order = Box::new(move |relay| done.send(act(relay)).unwrap());
        self.orders.as_ref().unwrap().send(order).ok();
        result.recv().expect("the proxy's thread runs")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Closing the channel ends the thread, and the connections with it.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
