//! Log events go to stderr, as logfmt or JSON, one line each. Ours at the chosen level; libraries are
//! held at `warn` whatever that is, because at `trace` some of them print what they send.

mod journal;

use clap::ValueEnum;
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use self::journal::Reader;
use self::journal::WithPriority;

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `key=value` pairs.
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// The least important events that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Somebody has to act now.
    Error,
    /// Something is degraded.
    Warn,
    /// Start, stop, accounts that begin or cease to fail.
    Info,
    /// Every poll.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// Sends the events of this process to stderr. Once per process.
pub fn init(level: LogLevel, format: LogFormat) -> Result<(), TryInitError> {
    let ours = LevelFilter::from(level);
    let levels =
        Targets::new().with_default(ours.min(LevelFilter::WARN)).with_target(env!("CARGO_CRATE_NAME"), ours);
    let lines = lines(format, Reader::of_stderr(), std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(levels)).try_init()
}

/// Writes each event as one line. The journal keeps the time and the priority itself.
fn lines<S, W>(format: LogFormat, reader: Reader, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let writer = match reader {
        Reader::Journal => BoxMakeWriter::new(WithPriority(writer)),
        Reader::Other => BoxMakeWriter::new(writer),
    };
    match format {
        LogFormat::Logfmt => {
            let lines = tracing_logfmt::builder().with_timestamp(reader == Reader::Other);
            lines.layer().with_writer(writer).boxed()
        }
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(writer);
            match reader {
                Reader::Journal => lines.without_time().boxed(),
                Reader::Other => lines.boxed(),
            }
        }
    }
}

#[cfg(test)]
mod tests;
