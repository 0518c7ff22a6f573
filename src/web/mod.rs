//! What the exporter serves.

pub mod accept;
pub mod connection;
mod progress;
