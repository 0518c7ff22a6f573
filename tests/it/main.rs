//! One binary for all integration tests: one link, shared harness. Each module is a feature seen
//! from outside.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what is wrong by failing"
)]

mod app;
mod browser;
mod canary;
mod cli;
mod collectors;
mod config;
mod doctor;
mod faults;
mod fleet;
mod gallery;
mod harness;
mod installed;
mod once;
mod platform;
mod program;
mod prometheus;
mod reading;
mod redis;
mod reload;
mod restart;
mod shards;
mod sources;
mod status;
mod takeover;
mod wire;
