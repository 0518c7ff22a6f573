//! The validated configuration: what the rest of the program may rely on.
//! A file and the environment become a [`Config`] in [`load()`], which is all that does I/O here.

pub mod account;
mod accounts;
mod fault;
mod layers;
mod load;
pub mod platform;
mod secrets;
mod section;
mod settings;
pub mod token;
mod yaml;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use account::{Account, AccountName, AppId, BaseUrl, Collect, Endpoint, Kind, Limits, PerKind, Pool};
pub use fault::Faults;
pub use load::{Loaded, load, process_environment};
pub use platform::{Platform, PlatformName};
pub use token::TokenSource;

/// Everything the exporter was told, checked. Accounts are in name order; names and app ids are unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How to speak to the API.
    pub api: ApiConfig,
    /// Label names that accounts may set on `wechat_account_info`, in the order they are printed.
    pub info_labels: Vec<String>,
    /// The accounts to poll.
    pub accounts: Vec<Arc<Account>>,
    /// Third-party platforms, in name order.
    pub platforms: Vec<Arc<Platform>>,
}

/// Settings shared by all calls to the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    /// Bound on one call, from connecting to the last byte.
    pub timeout: Duration,
    /// Bound on connecting, name look-up and TLS included.
    pub connect_timeout: Duration,
    /// Most requests that start within a second, over all accounts.
    pub requests_per_second: NonZeroU32,
    /// Most polls that run at once.
    pub max_in_flight: usize,
    /// PEM certificates trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// Requests a second that `accounts` need in the long run: one data call per interval and one
/// token call per lifetime of a stable token (at most 7,200 s, renewed 300 s before its end).
pub fn planned_requests_per_second(accounts: &[Arc<Account>]) -> f64 {
    const TOKEN_LIFE_SECONDS: f64 = 6_900.0;
    accounts
        .iter()
        .map(|account| {
            let interval = account.interval.as_secs_f64();
            1.0 / interval + 1.0 / TOKEN_LIFE_SECONDS.max(interval)
        })
        .sum()
}
