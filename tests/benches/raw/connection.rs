//! One connection of the raw client.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::rc::Rc;

use super::resp::{self, Response};
use super::slot::Ticket;

/// A connection, and the responses that it still owes.
#[derive(Debug)]
pub(super) struct Connection {
    stream: mio::net::TcpStream,
    /// What is to be sent.
    output: Vec<u8>,
    /// What was received. The bytes in `unread` were not decoded yet.
    input: Vec<u8>,
    unread: Range<usize>,
    expected: VecDeque<Expected>,
}

/// The only acceptable response to a request, and whose vote it is.
#[derive(Debug)]
pub(super) enum Expected {
    /// The key was set. The vote is that of the next response.
    Set,
    /// The key was set.
    Granted(Ticket),
    /// The counter was moved.
    Moved(Ticket),
    /// All keys were deleted.
    Released(Rc<[Ticket]>),
}

impl Connection {
    /// Connects, and checks that the server has the script.
    pub(super) fn open(url: &str, script: &str) -> Self {
        let address = url.strip_prefix("redis://").expect("a plain URL");
        let mut stream = TcpStream::connect(address).expect("a server");
        stream.set_nodelay(true).expect("a TCP socket");
        write!(stream, "SCRIPT EXISTS {script}\r\n").expect("a server that responds");
        let mut response = [0; 8];
        let reading = stream.read_exact(&mut response);
        reading.expect("a server that responds");
        assert_eq!(
            &response, b"*1\r\n:1\r\n",
            "the server does not have the script as composed in raw/script.rs"
        );
        let polled = stream.set_nonblocking(true);
        polled.expect("a socket that need not block");
        Self {
            stream: mio::net::TcpStream::from_std(stream),
            output: Vec::with_capacity(BUFFER),
            input: vec![0; BUFFER],
            unread: 0..0,
            expected: VecDeque::new(),
        }
    }

    pub(super) fn stream(&mut self) -> &mut mio::net::TcpStream {
        &mut self.stream
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.expected.is_empty()
    }

    /// Adds a request of these parts.
    pub(super) fn request(&mut self, parts: &[&[u8]], expected: Expected) {
        let out = self.begin(parts.len(), expected);
        parts.iter().for_each(|part| resp::part(out, part));
    }

    /// Adds a request, whose parts the caller writes.
    pub(super) fn begin(&mut self, parts: usize, expected: Expected) -> &mut Vec<u8> {
        self.expected.push_back(expected);
        resp::begin(&mut self.output, parts);
        &mut self.output
    }

    /// Sends what the socket takes.
    ///
    /// The rest is sent after the next responses. There will be some, because the server owes those
    /// to the requests that fill the socket.
    pub(super) fn send(&mut self) {
        let mut sent = 0;
        while sent < self.output.len() {
            match self.stream.write(&self.output[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        self.output.drain(..sent);
    }

    /// Receives all that has arrived, and calls `vote` for each ticket that a response grants.
    pub(super) fn receive(&mut self, mut vote: impl FnMut(Ticket)) {
        loop {
            let end = self.unread.end;
            let room = &mut self.input[end..];
            let is_drained = match self.stream.read(room) {
                Ok(0) => panic!("the server has closed the connection"),
                Ok(count) => {
                    self.unread.end += count;
                    count < self.input.len() - end
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            };
            while let Some((response, length)) = resp::decode(&self.input[self.unread.clone()]) {
                self.unread.start += length;
                let expected = self.expected.pop_front();
                match (expected.expect("a request for each response"), response) {
                    (Expected::Set, Response::Okay) => {}
                    (Expected::Granted(ticket), Response::Okay)
                    | (Expected::Moved(ticket), Response::Integer(1)) => vote(ticket),
                    (Expected::Released(tickets), Response::Integer(count))
                        if count == tickets.len() as u64 =>
                    {
                        tickets.iter().copied().for_each(&mut vote);
                    }
                    (expected, response) => panic!("{response:?} in place of {expected:?}"),
                }
            }
            self.input.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            if is_drained {
                return;
            }
        }
    }
}

/// More than the responses of a batch, which have a few bytes each.
const BUFFER: usize = 64 * 1024;
