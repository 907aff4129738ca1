//! The routes of the service, and the HTTP responses for its errors.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use redlock::{LockError, Redlock};

use crate::client::{LedgerClient, LedgerError};

/// Builds the service. Its state is the manager and the ledger's client.
pub(crate) fn app(redlock: Redlock, ledger: LedgerClient) -> Router {
    Router::new()
        .route("/invoices/{id}/charge", post(charge))
        .route("/health", get(health))
        .with_state(App { redlock, ledger })
}

#[derive(Clone)]
struct App {
    redlock: Redlock,
    ledger: LedgerClient,
}

/// Charges an invoice. No other request charges it at the same time, in this process or another.
///
/// If the client disconnects, this future and its guard are dropped, which releases the lock. If
/// this process is paused until the lock is lost, the ledger rejects the late write by its token.
async fn charge(State(app): State<App>, Path(id): Path<u64>) -> Result<Receipt, ApiError> {
    let request = app.redlock.try_lock(format!("invoice:{id}")).ttl(TTL);
    let guard = request.await?;
    let charge = async {
        let receipt = pay(id).await;
        app.ledger.write(id, guard.token(), "charged").await?;
        Ok(receipt)
    };
    guard.run(charge).await?
}

/// Short, because a busy invoice reports the rest of it as `Retry-After`.
const TTL: Duration = Duration::from_secs(5);

/// Stands in for a slow call, such as one to a payment provider.
async fn pay(id: u64) -> Receipt {
    tokio::time::sleep(Duration::from_millis(500)).await;
    Json(BTreeMap::from([("invoice", id), ("cents", 1999)]))
}

type Receipt = Json<BTreeMap<&'static str, u64>>;

/// Reports the service as healthy while a majority of the nodes is usable.
async fn health(State(App { redlock, .. }): State<App>) -> (StatusCode, String) {
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

/// An error that ends a request.
pub(crate) enum ApiError {
    Lock(LockError),
    Ledger(LedgerError),
}

/// Converts errors of lock requests, and the loss of a lock.
impl<E: Into<LockError>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self::Lock(error.into())
    }
}

impl From<LedgerError> for ApiError {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Lock(error) if error.is_busy() => {
                // The rest of the holder's lease, in whole seconds.
                let remaining = error.retry_after().unwrap_or_default();
                let seconds = remaining.as_secs() + 1;
                let headers = [(header::RETRY_AFTER, seconds.to_string())];
                (StatusCode::CONFLICT, headers, "already being charged\n").into_response()
            }
            Self::Lock(error) => {
                // The failed nodes and their causes concern the operator, not the client.
                eprintln!("{error}");
                match error {
                    LockError::NoQuorum { .. } | LockError::Closed | LockError::Lost(_) => {
                        (StatusCode::SERVICE_UNAVAILABLE, "try again later\n").into_response()
                    }
                    _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                }
            }
            Self::Ledger(LedgerError::Stale) => {
                (StatusCode::CONFLICT, "a later charge came first\n").into_response()
            }
            Self::Ledger(LedgerError::Failed(error)) => {
                eprintln!("ledger: {error}");
                StatusCode::BAD_GATEWAY.into_response()
            }
        }
    }
}
