//! What the exporter serves.

pub mod accept;
pub mod connection;
pub mod negotiate;
mod progress;
pub mod ready;
pub mod rendering;
