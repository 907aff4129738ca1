//! The responses to a batch, read in the order of its requests.

use std::sync::Arc;

use deadpool_redis::redis::{ServerError, Value};

use crate::node::redis::protocol::batch::{Batch, WatchGroup};
use crate::node::redis::protocol::error;
use crate::node::redis::protocol::request::{Encoding, Request, Settled};
use crate::node::{Command, Identity, Watch, watch};

impl Batch {
    /// Sends the responses to their callers, and passes the state of each request to `on_settled`. The
    /// batch is empty then, as are the responses.
    pub(crate) fn settle(
        &mut self,
        responses: &mut Vec<Value>,
        identity: &Identity,
        mut on_settled: impl FnMut(Settled),
    ) {
        let mut responses = responses.drain(..);
        let calls = (self.releases_per_call, self.responses_per_call);
        if !self.leading.is_empty() {
            settle_releases(&mut self.leading, calls, &mut responses, &mut on_settled);
        }
        for ordered in self.ordered.drain(..) {
            let mut request = ordered.request;
            if request.encoding == Encoding::Native {
                // Nearly all: nothing is tracked, and no list is named.
                let mut own = responses.by_ref().take(ordered.responses);
                on_settled(request.settle(&mut own, identity));
                own.for_each(drop);
                continue;
            }
            let (mut rights, is_identify) =
                (Vec::new(), matches!(request.command, Command::Identify(_)));
            let mut tracking = responses
                .by_ref()
                .take(ordered.tracking_responses)
                .inspect(|response| rights.extend(missing_right(response, is_identify)));
            // The watch stays registered. Its waiter polls, so nothing else is left to do.
            let is_refused = tracking.any(|response| is_refused(&response));
            if is_refused {
                on_settled(Settled::Untracked);
            }
            if let Command::Identify(it) = &mut request.command {
                let probe = it.push_probe.take();
                let are_pushed = probe.is_some_and(|probe| probe.has_arrived());
                it.is_tracked = are_pushed && !is_refused;
                if ordered.tracking_responses > 0 && !are_pushed {
                    on_settled(Settled::Untracked);
                }
                on_settled(Settled::Identified { are_pushed });
            }
            tracking.for_each(drop);
            let mut own = responses
                .by_ref()
                .take(ordered.responses)
                .inspect(|response| rights.extend(missing_right(response, is_identify)))
                .peekable();
            let is_permitted = !matches!(own.peek(), Some(Value::ServerError(_)));
            if request.encoding == Encoding::WithoutLists && is_permitted {
                on_settled(Settled::ListsDenied);
            }
            on_settled(request.settle(&mut own, identity));
            own.for_each(drop);
            if !rights.is_empty() {
                on_settled(Settled::Denied(rights));
            }
        }
        if !self.extensions.is_empty() {
            let mut extensions = self.extensions.drain(..);
            for count in self.extension_calls.drain(..) {
                let shared = extensions.by_ref().take(count);
                let response = responses.next().unwrap_or(Value::Nil);
                settle_extensions(shared, response, identity, &mut on_settled);
            }
        }
        let mut watches = &self.watches[..];
        for group in self.watched.drain(..) {
            let (of_group, rest) = watches.split_at(group.watches);
            settle_watches(&group, of_group, &mut responses, &mut on_settled);
            watches = rest;
        }
        self.watches.clear();
        if !self.trailing.is_empty() {
            settle_releases(&mut self.trailing, calls, &mut responses, &mut on_settled);
        }
    }
}

/// Returns the rule that would allow what was refused while the server was identified. Other commands
/// report to their callers.
fn missing_right(response: &Value, is_identify: bool) -> Option<Arc<str>> {
    if is_identify {
        error::missing_right(response)
    } else {
        None
    }
}

/// Reads the responses to the call that tracks the keys of extensions.
fn settle_watches(
    group: &WatchGroup,
    watches: &[Watch],
    responses: &mut impl Iterator<Item = Value>,
    on_settled: &mut impl FnMut(Settled),
) {
    let keys = i64::try_from(group.keys).unwrap_or(i64::MAX);
    for response in responses.take(group.responses) {
        match response {
            // A key was deleted behind its extension, before it was tracked: no push reports that.
            Value::Int(found) if found < keys => watch::notify_all(watches),
            Value::ServerError(error) if error.code() == "CROSSSLOT" => {
                on_settled(Settled::NotTogether);
            }
            response if is_refused(&response) => on_settled(Settled::Untracked),
            _ => {}
        }
    }
}

/// Settles extensions that shared a call.
fn settle_extensions(
    extensions: impl ExactSizeIterator<Item = Request>,
    value: Value,
    identity: &Identity,
    on_settled: &mut impl FnMut(Settled),
) {
    match value {
        // One value for each extension. A missing value is settled as an unexpected one.
        Value::Array(values) if extensions.len() > 1 => {
            let mut values = values.into_iter();
            for request in extensions {
                on_settled(request.settle(&mut values, identity));
            }
        }
        // One extension made the call fail, perhaps because the user may not write its key.
        Value::ServerError(error) if extensions.len() > 1 && !fails_all(&error) => {
            if error.code() == "CROSSSLOT" {
                on_settled(Settled::NotTogether);
            }
            for request in extensions {
                on_settled(Settled::Resend(Request {
                    encoding: Encoding::EvalshaAlone,
                    ..request
                }));
            }
        }
        value => {
            for request in extensions {
                let mut value = std::iter::once(value.clone());
                on_settled(request.settle(&mut value, identity));
            }
        }
    }
}

/// Whether an error of a shared call is one of each of its requests.
fn fails_all(error: &ServerError) -> bool {
    error.code() == "NOSCRIPT" || error::is_displaced(error.code(), error.details())
}

/// Settles releases that were sent `per_call` to a call with this number of responses.
fn settle_releases(
    releases: &mut Vec<Request>,
    (per_call, count): (usize, usize),
    responses: &mut impl Iterator<Item = Value>,
    on_settled: &mut impl FnMut(Settled),
) {
    let mut releases = releases.drain(..);
    while releases.len() > 0 {
        let call = releases.by_ref().take(per_call);
        let response = responses.next().unwrap_or(Value::Nil);
        let more = (count > 1).then(|| responses.next()).flatten();
        settle_call(call, response, more, on_settled);
    }
}

/// Settles releases that shared a call. `more`: a second response, which only a single release has.
fn settle_call(
    releases: impl ExactSizeIterator<Item = Request>,
    value: Value,
    more: Option<Value>,
    on_settled: &mut impl FnMut(Settled),
) {
    match value {
        Value::Array(values) => {
            // One value for each release. A missing value is settled as an unexpected one.
            let mut values = values.into_iter();
            for request in releases {
                let value = values.next().unwrap_or(Value::Nil);
                on_settled(request.settle_release(&value, false));
            }
        }
        // One release made the call fail, perhaps because the user may not write its key.
        Value::ServerError(error) if error.code() != "NOSCRIPT" && releases.len() > 1 => {
            for request in releases {
                on_settled(Settled::Resend(Request {
                    encoding: Encoding::EvalshaAlone,
                    ..request
                }));
            }
        }
        value => {
            let has_waiters = more == Some(Value::Int(1));
            for request in releases {
                on_settled(request.settle_release(&value, has_waiters));
            }
        }
    }
}

/// Whether the server does not support a command, or does not permit it to the user.
fn is_refused(response: &Value) -> bool {
    matches!(response, Value::ServerError(error) if matches!(error.code(), "NOPERM" | "ERR"))
}
