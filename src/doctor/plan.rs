//! Whom the check is about, and what it will cost. Pure.

use std::sync::Arc;

use anyhow::bail;

use super::account::{asked, takeover};
use crate::config::{Account, Config, Loaded, TokenSource, did_you_mean, nearest};
use crate::wechat::api::Api;
use crate::wechat::collect::Collector;

/// The accounts of these names in name order, each once; all where none is named.
pub(super) fn chosen(loaded: &Loaded, names: &[String]) -> anyhow::Result<Vec<Arc<Account>>> {
    let all = &loaded.config.accounts;
    if names.is_empty() {
        return Ok(all.clone());
    }
    let mut places = Vec::with_capacity(names.len());
    for name in names {
        match all.binary_search_by(|account| account.name.as_str().cmp(name)) {
            Ok(place) => places.push(place),
            Err(_) => bail!("{}", unknown(loaded, name)),
        }
    }
    places.sort_unstable();
    places.dedup();
    Ok(places.into_iter().filter_map(|place| all.get(place).map(Arc::clone)).collect())
}

fn unknown(loaded: &Loaded, name: &str) -> String {
    let known: Vec<_> = loaded.config.accounts.iter().map(|account| account.name.as_str()).collect();
    let meant = nearest(name, &known).map_or_else(String::new, did_you_mean);
    let broken = match loaded.broken.as_slice() {
        [] => String::new(),
        [first, ..] => format!("; {} is broken and its accounts are not known", first.path.display()),
    };
    format!(
        "no account `{}`: {meant}name accounts as the configuration lists them{broken}",
        name.escape_debug()
    )
}

/// How many calls the check will make, and how long they take.
pub(super) fn announcement(config: &Config, accounts: &[Arc<Account>]) -> String {
    let mut calls =
        [(Api::StableToken, 0), (Api::MaterialCount, 0), (Api::DraftCount, 0), (Api::QuotaGet, 0)];
    let mut add =
        |api| calls.iter_mut().filter(|(known, _)| *known == api).for_each(|(_, count)| *count += 1);
    for account in accounts.iter().filter(|account| takeover(account, &config.platforms).is_none()) {
        if matches!(account.token, TokenSource::StableToken { .. }) {
            add(Api::StableToken);
        }
        for collector in asked(account) {
            add(match collector {
                Collector::Material => Api::MaterialCount,
                Collector::Draft => Api::DraftCount,
                Collector::Quota => Api::QuotaGet,
            });
        }
    }
    let total: usize = calls.iter().map(|(_, count)| count).sum();
    let calls = calls.iter().filter(|(_, count)| *count > 0);
    let calls: Vec<_> = calls.map(|(api, count)| format!("{count} of {}", api.label())).collect();
    let (accounts, rate) = (accounts.len(), config.api.requests_per_second.get());
    let seconds = total.div_ceil(rate as usize);
    let time = if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) };
    if calls.is_empty() {
        return format!("{accounts} accounts, no call of the API");
    }
    format!(
        "{accounts} accounts, at most {total} calls ({}), at {rate} a second: about {time}",
        calls.join(", ")
    )
}
