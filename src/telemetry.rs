//! Telemetry: what the server says about itself, on standard error.
//!
//! Lines are JSON in production and short text in development. `POOLHOUSE_LOG` says how much, in the syntax of tracing's
//! `EnvFilter`; without it everything from `info` up is written. An error at the end of a command has a backtrace when the
//! standard `RUST_LIB_BACKTRACE=1` is set; nothing here changes the environment.

mod lines;

use std::io::{self, IsTerminal};

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt,
    fmt::{MakeWriter, format},
    util::SubscriberInitExt,
};

use lines::Lines;

/// What a line of the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line, for machines.
    Json,
    /// One short line, coloured on a terminal.
    Text,
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("the log filter {filter:?} is not understood: {reason}")]
    Filter { filter: String, reason: String },
    #[error("the log was started before: {0}")]
    Started(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts the log of this process, once. `filter` is what `POOLHOUSE_LOG` says.
pub fn init(format: Format, filter: Option<&str>) -> Result<(), TelemetryError> {
    let filter = parse(filter.unwrap_or("info"))?;
    subscriber(format, io::stderr().is_terminal(), filter, io::stderr).try_init()?;
    Ok(())
}

/// `colours` are for short text.
fn subscriber<M>(format: Format, colours: bool, filter: EnvFilter, to: M) -> Box<dyn Subscriber + Send + Sync>
where
    M: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Lines::new(format, to));
    match format {
        Format::Json => Box::new(log.json().flatten_event(true).with_current_span(true).with_span_list(false).finish()),
        Format::Text => {
            let fields = format::debug_fn(lines::field).delimited(" ");
            Box::new(log.compact().fmt_fields(fields).with_target(false).with_ansi(colours).finish())
        }
    }
}

/// Starts the metrics of this process, once, and returns what renders them for Prometheus.
pub fn metrics() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new().install_recorder()
}

fn parse(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| TelemetryError::Filter { filter: filter.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_understood_or_refused_by_name() {
        assert!(parse("info,poolhouse=debug").is_ok());
        let error = parse("poolhouse=loud").unwrap_err().to_string();
        assert!(error.starts_with("the log filter \"poolhouse=loud\" is not understood: "), "{error}");
    }
}
