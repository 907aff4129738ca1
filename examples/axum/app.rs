//! The routes, and what the errors of a lock mean in HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use redlock::{LockError, Redlock};

/// The service; the manager is its state.
pub(crate) fn app(redlock: Redlock) -> Router {
    Router::new()
        .route("/invoices/{id}/charge", post(charge))
        .route("/health", get(health))
        .with_state(redlock)
}

/// Charges an invoice, which nobody else is charging meanwhile: not here, and not in any other
/// process.
///
/// If the client goes away this future is dropped, and the guard with it: the lock is released.
async fn charge(State(redlock): State<Redlock>, Path(id): Path<u64>) -> Result<Receipt, ApiError> {
    let request = redlock.try_lock(format!("invoice:{id}")).ttl(TTL);
    let guard = request.await?;
    let receipt = guard.run(pay(id)).await?;
    Ok(receipt)
}

/// Short, because it is what a client that finds the lock busy is told to wait.
const TTL: Duration = Duration::from_secs(5);

/// What takes its time: a payment provider, say.
async fn pay(id: u64) -> Receipt {
    tokio::time::sleep(Duration::from_millis(500)).await;
    Json(BTreeMap::from([("invoice", id), ("cents", 1999)]))
}

type Receipt = Json<BTreeMap<&'static str, u64>>;

/// Ready while a majority of the nodes is usable.
async fn health(State(redlock): State<Redlock>) -> (StatusCode, String) {
    let nodes = redlock.nodes().await;
    let usable = nodes.iter().filter(|node| node.is_usable()).count();
    let status = if usable > nodes.len() / 2 {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let summary = format!("{usable} of {} nodes are usable\n", nodes.len());
    (status, summary)
}

/// Why a request was not carried out.
pub(crate) struct ApiError(LockError);

/// From errors of requests, and from the loss of a lock.
impl<E: Into<LockError>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self(error) = self;
        if error.is_busy() {
            // What is left of the holder's lease, in whole seconds.
            let remaining = error.retry_after().unwrap_or_default();
            let seconds = remaining.as_secs() + 1;
            let headers = [(header::RETRY_AFTER, seconds.to_string())];
            return (StatusCode::CONFLICT, headers, "being charged already\n").into_response();
        }
        // Which node failed and why is for the operator, not for the client.
        eprintln!("{error}");
        match error {
            LockError::NoQuorum { .. } | LockError::Closed | LockError::Lost(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "try again later\n").into_response()
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}
