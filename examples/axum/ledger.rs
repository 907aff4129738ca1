//! A second service, which accepts writes over HTTP and rejects late ones.
//!
//! It knows nothing about locks. Each write carries a `Fencing-Token`. A token below the largest
//! one seen for the same invoice belongs to an earlier holder of the lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use redlock::FencingToken;
use redlock::fence::{FenceGate, Stale};

/// The header that carries the holder's token.
pub(crate) const FENCING_TOKEN: &str = "fencing-token";

pub(crate) fn ledger() -> Router {
    Router::new()
        .route("/entries/{id}", put(write).get(read))
        .with_state(Entries::default())
}

/// The entries with their gates, in memory. In a database the token is a column next to the data,
/// and the check is a condition of the `UPDATE`.
type Entries = Arc<Mutex<BTreeMap<u64, Entry>>>;

#[derive(Default)]
struct Entry {
    gate: FenceGate,
    text: String,
}

async fn write(
    State(entries): State<Entries>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    text: String,
) -> Result<StatusCode, Refused> {
    let token = token(&headers)?.ok_or(Refused::Missing)?;
    let mut entries = entries.lock().unwrap();
    let entry = entries.entry(id).or_default();
    entry.gate.write(token, || entry.text = text)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Returns an entry. A holder that is going to change it sends its token with the read, so that
/// older holders are rejected from then on.
async fn read(
    State(entries): State<Entries>,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Result<String, Refused> {
    let token = token(&headers)?;
    let mut entries = entries.lock().unwrap();
    let entry = entries.entry(id).or_default();
    if let Some(token) = token {
        entry.gate.advance(token)?;
    }
    Ok(entry.text.clone())
}

fn token(headers: &HeaderMap) -> Result<Option<FencingToken>, Refused> {
    let Some(value) = headers.get(FENCING_TOKEN) else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|text| text.parse().ok());
    token.map(Some).ok_or(Refused::NotANumber)
}

enum Refused {
    Stale(Stale),
    Missing,
    NotANumber,
}

impl From<Stale> for Refused {
    fn from(stale: Stale) -> Self {
        Self::Stale(stale)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, why) = match self {
            Self::Stale(stale) => (StatusCode::PRECONDITION_FAILED, stale.to_string()),
            Self::Missing => (
                StatusCode::PRECONDITION_REQUIRED,
                format!("{FENCING_TOKEN} is missing"),
            ),
            Self::NotANumber => (
                StatusCode::BAD_REQUEST,
                format!("{FENCING_TOKEN} is not a number"),
            ),
        };
        (status, why + "\n").into_response()
    }
}
