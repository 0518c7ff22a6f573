//! A Prometheus exporter for the permanent material counts of `WeChat` Official Accounts.
//!
//! The flow, top-down: [`config`] says which accounts there are; `poll` visits each on its own
//! rhythm through [`wechat`]; [`store`] keeps what the last visits brought; [`metrics`] writes it
//! as a page; [`web`] serves that page. A scrape never causes a call to the API.

pub mod app;
pub mod budget;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
mod counted;
pub mod demo;
pub mod doctor;
#[cfg(any(test, fuzzing))]
mod fuzzing;
mod handshake;
pub mod health;
pub mod listen;
pub mod metrics;
pub mod platform;
pub mod poll;
pub mod reload;
pub mod secret;
pub mod shard;
pub mod shutdown;
pub mod simulator;
pub mod state;
mod stdout;
pub mod store;
pub mod systemd;
pub mod telemetry;
pub mod token;
pub mod upstream;
pub mod version;
pub mod web;
pub mod wechat;
