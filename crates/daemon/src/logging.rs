//! The log: to standard error, for people or as JSON, and what a panic leaves in it.

use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::config::{Filter, Log, LogFormat};

/// Starts the log of this process; a second call changes nothing.
pub(crate) fn start(log: &Log) {
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(targets(&log.level));
    let started = match log.format {
        LogFormat::Readable => registry.with(lines.with_ansi(io::stderr().is_terminal())).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true).with_span_list(false)).try_init(),
    };
    if started.is_ok() {
        log_panics();
    }
}

/// Libraries get to warn and no more: what they say at lower levels may hold what is being sent.
fn targets(filter: &Filter) -> Targets {
    let mut targets = Targets::new()
        .with_default(LevelFilter::from_level(filter.level.min(tracing::Level::WARN)))
        .with_target("deskwire", filter.level);
    for (part, level) in &filter.parts {
        targets = targets.with_target(part, *level);
    }
    targets
}

/// Panics are mistakes in this program, or in a library whose caller catches them. They become lines of the log; what a
/// panicked thread of the engine was needed for ends the desk in order.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let words = panic.payload_as_str().unwrap_or("no words");
        let name = thread.name().unwrap_or("unnamed");
        tracing::error!(thread = name, %place, words, "a part of the program failed");
    }));
}

#[cfg(test)]
mod tests {
    //! A library at trace level would write what is sent into the log.
    use super::*;
    use crate::config::{Raw, Value};

    #[test]
    fn libraries_never_get_below_warnings_and_parts_have_their_own_level() {
        let filter = Filter::read(&Raw::Text("debug,deskwire_http=trace".into())).unwrap();
        let targets = targets(&filter);
        assert!(targets.would_enable("deskwire_engine::core", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("deskwire_engine::core", &tracing::Level::TRACE));
        assert!(targets.would_enable("deskwire_http::server", &tracing::Level::TRACE));
        assert!(targets.would_enable("h2", &tracing::Level::WARN));
        assert!(!targets.would_enable("h2", &tracing::Level::INFO));
    }

    #[test]
    fn a_quieter_log_quietens_libraries_too() {
        let targets = targets(&Filter::read(&Raw::Text("error".into())).unwrap());
        assert!(!targets.would_enable("h2", &tracing::Level::WARN));
        assert!(targets.would_enable("deskwire_http", &tracing::Level::ERROR));
    }
}
