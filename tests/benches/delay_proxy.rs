//! A proxy between contenders and servers that delays everything by the same time.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A proxy on a loopback port for each of several servers.
///
/// One thread of this process carries everything, and its timer has the kernel's precision, which a
/// runtime's timer does not have. Any number of bytes can be in flight. Dropping the proxy closes all
/// connections.
#[derive(Debug)]
pub struct DelayProxy {
    urls: Vec<String>,
    is_stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DelayProxy {
    /// Starts a proxy to the servers on these ports, which delays each direction by `one_way`.
    ///
    /// # Panics
    ///
    /// Panics if no port is free.
    #[must_use]
    pub fn start(servers: impl IntoIterator<Item = u16>, one_way: Duration) -> Self {
        let listen = |server| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let polled = listener.set_nonblocking(true);
            polled.expect("a socket that need not block");
            (listener, server)
        };
        let listeners: Vec<(TcpListener, u16)> = servers.into_iter().map(listen).collect();
        let url = |(listener, _): &(TcpListener, u16)| {
            let address = listener.local_addr().expect("a bound socket");
            format!("redis://{address}")
        };
        let urls = listeners.iter().map(url).collect();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let mut relay = Relay {
            listeners,
            links: Vec::new(),
            one_way,
            buffer: vec![0; 64 * 1024],
        };
        let is_over = Arc::clone(&is_stopped);
        let thread = thread::spawn(move || {
            set_precise_timer();
            while !is_over.load(Ordering::Relaxed) {
                relay.step();
            }
        });
        Self {
            urls,
            is_stopped,
            thread: Some(thread),
        }
    }

    /// Returns the URLs to use in place of those of the servers.
    #[must_use]
    pub fn urls(&self) -> &[String] {
        &self.urls
    }
}

impl Drop for DelayProxy {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
        // A panic of the thread has been printed.
        self.thread.take().map(JoinHandle::join);
    }
}

/// The state of the proxy's thread.
struct Relay {
    /// With the ports of their servers.
    listeners: Vec<(TcpListener, u16)>,
    links: Vec<Link>,
    one_way: Duration,
    buffer: Vec<u8>,
}

/// A connection, with one way from each end to the other.
struct Link {
    ends: [TcpStream; 2],
    ways: [Way; 2],
    is_closed: bool,
}

/// The bytes in flight in one direction, with the times at which they arrive.
#[derive(Default)]
struct Way {
    parcels: VecDeque<(Instant, Vec<u8>)>,
    /// Whether the receiver's socket is full.
    is_blocked: bool,
}

impl Relay {
    /// Delivers what is due, then waits and accepts what has come.
    fn step(&mut self) {
        let now = Instant::now();
        self.links.iter_mut().for_each(|link| link.deliver(now));
        self.links.retain(|link| !link.is_closed);
        self.wait();
        for (listener, server) in &self.listeners {
            while let Ok((client, _)) = listener.accept() {
                // A contender whose server is down sees that its connection is closed.
                self.links.extend(Link::open(client, *server));
            }
        }
        let arrival = Instant::now() + self.one_way;
        for link in &mut self.links {
            link.collect(arrival, &mut self.buffer);
        }
    }

    /// Waits for the next event of a socket, or until the next parcel is due.
    fn wait(&self) {
        let mut sockets: Vec<PollFd<'_>> = Vec::new();
        let mut next = Instant::now() + LONGEST_WAIT;
        for (listener, _) in &self.listeners {
            sockets.push(PollFd::new(listener, PollFlags::IN));
        }
        for link in &self.links {
            for (from, way) in link.ways.iter().enumerate() {
                sockets.push(PollFd::new(&link.ends[from], PollFlags::IN));
                match way.parcels.front() {
                    Some(_) if way.is_blocked => {
                        sockets.push(PollFd::new(&link.ends[1 - from], PollFlags::OUT));
                    }
                    Some((due, _)) => next = next.min(*due),
                    None => {}
                }
            }
        }
        let timeout = next.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(timeout).expect("a short time");
        if let Err(error) = poll(&mut sockets, Some(&timeout)) {
            assert_eq!(error, rustix::io::Errno::INTR, "{error}");
        }
    }
}

impl Link {
    fn open(client: TcpStream, server: u16) -> io::Result<Self> {
        let ends = [client, TcpStream::connect((Ipv4Addr::LOCALHOST, server))?];
        for end in &ends {
            end.set_nodelay(true)?;
            end.set_nonblocking(true)?;
        }
        Ok(Self {
            ends,
            ways: <[Way; 2]>::default(),
            is_closed: false,
        })
    }

    /// Writes what is due.
    fn deliver(&mut self, now: Instant) {
        for (from, way) in self.ways.iter_mut().enumerate() {
            way.is_blocked = false;
            while let Some((due, bytes)) = way.parcels.front_mut() {
                if *due > now || way.is_blocked {
                    break;
                }
                match self.ends[1 - from].write(bytes) {
                    Ok(count) => drop(bytes.drain(..count)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => way.is_blocked = true,
                    Err(_) => self.is_closed = true,
                }
                if bytes.is_empty() || self.is_closed {
                    way.parcels.pop_front();
                }
            }
        }
    }

    /// Reads what has come. It arrives at the other end at `arrival`.
    fn collect(&mut self, arrival: Instant, buffer: &mut [u8]) {
        for (end, way) in self.ends.iter_mut().zip(&mut self.ways) {
            match end.read(buffer) {
                Ok(count @ 1..) => way.parcels.push_back((arrival, buffer[..count].to_vec())),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // Either end has closed or reset the connection.
                Ok(_) | Err(_) => self.is_closed = true,
            }
        }
    }
}

/// Lets the kernel wake this thread without slack, which is 50 µs otherwise.
fn set_precise_timer() {
    #[cfg(target_os = "linux")]
    {
        let slack = std::num::NonZeroU64::MIN;
        let set = rustix::thread::set_current_timer_slack(Some(slack));
        set.expect("a timer slack of one nanosecond");
    }
}

/// The longest time until the thread notices that the proxy is dropped.
const LONGEST_WAIT: Duration = Duration::from_millis(20);
