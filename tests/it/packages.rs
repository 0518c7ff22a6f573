//! What is installed with the exporter: units, configuration, licences.

mod compose;
mod units;
