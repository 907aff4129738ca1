//! Another service, which is written to over HTTP, and refuses writes that come too late.
//!
//! It knows nothing of locks. Each write has a `Fencing-Token`; one below the largest that was
//! seen for the same invoice is from a holder whose lock somebody else has had since.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use redlock::FencingToken;
use redlock::fence::{FenceGate, Stale};

/// The header in which a holder sends its token.
pub(crate) const FENCING_TOKEN: &str = "fencing-token";

pub(crate) fn ledger() -> Router {
    Router::new()
        .route("/entries/{id}", put(write).get(read))
        .with_state(Entries::default())
}

/// In memory, and so are the gates. In a database the token is a column beside the data, and the
/// check a condition of the `UPDATE`.
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

/// A holder that is going to change what it reads sends its token already here: older holders are
/// refused from then on.
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
