//! `/status.json`: the same content as the status page, for programs. docs/status.schema.json describes
//! it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fleet::{Fleet, Material};
use super::query::View;
use super::standing::{self, Standing, State};
use super::words::exact;
use crate::clock::WallTime;
use crate::store::{AuthorizerState, Failing, LastPoll, OptionalReadings, PlatformReadings};
use crate::wechat::class::Bilingual;
use crate::wechat::collect::ApiQuota;

/// Accounts on one page.
const PAGE_SIZE: usize = 500;

/// The page that `view` asks for, as JSON.
pub(super) fn page(material: &Material<'_>, view: &View) -> serde_json::Result<Vec<u8>> {
    let fleet = Fleet::new(material, view, PAGE_SIZE);
    let summary = &fleet.summary;
    let states = State::ALL.map(|state| (state.label(), summary.states[state as usize]));
    let (config_faults, more_config_faults) = material.faults();
    let document = Document {
        version: env!("CARGO_PKG_VERSION"),
        as_of: time(material.now),
        unknown_state: view.unknown.as_deref(),
        summary: Counts {
            accounts: summary.accounts,
            states: states.into_iter().collect(),
            nearly_full: summary.nearly_full,
            full: summary.full,
            failing_by_class: summary.classes().map(|(class, count)| (class.label(), count)).collect(),
        },
        config_faults,
        more_config_faults,
        platforms: material.platforms.iter().map(|platform| Platform::new(platform)).collect(),
        page: Paging { number: fleet.page, of: fleet.pages, size: PAGE_SIZE, matching: fleet.matching },
        accounts: fleet.accounts.iter().map(|standing| Account::new(standing, material.now)).collect(),
    };
    let mut text = serde_json::to_vec_pretty(&document)?;
    text.push(b'\n');
    Ok(text)
}

#[derive(Serialize)]
struct Document<'a> {
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_state: Option<&'a str>,
    summary: Counts,
    config_faults: &'a [String],
    more_config_faults: usize,
    platforms: Vec<Platform<'a>>,
    page: Paging,
    accounts: Vec<Account<'a>>,
}

#[derive(Serialize)]
struct Counts {
    accounts: usize,
    states: BTreeMap<&'static str, usize>,
    nearly_full: usize,
    full: usize,
    failing_by_class: BTreeMap<&'static str, usize>,
}

#[derive(Serialize)]
struct Paging {
    number: usize,
    of: usize,
    size: usize,
    matching: usize,
}

#[derive(Serialize)]
struct Platform<'a> {
    name: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing: Option<Trouble>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizers: Option<BTreeMap<&'static str, u64>>,
}

#[derive(Serialize)]
struct Account<'a> {
    name: &'a str,
    app_id: &'a str,
    display_name: &'a str,
    state: &'static str,
    /// By kind; empty while no value is held.
    usage: BTreeMap<&'static str, Usage>,
    /// By pool, where kinds share a limit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pool_usage: BTreeMap<&'static str, Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_poll: Option<String>,
    poll_interval_seconds: f64,
    polls: u64,
    poll_failures: u64,
    token: Token<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing: Option<Trouble>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<Optional<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<Optional<Vec<Quota>>>,
}

#[derive(Serialize)]
struct Usage {
    items: u64,
    limit: u64,
    ratio: f64,
}

#[derive(Serialize)]
struct Token<'a> {
    source: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    platform: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<String>,
    refreshes: u64,
    rejections: u64,
}

#[derive(Serialize)]
struct Trouble {
    class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_ip: Option<String>,
    summary: Text,
    remedy: Text,
}

#[derive(Serialize)]
struct Text {
    en: &'static str,
    zh: &'static str,
}

/// What an optional collector brought.
#[derive(Serialize)]
struct Optional<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing: Option<Trouble>,
}

#[derive(Serialize)]
struct Quota {
    api: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_calls: Option<u64>,
    used_calls: u64,
}

impl<'a> Platform<'a> {
    fn new(readings: &'a PlatformReadings) -> Self {
        let state = match readings.last_call {
            LastPoll::Pending => State::Pending,
            LastPoll::Succeeded => State::Healthy,
            LastPoll::Failed(_) => State::Failing,
        };
        let authorizers = readings
            .authorizers
            .map(|counts| AuthorizerState::ALL.into_iter().map(AuthorizerState::label).zip(counts).collect());
        let (name, state) = (readings.name.as_str(), state.label());
        Self { name, state, failing: Trouble::of(&readings.last_call), authorizers }
    }
}

impl<'a> Account<'a> {
    fn new(standing: &Standing<'a>, now: WallTime) -> Self {
        let Standing { readings, state, .. } = *standing;
        let account = &readings.account;
        Self {
            name: account.name.as_str(),
            app_id: account.app_id.as_str(),
            display_name: &account.display_name,
            state: state.label(),
            usage: standing.kinds().map(|(kind, usage)| (kind.label(), usage.into())).collect(),
            pool_usage: standing.pools().map(|(pool, usage)| (pool.label(), usage.into())).collect(),
            last_success: readings.last_good.and_then(|good| time(good.at)),
            next_poll: time(readings.next_poll),
            poll_interval_seconds: readings.interval.as_secs_f64(),
            polls: readings.polls,
            poll_failures: readings.failures,
            token: Token {
                source: account.token.label(),
                platform: account.token.platform(),
                valid_until: readings.token_until.filter(|until| *until > now).and_then(time),
                refreshes: readings.token_refreshes,
                rejections: readings.token_rejections,
            },
            failing: Trouble::of(&readings.last_poll),
            draft: readings
                .draft
                .as_deref()
                .map(|draft| Optional::new(draft, account, now, |drafts| *drafts)),
            quota: readings.quota.as_deref().map(|quota| {
                Optional::new(quota, account, now, |quotas| quotas.iter().map(Quota::new).collect())
            }),
        }
    }
}

impl<T> Optional<T> {
    fn new<R>(
        readings: &OptionalReadings<R>,
        account: &crate::config::Account,
        now: WallTime,
        value: impl FnOnce(&R) -> T,
    ) -> Self {
        Self {
            value: readings.held(account.hold, now).map(value),
            last_success: readings.last_good.as_ref().and_then(|(_, at)| time(*at)),
            failing: Trouble::of(&readings.last_poll),
        }
    }
}

impl Quota {
    fn new(quota: &ApiQuota) -> Self {
        Self {
            api: quota.api.label(),
            limit_calls: quota.limit.map(|limit| limit.calls),
            remaining_calls: quota.limit.map(|limit| limit.remaining),
            used_calls: quota.used,
        }
    }
}

impl Trouble {
    fn of(last_poll: &LastPoll) -> Option<Self> {
        let LastPoll::Failed(failing) = last_poll else { return None };
        let Failing { class, errcode, seen_ip, .. } = failing;
        Some(Self {
            class: class.label(),
            errcode: errcode.map(|code| code.0),
            seen_ip: seen_ip.map(|ip| ip.to_string()),
            summary: class.row().summary.into(),
            remedy: failing.remedy().into(),
        })
    }
}

impl From<standing::Usage> for Usage {
    fn from(standing::Usage { items, limit }: standing::Usage) -> Self {
        Self { items, limit, ratio: items as f64 / limit as f64 }
    }
}

impl From<Bilingual> for Text {
    fn from(Bilingual { en, zh }: Bilingual) -> Self {
        Self { en, zh }
    }
}

/// None for a time beyond the calendar.
fn time(at: WallTime) -> Option<String> {
    Some(exact(at)).filter(|time| !time.is_empty())
}

#[cfg(test)]
mod tests;
