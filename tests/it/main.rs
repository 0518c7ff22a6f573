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
mod drill;
mod faults;
mod fleet;
mod gallery;
mod grafana;
mod guides;
mod harness;
mod health;
mod installed;
mod logging;
mod manual;
mod once;
mod packages;
mod platform;
mod program;
mod prometheus;
mod reading;
mod redis;
mod reload;
mod restart;
mod rules;
mod shards;
mod sources;
mod status;
mod systemd;
mod takeover;
mod tools;
mod web_config;
mod wire;
