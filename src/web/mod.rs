//! What the exporter serves.

pub mod accept;
