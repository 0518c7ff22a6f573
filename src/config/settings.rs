//! The settings that are not an account's: `api`, `poll`, `limits`, `budget` and `info_labels`.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::account::{BaseUrl, Limits};
use super::budget::BudgetSettings;
use super::fault::{Place, Report};
use super::keys::{LimitKeys, Poll, PollKeys};
use super::secret_keys::PROXY;
use super::secrets::{Variables, non_empty, small_file, why_unreadable};
use super::section::{Section, Span};
use crate::secret::SecretSource;

const TIMEOUT: Span =
    Span { least: Duration::from_millis(100), most: Duration::from_secs(60), text: "`100ms` to `60s`" };

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

/// Where the sidecar of 微信云托管 listens in: it cannot see into `https`.
pub(super) fn cloud_hosting_base_url() -> Option<BaseUrl> {
    BaseUrl::parse("http://api.weixin.qq.com")
}

/// Whether calls go to the official API.
pub(super) fn is_default(base_url: &BaseUrl) -> bool {
    BaseUrl::parse(DEFAULT_BASE_URL).as_ref() == Some(base_url)
}

/// The official API's second host.
pub(super) fn default_fallback() -> Option<BaseUrl> {
    BaseUrl::parse(DEFAULT_FALLBACK)
}

/// Everything but accounts and platforms. What is faulty has its default, so that reading can go on.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) api: Api,
    pub(super) poll: Poll,
    pub(super) limits: Limits,
    pub(super) budget: BudgetSettings,
    pub(super) info_labels: Vec<String>,
}

/// The map `api`.
#[derive(Debug)]
pub(super) struct Api {
    /// Nothing only if it is faulty.
    pub(super) base_url: Option<BaseUrl>,
    /// Whether it stands in the configuration.
    pub(super) is_base_url_set: bool,
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

impl Settings {
    /// Takes the keys of `root` but those that say which accounts there are.
    pub(super) fn read(root: &mut Section<'_>, variables: &Variables<'_>, report: &Report) -> Self {
        let mut section =
            |key| root.section(key).unwrap_or_else(|| Section::empty(String::from(key), report));
        let api = Api::read(section("api"), variables);
        let mut keys = section("poll");
        let poll = PollKeys::read(&mut keys).over(Poll::default(), |key| keys.place(key), report);
        let budget = BudgetSettings::read(section("budget"), &keys);
        keys.finish();
        let mut keys = section("limits");
        let limits = LimitKeys::read(&mut keys).over(Limits::default(), |key| keys.place(key), report);
        keys.finish();
        let info_labels = read_info_labels(root);
        Self { api, poll, limits, budget, info_labels }
    }
}

impl Api {
    fn read(mut section: Section<'_>, variables: &Variables<'_>) -> Self {
        let allow_http = section.boolean("allow_http").unwrap_or(false);
        let is_base_url_set = section.has("base_url");
        let (base_url, fallback) = read_base_urls(&mut section, allow_http);
        let (timeout, connect_timeout) = read_timeouts(&mut section);
        let requests_per_second = section.whole("requests_per_second", MOST_REQUESTS.into());
        let max_in_flight = section.whole("max_in_flight", MOST_IN_FLIGHT.into());
        let api = Self {
            base_url,
            is_base_url_set,
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
        return (timeout, DEFAULT_CONNECT_TIMEOUT.min(timeout * 4 / 5));
    };
    // When both are over at once, nobody can tell that it was the connection that did not stand.
    if is_set == own.is_some() && connect_timeout >= timeout {
        section.fault("connect_timeout", "not shorter than `timeout`", "let it be shorter than `timeout`");
    }
    (timeout, connect_timeout)
}

/// The path under `ca_file`, if there is a certificate in that file.
pub(super) fn read_ca_file(section: &mut Section<'_>) -> Option<PathBuf> {
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
