//! The binary: parses the command line, starts the exporter, maps the end to an exit code.

fn main() {}
