//! What the exporter serves.

pub mod accept;
pub mod ready;
