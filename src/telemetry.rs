//! Log events go to stderr, as logfmt or JSON. Ours at the chosen level; libraries are held at
//! `warn` whatever that is, because at `trace` some of them print what they send.

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

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
    let layer = match format {
        LogFormat::Logfmt => {
            tracing_logfmt::builder().layer().with_writer(std::io::stderr).with_filter(levels).boxed()
        }
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
            .with_filter(levels)
            .boxed(),
    };
    tracing_subscriber::registry().with(layer).try_init()
}
