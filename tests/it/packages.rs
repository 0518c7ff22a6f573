//! What is installed with the exporter: units, configuration, licences.

mod units;
