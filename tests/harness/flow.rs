use std::future;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::push_filter::PushFilter;

/// What happens to the bytes that pass a [`Proxy`](crate::Proxy) in one direction.
///
/// Bytes of one connection and direction never overtake each other, whatever the flow and however
/// often it changes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Flow {
    /// They are passed on at once.
    #[default]
    Pass,
    /// They arrive this much later; many can be under way.
    Delay(Duration),
    /// They wait, and arrive when the flow changes to another: a network that heals.
    ///
    /// They do so even if the sender has closed the connection since.
    Hold,
    /// They are lost. So is, as TCP never skips anything, all that follows them on the same
    /// connection, under any flow: only a new connection gets through again.
    Lose,
}

/// Which way bytes go.
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
    /// Whether what the server says without being asked is left out.
    pub(crate) filters_pushes: bool,
}

impl Flows {
    fn of(self, way: Way) -> Flow {
        match way {
            Way::Requests => self.requests,
            Way::Replies => self.replies,
        }
    }
}

/// Carries bytes one way until there are no more, or nobody to take them.
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
            // The end of a connection, a reset as well, waits its turn like the bytes before it.
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
            let is_filtered = matches!(way, Way::Replies) && flows.borrow().filters_pushes;
            if is_filtered && !parcel.bytes.is_empty() {
                parcel.bytes = filter.pass(&parcel.bytes);
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
    // Delivery ends after the last parcel, or early, and then there is no use in collecting more.
    tokio::select! {
        () = deliver => {}
        () = collect => {}
    }
}

/// What one read returned; nothing is the end.
struct Parcel {
    bytes: Vec<u8>,
    arrived: Instant,
}

impl Parcel {
    /// Returns when the parcel may be delivered, which a lost one never is.
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
