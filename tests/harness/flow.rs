//! The flow of bytes through a proxy.

use std::future;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::push_filter::{PushFilter, Removed};

/// Treatment of the bytes that a [`Proxy`](crate::Proxy) carries in one direction.
///
/// Bytes of one connection and direction always keep their order, even when the flow changes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Flow {
    /// Bytes are delivered at once.
    #[default]
    Pass,
    /// Bytes are delivered after this delay. Any number of them can be in flight.
    Delay(Duration),
    /// Bytes are held until the flow changes, as in a network partition that heals.
    ///
    /// They are then delivered even if the sender has closed the connection meanwhile.
    Hold,
    /// Bytes are lost, and so are all later bytes of the same connection, under any flow.
    ///
    /// TCP never skips bytes, so only a new connection gets through again.
    Lose,
}

/// A direction of travel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Requests,
    Replies,
}

/// The flows of both directions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flows {
    pub(crate) requests: Flow,
    pub(crate) replies: Flow,
    /// The pushes that are removed from the server's responses.
    pub(crate) removed: Removed,
}

impl Flows {
    fn of(self, way: Way) -> Flow {
        match way {
            Way::Requests => self.requests,
            Way::Replies => self.replies,
        }
    }
}

/// Carries bytes in one direction until either end of that direction closes.
pub(crate) async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    way: Way,
    flows: watch::Receiver<Flows>,
) {
    let (sender, mut parcels) = mpsc::unbounded_channel();
    let collect = async move {
        loop {
            let mut bytes = Vec::with_capacity(CHUNK);
            let more = matches!(from.read_buf(&mut bytes).await, Ok(1..));
            // The end of the stream, or a reset, is queued behind the bytes before it.
            sender
                .send(Parcel {
                    bytes,
                    arrived: Instant::now(),
                })
                .ok();
            if !more {
                future::pending::<()>().await;
            }
        }
    };
    let deliver = async move {
        let mut filter = PushFilter::default();
        while let Some(mut parcel) = parcels.recv().await {
            parcel.clear(way, flows.clone()).await;
            let removed = match way {
                Way::Requests => Removed::None,
                Way::Replies => flows.borrow().removed,
            };
            if removed != Removed::None && !parcel.bytes.is_empty() {
                parcel.bytes = filter.pass(&parcel.bytes, removed);
                if parcel.bytes.is_empty() {
                    continue;
                }
            }
            let last = parcel.bytes.is_empty();
            let done = if last {
                to.shutdown().await
            } else {
                to.write_all(&parcel.bytes).await
            };
            if last || done.is_err() {
                break;
            }
        }
    };
    // Delivery ends after the last parcel, or early if the receiver is gone. Reading on would be
    // useless then.
    tokio::select! {
        () = deliver => {}
        () = collect => {}
    }
}

/// The bytes of one read. An empty parcel marks the end of the stream.
struct Parcel {
    bytes: Vec<u8>,
    arrived: Instant,
}

impl Parcel {
    /// Waits until the parcel may be delivered. Never returns for a lost parcel.
    async fn clear(&self, way: Way, mut flows: watch::Receiver<Flows>) {
        loop {
            let flow = flows.borrow_and_update().of(way);
            let changed = async {
                if flow == Flow::Lose || flows.changed().await.is_err() {
                    future::pending::<()>().await;
                }
            };
            match flow {
                Flow::Pass => return,
                Flow::Delay(delay) => tokio::select! {
                    () = sleep_until(self.arrived + delay) => return,
                    () = changed => {}
                },
                Flow::Hold | Flow::Lose => changed.await,
            }
        }
    }
}

const CHUNK: usize = 16 * 1024;
