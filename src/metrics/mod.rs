//! The metrics page: families, the writer of account families, and the exporter's own metrics.
//! Does no I/O but to read `/proc`, and reads no clock.

pub mod family;
#[cfg(test)]
pub(crate) mod fleet;
mod gathered;
pub mod own;
pub mod page;
mod write;

/// A text format of the Prometheus world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The text format 0.0.4.
    Text,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` of a page in this format.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// How the bytes of a page travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As they are.
    Identity,
    /// Compressed by gzip.
    Gzip,
}
