//! The routes, and what the errors of a lock mean in HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use redlock::{LockError, Redlock};

use crate::client::{LedgerClient, LedgerError};

/// The service; its state is the manager, and where the ledger is.
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

/// Charges an invoice, which nobody else is charging meanwhile: not here, and not in any other
/// process.
///
/// If the client goes away this future is dropped, and the guard with it: the lock is released. If
/// this process is paused and the lock is lost meanwhile, the ledger refuses what comes too late,
/// by the token.
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

/// Short, because it is what a client that finds the lock busy is told to wait.
const TTL: Duration = Duration::from_secs(5);

/// What takes its time: a payment provider, say.
async fn pay(id: u64) -> Receipt {
    tokio::time::sleep(Duration::from_millis(500)).await;
    Json(BTreeMap::from([("invoice", id), ("cents", 1999)]))
}

type Receipt = Json<BTreeMap<&'static str, u64>>;

/// Ready while a majority of the nodes is usable.
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

/// Why a request was not carried out.
pub(crate) enum ApiError {
    Lock(LockError),
    Ledger(LedgerError),
}

/// From errors of requests, and from the loss of a lock.
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
                // What is left of the holder's lease, in whole seconds.
                let remaining = error.retry_after().unwrap_or_default();
                let seconds = remaining.as_secs() + 1;
                let headers = [(header::RETRY_AFTER, seconds.to_string())];
                (StatusCode::CONFLICT, headers, "being charged already\n").into_response()
            }
            Self::Lock(error) => {
                // Which node failed and why is for the operator, not for the client.
                eprintln!("{error}");
                match error {
                    LockError::NoQuorum { .. } | LockError::Closed | LockError::Lost(_) => {
                        (StatusCode::SERVICE_UNAVAILABLE, "try again later\n").into_response()
                    }
                    _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                }
            }
            Self::Ledger(LedgerError::Stale) => {
                (StatusCode::CONFLICT, "somebody else was faster\n").into_response()
            }
            Self::Ledger(LedgerError::Failed(error)) => {
                eprintln!("ledger: {error}");
                StatusCode::BAD_GATEWAY.into_response()
            }
        }
    }
}
