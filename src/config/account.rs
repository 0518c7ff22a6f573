//! One account and the types it is made of. Constructors parse: a value that exists is valid.

use std::fmt;
use std::net::IpAddr;
use std::ops::Index;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::share::Budget;
use crate::config::token::TokenSource;
use crate::secret::SecretSource;
use crate::shard::Shard;

/// The name an operator gave an account; the `account` label. `[a-z0-9_-]{1,64}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(Arc<str>);

impl AccountName {
    /// What is allowed, for error messages.
    pub const RULE: &str = "1 to 64 of the characters a-z, 0-9, `_` and `-`";

    /// A valid name, or nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// Any text as a name, for tests of what must not rely on the rule.
    #[cfg(test)]
    pub(crate) fn unchecked(text: &str) -> Self {
        Self(text.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account's place on the ring of 2⁶⁴: the same on every machine, so that rounds, jitter
    /// and shards do not move with a restart.
    pub fn place(&self) -> u64 {
        xxh3_64(self.0.as_bytes())
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `WeChat`'s identifier of an account: `wx` and 8 to 30 lower-case letters or digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(Arc<str>);

impl AppId {
    /// The place on the ring of a discovered account, which is named by its app id.
    pub fn place(&self) -> u64 {
        xxh3_64(self.0.as_bytes())
    }

    /// What is allowed, for error messages.
    pub const RULE: &str = "`wx` and 8 to 30 lower-case letters or digits";

    /// A valid app id, or nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("wx")?;
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        ((8..=30).contains(&rest.len()) && rest.bytes().all(allowed)).then(|| Self(text.into()))
    }

    /// The app id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A kind of permanent material; the `kind` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 语音
    Voice,
    /// 视频
    Video,
    /// 图片
    Image,
    /// 图文
    News,
}

impl Kind {
    /// All kinds, in the order of the API's answer.
    pub const ALL: [Self; 4] = [Self::Voice, Self::Video, Self::Image, Self::News];

    /// The value of the `kind` label; also the key under `limits`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Image => "image",
            Self::News => "news",
        }
    }
}

/// One `T` for each [`Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerKind<T>([T; 4]);

impl<T> PerKind<T> {
    /// Makes each value from its kind.
    pub fn new(make: impl FnMut(Kind) -> T) -> Self {
        Self(Kind::ALL.map(make))
    }
}

impl<T> Index<Kind> for PerKind<T> {
    type Output = T;

    fn index(&self, kind: Kind) -> &T {
        &self.0[kind as usize]
    }
}

/// Two kinds that share one limit when `pooled` is set; the `pool` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// Images and news.
    ImageNews,
    /// Voice and video.
    VoiceVideo,
}

impl Pool {
    /// Both pools.
    pub const ALL: [Self; 2] = [Self::ImageNews, Self::VoiceVideo];

    /// The value of the `pool` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ImageNews => "image_news",
            Self::VoiceVideo => "voice_video",
        }
    }

    /// The kinds in it. The first one's limit is the pool's.
    pub const fn kinds(self) -> [Kind; 2] {
        match self {
            Self::ImageNews => [Kind::Image, Kind::News],
            Self::VoiceVideo => [Kind::Voice, Kind::Video],
        }
    }

    /// Items of both kinds in it.
    pub fn items(self, counts: &PerKind<u64>) -> u64 {
        let [first, second] = self.kinds();
        counts[first].saturating_add(counts[second])
    }
}

/// Storage limits of an account, in items. The defaults are those of the official page of
/// `get_materialcount`: 100000 for images and news, 1000 for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most items of each kind; never 0.
    pub items: PerKind<u64>,
    /// Whether the two kinds of each [`Pool`] share one limit.
    pub pooled: bool,
}

impl Default for Limits {
    fn default() -> Self {
        let items = PerKind::new(|kind| match kind {
            Kind::Voice | Kind::Video => 1_000,
            Kind::Image | Kind::News => 100_000,
        });
        Self { items, pooled: false }
    }
}

impl Limits {
    /// The common limit of the pool's kinds, if they have one.
    pub fn of_pool(&self, pool: Pool) -> Option<u64> {
        let [first, _] = pool.kinds();
        self.pooled.then(|| self.items[first])
    }
}

/// The scheme, host and optional path before every API path. Printed as scheme and host only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// What is allowed, for error messages.
    pub const RULE: &str = "`https://HOST[:PORT][/PATH]` without user, query and fragment";

    /// A valid base URL, or nothing. Plain `http` is parsed too: whether it may be used is the
    /// configuration's decision.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let plain = url.username().is_empty() && url.password().is_none();
        let bare = url.query().is_none() && url.fragment().is_none() && url.has_host();
        (plain && bare && matches!(url.scheme(), "http" | "https")).then_some(Self(url))
    }

    /// The address of an API path, which begins with `/`.
    pub(crate) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let full = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&full);
        url
    }

    /// Whether calls travel unencrypted.
    pub fn is_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// How an account's calls leave this machine. Shared by the accounts that use the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Where calls go.
    pub base_url: BaseUrl,
    /// Where they go while `base_url` cannot be reached.
    pub fallback: Option<BaseUrl>,
    /// The proxy's URL, which may hold a password.
    pub proxy: Option<SecretSource>,
}

impl Endpoint {
    /// Where calls may go: the base URL, and its fallback if there is one.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &BaseUrl> {
        std::iter::once(&self.base_url).chain(&self.fallback)
    }
}

/// One account to poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The operator's name for it.
    pub name: AccountName,
    /// `WeChat`'s name for it.
    pub app_id: AppId,
    /// Any text up to 200 bytes, or empty; on `wechat_account_info` and the status page only.
    pub display_name: Box<str>,
    /// One value for each of `Config::info_labels`, in that order; an empty one where the account
    /// sets none.
    pub info_labels: Box<[Box<str>]>,
    /// Time between two polls.
    pub interval: Duration,
    /// What is collected beside material, and how often.
    pub collect: Collect,
    /// How long the last good counts stay on the page without a success.
    pub hold: Duration,
    /// Storage limits.
    pub limits: Limits,
    /// The quota that polls share with the account's own systems.
    pub budget: Budget,
    /// The shard that polls it, where that is not left to its name.
    pub shard: Option<u32>,
    /// Where calls go.
    pub endpoint: Arc<Endpoint>,
    /// Where the token comes from.
    pub token: TokenSource,
}

impl Account {
    /// The account where the label names that were `before` are now `after`: each value stays with
    /// its name, and a new name has an empty one.
    pub(crate) fn relabelled(self: &Arc<Self>, before: &[String], after: &[String]) -> Arc<Self> {
        if before == after {
            return Arc::clone(self);
        }
        let value = |label| {
            let at = before.iter().position(|known| known == label)?;
            self.info_labels.get(at).cloned()
        };
        let info_labels = after.iter().map(|label| value(label).unwrap_or_default()).collect();
        Arc::new(Self { info_labels, ..Self::clone(self) })
    }

    /// Whether `shard` polls it.
    pub fn is_of(&self, shard: Shard) -> bool {
        shard.owns(self.name.place(), self.shard)
    }
}

/// What is collected beside material: the interval of each optional collector that is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collect {
    /// `draft`: `poll.draft_interval`.
    pub draft: Option<Duration>,
    /// `quota`: `poll.quota_interval`.
    pub quota: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_app_ids_keep_their_rules() {
        for good in ["a", "007", "brand-main_2", &"x".repeat(64)] {
            assert!(AccountName::parse(good).is_some(), "{good}");
        }
        for bad in ["", "A", "a b", "é", "a.b", &"x".repeat(65)] {
            assert!(AccountName::parse(bad).is_none(), "{bad}");
        }
        for good in ["wx0123456789abcdef", "wx01234567", &format!("wx{}", "0".repeat(30))] {
            assert!(AppId::parse(good).is_some(), "{good}");
        }
        for bad in ["wx0123456", "wX0123456789abcdef", "0123456789abcdef", &format!("wx{}", "0".repeat(31))] {
            assert!(AppId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_base_url_prints_scheme_and_host_and_keeps_its_path() {
        let url = BaseUrl::parse("https://proxy.internal:8443/wechat/").unwrap();
        assert_eq!(url.to_string(), "https://proxy.internal:8443");
        assert_eq!(url.join("/cgi-bin/token").as_str(), "https://proxy.internal:8443/wechat/cgi-bin/token");
        for bad in ["ftp://x", "https://user:pw@x", "https://x?a=b", "x.y", "https://", "https://x#f"] {
            assert!(BaseUrl::parse(bad).is_none(), "{bad}");
        }
    }
}
