//! The validated configuration: what the rest of the program may rely on.
//! A file and the environment become a [`Config`] in [`load()`], which is all that does I/O here.

pub mod account;
mod account_files;
mod accounts;
mod budget;
mod credential;
mod fault;
mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod keepers;
mod keys;
mod layers;
mod load;
mod masked;
pub mod platform;
mod platforms;
mod presets;
mod read_only;
mod resolve;
mod secret_keys;
mod secrets;
mod section;
mod settings;
mod share;
mod sources;
pub mod token;
pub mod web;
mod yaml;

use std::fmt::{self, Write as _};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

pub use account::{Account, AccountName, AppId, BaseUrl, Collect, Endpoint, Kind, Limits, PerKind, Pool};
pub use fault::Faults;
pub use load::{BrokenFile, Loaded, load, process_environment};
use platform::Discovery;
pub use platform::{Platform, PlatformName};
pub(crate) use section::{did_you_mean, nearest};
pub use share::{Budget, Share};
pub use token::TokenSource;

use crate::budget::Polling;
use crate::shard::Shard;

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
    /// Which of the accounts this process polls.
    pub shard: Shard,
    /// Where those of the accounts come from that do not stand in the main file, in name order.
    pub account_files: Vec<AccountFile>,
}

/// An account file, and which accounts it brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFile {
    /// Its path as the configuration's pattern gave it.
    pub path: PathBuf,
    /// Its accounts, in name order.
    pub names: Vec<AccountName>,
}

impl Config {
    /// All ways by which calls leave this machine.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        let accounts = self.accounts.iter().map(|account| &*account.endpoint);
        let platforms = self.platforms.iter().flat_map(|platform| {
            let discovered = platform.discovery.as_ref().map(|discovery| &*discovery.endpoint);
            [Some(&*platform.endpoint), discovered].into_iter().flatten()
        });
        accounts.chain(platforms)
    }

    /// Requests a second that the accounts' plans come to in the long run. What platforms discover,
    /// and their own calls, are not in it: nobody knows their number before.
    pub fn planned_requests_per_second(&self) -> f64 {
        planned(&self.accounts, self.shard, &self.platforms)
    }

    /// The accounts that this process polls, in name order.
    pub fn owned(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts.iter().filter(|account| account.is_of(self.shard))
    }

    /// A hash of the configuration without its secrets, the same for all shards that share it and
    /// for all processes of this version; at most 2⁵³, so that a metric holds it exactly.
    pub fn hash(&self) -> u64 {
        let Self { api, info_labels, accounts, platforms, account_files: _, shard: _ } = self;
        // The rates follow from the accounts that are owned.
        let ApiConfig { timeout, connect_timeout, requests_per_second: _, max_in_flight: _, ca_file } = api;
        let mut hash = HashWriter::default();
        let written = write!(hash, "{timeout:?}{connect_timeout:?}{ca_file:?}{info_labels:?}{accounts:?}");
        debug_assert!(written.is_ok(), "a hash takes any text");
        for platform in platforms {
            let discovery = platform.discovery.clone().map(|it| Discovery { shard: Shard::default(), ..it });
            let platform = Platform { discovery, ..Platform::clone(platform) };
            let written = write!(hash, "{platform:?}");
            debug_assert!(written.is_ok(), "a hash takes any text");
        }
        hash.digest() >> 11
    }
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

/// Hashes text as it is written, many small pieces at a time.
#[derive(Default)]
struct HashWriter {
    hash: Xxh3,
    unhashed: String,
}

impl HashWriter {
    fn digest(mut self) -> u64 {
        self.hash.update(self.unhashed.as_bytes());
        self.hash.digest()
    }
}

impl fmt::Write for HashWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const MOST_BYTES: usize = 16 * 1024;
        self.unhashed.push_str(text);
        if self.unhashed.len() > MOST_BYTES {
            self.hash.update(self.unhashed.as_bytes());
            self.unhashed.clear();
        }
        Ok(())
    }
}

/// See [`Config::planned_requests_per_second`].
fn planned(accounts: &[Arc<Account>], shard: Shard, platforms: &[Arc<Platform>]) -> f64 {
    let owned = accounts.iter().filter(|account| account.is_of(shard));
    let plans = owned.flat_map(|account| Polling::of_account(account, platforms).plan());
    // A sum of nothing is -0.
    plans.map(|planned| planned.per_second()).sum::<f64>() + 0.0
}
