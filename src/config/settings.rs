//! The settings that are not an account's: `api`, `poll`, `limits` and `info_labels`.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::account::{BaseUrl, Kind, Limits, PerKind, Pool};
use super::fault::{Place, Report};
use super::secrets::{PROXY, Variables, non_empty, small_file, why_unreadable};
use super::section::{Section, Span};
use crate::secret::SecretSource;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const INTERVAL: Span =
    Span { least: Duration::from_secs(1), most: Duration::from_secs(DAY), text: "`1s` to `24h`" };
const HOLD: Span =
    Span { least: Duration::from_secs(1), most: Duration::from_secs(366 * DAY), text: "`1s` to `8784h`" };
const TIMEOUT: Span =
    Span { least: Duration::from_millis(100), most: Duration::from_secs(60), text: "`100ms` to `60s`" };

/// Below this an account that is parked until the next day (UTC+8) loses its values.
const DOUBTFUL_HOLD: Duration = Duration::from_secs(26 * HOUR);

const MOST_ITEMS: u64 = 1_000_000_000_000;
const MOST_REQUESTS: u32 = 1_000_000;
const MOST_IN_FLIGHT: u32 = 100_000;
const MOST_INFO_LABELS: usize = 10;

/// The labels of our own metrics, and those that Prometheus adds to every series.
const RESERVED_LABELS: [&str; 14] = [
    "account",
    "app_id",
    "display_name",
    "source",
    "platform",
    "kind",
    "pool",
    "class",
    "errcode",
    "api",
    "collector",
    "state",
    "job",
    "instance",
];

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_BASE_URL: &str = "https://api.weixin.qq.com";
const DEFAULT_FALLBACK: &str = "https://api2.weixin.qq.com";

/// Whether calls go to the official API.
pub(super) fn is_default(base_url: &BaseUrl) -> bool {
    BaseUrl::parse(DEFAULT_BASE_URL).as_ref() == Some(base_url)
}

/// The official API's second host.
pub(super) fn default_fallback() -> Option<BaseUrl> {
    BaseUrl::parse(DEFAULT_FALLBACK)
}

/// Everything but accounts. What is faulty has its default, so that reading can go on.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) api: Api,
    pub(super) poll: Poll,
    pub(super) limits: Limits,
    pub(super) info_labels: Vec<String>,
}

/// The map `api`.
#[derive(Debug)]
pub(super) struct Api {
    /// Nothing only if it is faulty.
    pub(super) base_url: Option<BaseUrl>,
    pub(super) fallback: Option<BaseUrl>,
    pub(super) proxy: Option<SecretSource>,
    pub(super) allow_http: bool,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) requests_per_second: Option<NonZeroU32>,
    /// Where the rate was given.
    pub(super) requests_place: Place,
    pub(super) max_in_flight: Option<u32>,
    pub(super) ca_file: Option<PathBuf>,
}

/// The map `poll`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    pub(super) interval: Duration,
    pub(super) hold: Duration,
}

impl Default for Poll {
    fn default() -> Self {
        Self { interval: Duration::from_secs(10 * MINUTE), hold: Duration::from_secs(72 * HOUR) }
    }
}

/// The keys of `poll` as they stand in it or in an account.
#[derive(Debug)]
pub(super) struct PollKeys {
    interval: Option<Duration>,
    hold: Option<Duration>,
    /// Whether all that stands there could be read, so that it can be compared.
    is_sound: bool,
}

impl PollKeys {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let given = ["interval", "hold"].map(|key| section.has(key));
        let interval = section.duration("interval", INTERVAL);
        let hold = section.duration("hold", HOLD);
        Self { interval, hold, is_sound: given == [interval.is_some(), hold.is_some()] }
    }

    /// These keys over `base`, checked if any of them is set.
    pub(super) fn over(&self, base: Poll, place: impl Fn(&str) -> Place, report: &Report) -> Poll {
        let interval = self.interval.unwrap_or(base.interval);
        let hold = self.hold.unwrap_or(base.hold);
        let is_set = self.interval.is_some() || self.hold.is_some();
        if self.is_sound && is_set && hold < interval {
            let at = place(if self.hold.is_some() { "hold" } else { "interval" });
            let wrong = "values are held for less than one interval";
            report.fault(&at, wrong, "let `hold` be at least `interval`");
        } else if self.hold.is_some() && hold < DOUBTFUL_HOLD {
            let doubtful = "values are gone when an account has to wait for its next daily quota";
            report.warn(&place("hold"), doubtful, "let `hold` be at least `26h`");
        }
        Poll { interval, hold }
    }
}

/// The keys of `limits` as they stand in it or in an account.
#[derive(Debug)]
pub(super) struct LimitKeys {
    items: PerKind<Option<u64>>,
    pooled: Option<bool>,
    /// Whether all that stands there could be read, so that it can be compared.
    is_sound: bool,
}

impl LimitKeys {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let given = PerKind::new(|kind| section.has(kind.label()));
        let items = PerKind::new(|kind| section.whole(kind.label(), MOST_ITEMS));
        let is_sound = Kind::ALL.into_iter().all(|kind| given[kind] == items[kind].is_some());
        Self { items, pooled: section.boolean("pooled"), is_sound }
    }

    /// These keys over `base`, checked if any of them is set.
    pub(super) fn over(&self, base: Limits, place: impl Fn(&str) -> Place, report: &Report) -> Limits {
        let items = PerKind::new(|kind| self.items[kind].unwrap_or(base.items[kind]));
        let pooled = self.pooled.unwrap_or(base.pooled);
        let is_set = |kind: Kind| self.items[kind].is_some();
        for kinds in Pool::ALL.map(Pool::kinds) {
            let [first, second] = kinds;
            let concerned = self.pooled.is_some() || is_set(first) || is_set(second);
            if self.is_sound && concerned && pooled && items[first] != items[second] {
                let key = kinds.into_iter().find(|kind| is_set(*kind)).map_or("pooled", Kind::label);
                let wrong = format!("`{}` and `{}` share one limit", first.label(), second.label());
                report.fault(&place(key), wrong, "give both the same number, or set `pooled` to `false`");
            }
        }
        Limits { items, pooled }
    }
}

impl Settings {
    /// Takes the keys of `root` but `accounts`.
    pub(super) fn read(root: &mut Section<'_>, variables: &Variables<'_>, report: &Report) -> Self {
        let mut section =
            |key| root.section(key).unwrap_or_else(|| Section::empty(String::from(key), report));
        let api = Api::read(section("api"), variables);
        let mut keys = section("poll");
        let poll = PollKeys::read(&mut keys).over(Poll::default(), |key| keys.place(key), report);
        keys.finish();
        let mut keys = section("limits");
        let limits = LimitKeys::read(&mut keys).over(Limits::default(), |key| keys.place(key), report);
        keys.finish();
        let info_labels = read_info_labels(root);
        Self { api, poll, limits, info_labels }
    }
}

impl Api {
    fn read(mut section: Section<'_>, variables: &Variables<'_>) -> Self {
        let allow_http = section.boolean("allow_http").unwrap_or(false);
        let (base_url, fallback) = read_base_urls(&mut section, allow_http);
        let (timeout, connect_timeout) = read_timeouts(&mut section);
        let requests_per_second = section.whole("requests_per_second", MOST_REQUESTS.into());
        let max_in_flight = section.whole("max_in_flight", MOST_IN_FLIGHT.into());
        let api = Self {
            base_url,
            fallback,
            proxy: PROXY.read(&mut section, variables),
            allow_http,
            timeout,
            connect_timeout,
            requests_per_second: requests_per_second
                .and_then(|n| u32::try_from(n).ok())
                .and_then(NonZeroU32::new),
            requests_place: section.place("requests_per_second"),
            max_in_flight: max_in_flight.and_then(|n| u32::try_from(n).ok()),
            ca_file: read_ca_file(&mut section),
        };
        section.finish();
        api
    }
}

fn read_base_urls(section: &mut Section<'_>, allow_http: bool) -> (Option<BaseUrl>, Option<BaseUrl>) {
    let is_set = section.has("base_url");
    let own = section.text("base_url", "a base URL", BASE_URL_RULE, BaseUrl::parse);
    let base_url = if is_set { own } else { BaseUrl::parse(DEFAULT_BASE_URL) };
    let has_fallback = section.has("fallback_base_url");
    let own = section.text("fallback_base_url", "a base URL", BASE_URL_RULE, BaseUrl::parse);
    let is_official = base_url.as_ref().is_some_and(is_default);
    let fallback = if is_official && !has_fallback { default_fallback() } else { own };
    for (key, url) in [("base_url", &base_url), ("fallback_base_url", &fallback)] {
        if let Some(url) = url {
            match encryption(url, allow_http) {
                Encryption::Fine => {}
                Encryption::Doubtful => section.warn(key, PLAIN_HTTP, "use `https`"),
                Encryption::Missing => section.fault(key, PLAIN_HTTP, HTTP_RULE),
            }
        }
    }
    if fallback.is_some() && fallback == base_url {
        section.fault("fallback_base_url", "the same as `base_url`", "name another host, or remove it");
    }
    (base_url, fallback)
}

/// What would be right for a base URL.
pub(super) const BASE_URL_RULE: &str = "write `https://HOST[:PORT][/PATH]` without user, query and fragment";
/// What is wrong with a base URL that is not encrypted.
pub(super) const PLAIN_HTTP: &str = "secrets and tokens would travel unencrypted";
/// What would be right instead.
pub(super) const HTTP_RULE: &str = "use `https`, or set `allow_http: true` under `api`";

/// Whether a base URL may be used.
#[derive(Clone, Copy, Debug)]
pub(super) enum Encryption {
    Fine,
    Doubtful,
    Missing,
}

/// Plain `http` is fine on this machine, and doubtful where it was allowed.
pub(super) fn encryption(url: &BaseUrl, allow_http: bool) -> Encryption {
    match (url.is_http() && !url.is_loopback(), allow_http) {
        (false, _) => Encryption::Fine,
        (true, true) => Encryption::Doubtful,
        (true, false) => Encryption::Missing,
    }
}

fn read_timeouts(section: &mut Section<'_>) -> (Duration, Duration) {
    let is_set = section.has("timeout");
    let own = section.duration("timeout", TIMEOUT);
    let timeout = own.unwrap_or(DEFAULT_TIMEOUT);
    let Some(connect_timeout) = section.duration("connect_timeout", TIMEOUT) else {
        return (timeout, timeout.min(DEFAULT_CONNECT_TIMEOUT));
    };
    if is_set == own.is_some() && connect_timeout > timeout {
        section.fault("connect_timeout", "longer than `timeout`", "let it be at most `timeout`");
    }
    (timeout, connect_timeout)
}

fn read_ca_file(section: &mut Section<'_>) -> Option<PathBuf> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    let path = PathBuf::from(section.text("ca_file", "a path", "write the path of a PEM file", non_empty)?);
    let text = small_file(&path)
        .and_then(|_| std::fs::read_to_string(&path).map_err(|error| why_unreadable(error.kind())));
    match text {
        Err(wrong) => section.fault("ca_file", wrong, "name a PEM file that this user can read"),
        Ok(text) if !text.contains(BEGIN) => {
            section.fault("ca_file", "a file without a certificate", "name a PEM file with at least one");
        }
        Ok(_) => return Some(path),
    }
    None
}

fn read_info_labels(root: &mut Section<'_>) -> Vec<String> {
    const KEY: &str = "info_labels";
    let labels = root.texts(KEY, "write label names, such as `[team, region]`").unwrap_or_default();
    if labels.len() > MOST_INFO_LABELS {
        root.fault(KEY, "too many label names", format_args!("keep at most {MOST_INFO_LABELS}"));
    }
    if !labels.iter().all(|label| is_label_name(label)) {
        let right = "use letters, digits and `_`, with no digit first and no `__` first";
        root.fault(KEY, "an item that is not a label name", right);
    }
    if labels.iter().any(|label| RESERVED_LABELS.contains(&label.as_str())) {
        let right = format!("use none of {}", RESERVED_LABELS.join(", "));
        root.fault(KEY, "a label name that has a meaning already", right);
    }
    let mut seen = HashSet::new();
    if !labels.iter().all(|label| seen.insert(label)) {
        root.fault(KEY, "a label name that stands twice", "keep one of them");
    }
    labels
}

fn is_label_name(text: &str) -> bool {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && !text.starts_with("__") && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
