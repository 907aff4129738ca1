//! The library's events, on stderr.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::console::stderr::Stderr;

/// Shows events from now on: with 1 those that matter to operators, with 2 every attempt and release,
/// with 0 none.
pub(crate) fn show(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => Level::INFO,
        2 => Level::DEBUG,
        _ => Level::TRACE,
    };
    // Colours would be on stdout's terms, not on those of stderr.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Stderr)
        .with_ansi(false);
    let of_the_library = Targets::new().with_target("redlock", level);
    tracing_subscriber::registry()
        .with(lines)
        .with(of_the_library)
        .init();
}
