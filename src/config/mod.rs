//! The validated configuration: what the rest of the program may rely on.
//! A file and the environment become a [`Config`] in [`load()`], which is all that does I/O here.

pub mod account;
mod accounts;
mod fault;
mod keys;
mod layers;
mod load;
pub mod platform;
mod platforms;
mod presets;
mod read_only;
mod resolve;
mod secret_keys;
mod secrets;
mod section;
mod settings;
mod sources;
pub mod token;
mod yaml;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use account::{
    Account, AccountName, AppId, BaseUrl, Budget, Collect, Endpoint, Kind, Limits, PerKind, Pool, Share,
};
pub use fault::Faults;
pub use load::{BrokenFile, Loaded, load, process_environment};
pub use platform::{Platform, PlatformName};
pub(crate) use section::{did_you_mean, nearest};
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

    /// Requests a second that the accounts need in the long run: one data call per interval of
    /// each collector, and one token call per lifetime of a token that is fetched here. What
    /// platforms discover, and their own calls, are not in it: nobody knows their number before.
    pub fn planned_requests_per_second(&self) -> f64 {
        planned(&self.accounts, &self.platforms)
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

fn planned(accounts: &[Arc<Account>], platforms: &[Arc<Platform>]) -> f64 {
    let read_elsewhere: BTreeSet<&PlatformName> = platforms
        .iter()
        .filter(|platform| matches!(platform.authorizer_token, platform::AuthorizerToken::ReadOnly(_)))
        .map(|platform| &platform.name)
        .collect();
    let fetches = |account: &Account| match &account.token {
        TokenSource::StableToken { .. } | TokenSource::Token { .. } => true,
        TokenSource::Authorizer { platform, .. } => !read_elsewhere.contains(platform),
        TokenSource::ReadOnly(_) | TokenSource::CloudHosting { .. } | TokenSource::CloudFile { .. } => false,
    };
    accounts
        .iter()
        .map(|account| data_calls(account) + if fetches(account) { token_calls(account) } else { 0.0 })
        .sum()
}

/// Data calls a second. A look at the quota is one call for each API that is called.
fn data_calls(account: &Account) -> f64 {
    let each = |interval: Duration| 1.0 / interval.as_secs_f64();
    let Collect { draft, quota } = account.collect;
    let apis = if draft.is_some() { 2.0 } else { 1.0 };
    each(account.interval) + draft.map_or(0.0, each) + quota.map_or(0.0, |quota| apis * each(quota))
}

/// Token calls a second: a token lives for at most 7,200 s and is renewed 300 s before its end, at
/// the next call that needs one.
fn token_calls(account: &Account) -> f64 {
    const TOKEN_LIFE: Duration = Duration::from_secs(6_900);
    let Collect { draft, quota } = account.collect;
    let shortest = [Some(account.interval), draft, quota].into_iter().flatten().min();
    1.0 / shortest.map_or(TOKEN_LIFE, |shortest| shortest.max(TOKEN_LIFE)).as_secs_f64()
}
