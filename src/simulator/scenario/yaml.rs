//! Reads a scenario file. Its secrets open nothing but the simulator, so that the reader's own
//! messages, which quote values, may be shown.

mod platform;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_saphyr::{Options, UserMessageFormatter};

use crate::config::{AccountName, AppId, Kind, PerKind};
use crate::simulator::scenario::yaml::platform::{RawPlatform, platform};
use crate::simulator::scenario::{Calls, Fault, Latency, Scenario, ScheduledFault, SimulatedAccount};

/// What `drafts` brings with it: the documented quota of `draft/count`.
const DRAFT_DAILY_CALLS: u64 = 1_000;

const DURATION: &str = "a duration such as `200ms`, `10s` or `1m 30s`";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScenario {
    token_lifetime: Option<Span>,
    token_overlap: Option<Span>,
    speed: Option<f64>,
    accounts: BTreeMap<String, RawAccount>,
    #[serde(default)]
    platforms: BTreeMap<String, RawPlatform>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAccount {
    app_id: String,
    secret: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    counts: RawPerKind<u64>,
    #[serde(default)]
    growth_per_hour: RawPerKind<f64>,
    drafts: Option<u64>,
    daily_calls: Option<u64>,
    #[serde(default)]
    used_today: u64,
    draft_daily_calls: Option<u64>,
    minute_calls: Option<u64>,
    refused_ip: Option<IpAddr>,
    #[serde(default)]
    cloud: bool,
    #[serde(default)]
    cloud_hosting: bool,
    latency: Option<Range>,
    #[serde(default)]
    faults: Vec<RawFault>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawPerKind<T> {
    voice: T,
    video: T,
    image: T,
    news: T,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFault {
    after: Option<Span>,
    #[serde(rename = "for")]
    lasts: Option<Span>,
    #[serde(default)]
    calls: RawCalls,
    what: RawWhat,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawCalls {
    #[default]
    All,
    Token,
    Data,
    Material,
    Draft,
    Quota,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RawWhat {
    Latency(Range),
    Slow(Span),
    Reset,
    Http(u16),
    Garbage,
    Html,
    TokenFlap,
    Errcode(i64),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Span(Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        duration(&text).map(Self).ok_or_else(|| format!("`{text}` is not {DURATION}"))
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
struct Range(Latency);

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((&text, &text));
        match (duration(least), duration(most)) {
            (Some(least), Some(most)) if least <= most => Ok(Self(Latency { least, most })),
            _ => Err(format!("`{text}` is not {DURATION}, or a range of two such as `2s..3s`")),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    text.trim().parse::<SignedDuration>().ok()?.try_into().ok()
}

/// Sized for 100,000 accounts that all use anchors and belong to a platform; what an alias bomb can
/// cost stays bounded.
fn options() -> Options {
    const MANY: usize = 50_000_000;
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: MANY,
            max_nodes: MANY,
            max_aliases: 1_000_000,
            max_anchors: 1_000_000,
            max_merge_keys: 1_000_000,
            max_recorded_anchor_events: 300_000,
            max_total_scalar_bytes: 1 << 30,
            max_depth: 16,
            // One anchor used by every account is the usual case, not an attack.
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 4_000_000,
            max_replay_stack_depth: 16,
        },
        with_snippet: false,
    }
}

/// The first fault of the file ends the reading.
pub(super) fn read(text: &str) -> Result<Scenario, String> {
    let raw: RawScenario = serde_saphyr::from_str_with_options(text, options())
        .map_err(|fault| fault.render_with_formatter(&UserMessageFormatter))?;
    let mut app_ids = HashSet::new();
    let mut host: Option<String> = None;
    let mut accounts = Vec::with_capacity(raw.accounts.len());
    for (name, raw) in raw.accounts {
        let account = account(&name, raw).map_err(|fault| format!("accounts.{name}.{fault}"))?;
        if !app_ids.insert(account.app_id.clone()) {
            return Err(format!("accounts.{name}.app_id: {}", twice(&account.app_id)));
        }
        if account.cloud_hosting
            && let Some(host) = host.replace(name.clone())
        {
            return Err(format!("accounts.{name}.cloud_hosting: is set for `{host}` already: set it once"));
        }
        accounts.push(account);
    }
    let mut platforms = Vec::with_capacity(raw.platforms.len());
    let mut components = HashSet::new();
    for (name, raw) in raw.platforms {
        let platform = platform(&name, raw, &app_ids).map_err(|fault| format!("platforms.{name}.{fault}"))?;
        if app_ids.contains(&platform.app_id) || !components.insert(platform.app_id.clone()) {
            return Err(format!("platforms.{name}.component_app_id: {}", twice(&platform.app_id)));
        }
        platforms.push(platform);
    }
    let scenario = scenario(raw.token_lifetime, raw.token_overlap, raw.speed, accounts)?;
    Ok(Scenario { platforms, ..scenario })
}

fn twice(app_id: &AppId) -> String {
    let app_id = app_id.as_str();
    format!("`{app_id}` belongs to another account or platform: use each once")
}

fn scenario(
    lifetime: Option<Span>,
    overlap: Option<Span>,
    speed: Option<f64>,
    accounts: Vec<SimulatedAccount>,
) -> Result<Scenario, String> {
    let platform = Scenario::new(accounts);
    let token_lifetime = lifetime.map_or(platform.token_lifetime, |span| span.0);
    let token_overlap = overlap.map_or(platform.token_overlap, |span| span.0);
    if token_overlap >= token_lifetime {
        return Err(format!(
            "token_overlap: {token_overlap:?} is not below the token lifetime of {token_lifetime:?}: set it to less"
        ));
    }
    let speed = speed.unwrap_or(platform.speed);
    if !(speed.is_finite() && speed >= 0.0) {
        return Err(format!("speed: `{speed}` is not a factor: 1 is real time, 60 is an hour a minute"));
    }
    Ok(Scenario { token_lifetime, token_overlap, speed, ..platform })
}

fn account(name: &str, raw: RawAccount) -> Result<SimulatedAccount, String> {
    if AccountName::parse(name).is_none() {
        return Err(wrong("name", name, AccountName::RULE));
    }
    let Some(app_id) = AppId::parse(&raw.app_id) else {
        return Err(wrong("app_id", &raw.app_id, AppId::RULE));
    };
    if raw.secret.is_empty() {
        return Err("secret: is empty: any other text is right".to_owned());
    }
    Ok(SimulatedAccount {
        display_name: raw.display_name,
        counts: raw.counts.into(),
        growth_per_hour: raw.growth_per_hour.into(),
        drafts: raw.drafts.unwrap_or_default(),
        daily_calls: raw.daily_calls,
        used_today: raw.used_today,
        draft_daily_calls: raw.draft_daily_calls.or(raw.drafts.map(|_| DRAFT_DAILY_CALLS)),
        minute_calls: raw.minute_calls,
        refused_ip: raw.refused_ip,
        cloud: raw.cloud,
        cloud_hosting: raw.cloud_hosting,
        latency: latency(raw.latency),
        faults: faults(&raw.faults)?,
        ..SimulatedAccount::new(name, app_id, &raw.secret)
    })
}

fn latency(range: Option<Range>) -> Latency {
    range.map_or_else(Latency::default, |range| range.0)
}

fn faults(raw: &[RawFault]) -> Result<Vec<ScheduledFault>, String> {
    raw.iter().enumerate().map(|(i, raw)| fault(i, raw)).collect()
}

fn fault(index: usize, raw: &RawFault) -> Result<ScheduledFault, String> {
    let place = format!("faults[{index}].what");
    let fault = match raw.what {
        RawWhat::Latency(Range(latency)) => Fault::Latency(latency),
        RawWhat::Slow(Span(time)) => Fault::Slow(time),
        RawWhat::Reset => Fault::Reset,
        RawWhat::Http(status @ 300..=599) => Fault::Http(status),
        RawWhat::Http(status) => return Err(wrong(&place, status, "an HTTP status from 300 to 599")),
        RawWhat::Garbage => Fault::Garbage,
        RawWhat::Html => Fault::Html,
        RawWhat::TokenFlap => Fault::TokenFlap,
        RawWhat::Errcode(0) => return Err(wrong(&place, 0, "an errcode other than 0, such as 45009")),
        RawWhat::Errcode(code) => Fault::Errcode(code),
    };
    let calls = match raw.calls {
        RawCalls::All => Calls::All,
        RawCalls::Token => Calls::Token,
        RawCalls::Data => Calls::Data,
        RawCalls::Material => Calls::Material,
        RawCalls::Draft => Calls::Draft,
        RawCalls::Quota => Calls::Quota,
    };
    let after = raw.after.map_or(Duration::ZERO, |span| span.0);
    Ok(ScheduledFault { after, lasts: raw.lasts.map(|span| span.0), calls, fault })
}

fn wrong(key: &str, value: impl Display, right: &str) -> String {
    format!("{key}: `{value}` is not right: {right}")
}

impl<T: Copy> From<RawPerKind<T>> for PerKind<T> {
    fn from(raw: RawPerKind<T>) -> Self {
        Self::new(|kind| match kind {
            Kind::Voice => raw.voice,
            Kind::Video => raw.video,
            Kind::Image => raw.image,
            Kind::News => raw.news,
        })
    }
}
