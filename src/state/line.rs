//! One line of the state file: from bytes to a record and back. Pure.

use std::borrow::Cow;
use std::io;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::record::{Record, SavedAccount, SavedCollector, SavedList, SavedProfile};
use crate::clock::WallTime;
use crate::config::{AccountName, AppId, Kind, PerKind, PlatformName};
use crate::platform::Profile;
use crate::store::{Failing, LastPoll, MaterialCounts};
use crate::token::advice;
use crate::wechat::api::Api;
use crate::wechat::class::{ErrCode, ErrorClass};
use crate::wechat::collect::{ApiQuota, QuotaLimit};

/// The first line of every file that is written.
pub(super) const HEADER: &str = "{\"format\":\"wechat-material-exporter state\",\"version\":1}\n";
/// What [`HEADER`] names.
pub(super) const VERSION: u64 = 1;
const FORMAT: &str = "wechat-material-exporter state";

/// A line after the first.
#[derive(Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "short-lived, and mostly a record")]
pub(super) enum Line {
    /// Begins a batch.
    SavedAt(WallTime),
    /// A record of the batch.
    Record(Record),
}

/// The version that a first line names; nothing if the file is not ours.
pub(super) fn version(line: &[u8]) -> Option<u64> {
    let header: Header<'_> = serde_json::from_slice(line).ok()?;
    (header.format == FORMAT).then_some(header.version)
}

/// Reads a line after the first; nothing if it is corrupt.
pub(super) fn parse(line: &[u8]) -> Option<Line> {
    match serde_json::from_slice(line).ok()? {
        Wire::SavedAt(millis) => Some(Line::SavedAt(WallTime::from_millis(millis))),
        Wire::Account(account) => account.parse().map(|saved| Line::Record(Record::Account(saved))),
        Wire::Profile(profile) => profile.parse().map(|saved| Line::Record(Record::Profile(saved))),
        Wire::List(list) => list.parse().map(|saved| Line::Record(Record::List(saved))),
    }
}

/// The bytes of a batch of `records`, saved at `now`.
#[expect(single_use_lifetimes, reason = "an anonymous one is not stable here")]
pub(super) fn batch<'r>(records: impl Iterator<Item = &'r Record>, now: WallTime) -> io::Result<Vec<u8>> {
    let records = records.map(|record| match record {
        Record::Account(account) => Wire::Account(Box::new(account.into())),
        Record::Profile(profile) => Wire::Profile(profile.into()),
        Record::List(list) => Wire::List(list.into()),
    });
    let mut bytes = Vec::new();
    for line in [Wire::SavedAt(now.millis())].into_iter().chain(records) {
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

#[derive(Deserialize)]
struct Header<'a> {
    format: &'a str,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wire<'a> {
    SavedAt(i64),
    #[serde(borrow)]
    Account(Box<WireAccount<'a>>),
    Profile(WireProfile<'a>),
    List(WireList<'a>),
}

#[derive(Serialize, Deserialize)]
struct WireAccount<'a> {
    name: &'a str,
    app_id: &'a str,
    #[serde(borrow)]
    material: WireCollector<'a, WireCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    draft: Option<WireCollector<'a, u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<WireCollector<'a, Vec<WireQuota<'a>>>>,
}

#[derive(Serialize, Deserialize)]
struct WireCollector<'a, V> {
    #[serde(skip_serializing_if = "Option::is_none")]
    good: Option<WireGood<V>>,
    #[serde(borrow)]
    last: WireLast<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    park: Option<WirePark<'a>>,
    next: i64,
}

#[derive(Serialize, Deserialize)]
struct WirePark<'a> {
    #[serde(borrow)]
    class: Cow<'a, str>,
    n: u32,
}

#[derive(Serialize, Deserialize)]
struct WireGood<V> {
    value: V,
    at: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireLast<'a> {
    Pending,
    Succeeded,
    #[serde(borrow)]
    Failed(WireFailing<'a>),
}

#[derive(Serialize, Deserialize)]
struct WireFailing<'a> {
    class: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    errcode: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct WireCounts {
    voice: u64,
    video: u64,
    image: u64,
    news: u64,
}

#[derive(Serialize, Deserialize)]
struct WireQuota<'a> {
    api: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<WireLimit>,
    used: u64,
}

#[derive(Serialize, Deserialize)]
struct WireLimit {
    calls: u64,
    remaining: u64,
}

#[derive(Serialize, Deserialize)]
struct WireProfile<'a> {
    platform: &'a str,
    app_id: &'a str,
    auth_time: u64,
    asked_at: i64,
    #[serde(borrow)]
    found: WireFound<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireFound<'a> {
    MiniProgram,
    NotPermitted,
    Unavailable,
    Official {
        #[serde(borrow)]
        nickname: Cow<'a, str>,
    },
}

#[derive(Serialize, Deserialize)]
struct WireList<'a> {
    platform: &'a str,
    component_app_id: &'a str,
    read_at: i64,
}

impl<'a> From<&'a SavedAccount> for WireAccount<'a> {
    fn from(saved: &'a SavedAccount) -> Self {
        let SavedAccount { name, app_id, material, draft, quota } = saved;
        Self {
            name: name.as_str(),
            app_id: app_id.as_str(),
            material: WireCollector::new(material, WireCounts::from),
            draft: draft.as_ref().map(|draft| WireCollector::new(draft, |drafts| *drafts)),
            quota: quota.as_ref().map(|quota| {
                WireCollector::new(quota, |quotas| quotas.iter().map(WireQuota::from).collect())
            }),
        }
    }
}

impl WireAccount<'_> {
    fn parse(self) -> Option<SavedAccount> {
        let quotas = |quotas: Vec<WireQuota<'_>>| quotas.into_iter().map(WireQuota::parse).collect();
        Some(SavedAccount {
            name: AccountName::parse(self.name)?,
            app_id: AppId::parse(self.app_id)?,
            material: self.material.parse(|counts| Some(counts.into()))?,
            draft: match self.draft {
                Some(draft) => Some(draft.parse(Some)?),
                None => None,
            },
            quota: match self.quota {
                Some(quota) => Some(quota.parse(quotas)?),
                None => None,
            },
        })
    }
}

impl<'a, V> WireCollector<'a, V> {
    fn new<T>(saved: &'a SavedCollector<T>, value: impl Fn(&'a T) -> V) -> Self {
        let SavedCollector { last_good, last_poll, park, next } = saved;
        Self {
            good: last_good.as_ref().map(|(good, at)| WireGood { value: value(good), at: at.millis() }),
            last: last_poll.into(),
            park: park.map(|(class, n)| WirePark { class: class.label().into(), n }),
            next: next.millis(),
        }
    }

    fn parse<T>(self, value: impl FnOnce(V) -> Option<T>) -> Option<SavedCollector<T>> {
        Some(SavedCollector {
            last_good: match self.good {
                Some(good) => Some((value(good.value)?, WallTime::from_millis(good.at))),
                None => None,
            },
            last_poll: self.last.parse()?,
            park: match self.park {
                Some(park) => Some((ErrorClass::from_label(&park.class)?, park.n)),
                None => None,
            },
            next: WallTime::from_millis(self.next),
        })
    }
}

impl<'a> From<&'a LastPoll> for WireLast<'a> {
    fn from(last_poll: &'a LastPoll) -> Self {
        match last_poll {
            LastPoll::Pending => Self::Pending,
            LastPoll::Succeeded => Self::Succeeded,
            LastPoll::Failed(Failing { class, errcode, seen_ip, source }) => Self::Failed(WireFailing {
                class: class.label(),
                errcode: errcode.map(|code| code.0),
                seen_ip: *seen_ip,
                source: *source,
            }),
        }
    }
}

impl WireLast<'_> {
    fn parse(self) -> Option<LastPoll> {
        Some(match self {
            Self::Pending => LastPoll::Pending,
            Self::Succeeded => LastPoll::Succeeded,
            Self::Failed(WireFailing { class, errcode, seen_ip, source }) => LastPoll::Failed(Failing {
                class: ErrorClass::from_label(class)?,
                errcode: errcode.map(ErrCode),
                seen_ip,
                // Only there for the advice about it: without advice it may as well be unknown.
                source: source.and_then(advice::label),
            }),
        })
    }
}

impl From<&MaterialCounts> for WireCounts {
    fn from(counts: &MaterialCounts) -> Self {
        Self {
            voice: counts[Kind::Voice],
            video: counts[Kind::Video],
            image: counts[Kind::Image],
            news: counts[Kind::News],
        }
    }
}

impl From<WireCounts> for MaterialCounts {
    fn from(counts: WireCounts) -> Self {
        PerKind::new(|kind| match kind {
            Kind::Voice => counts.voice,
            Kind::Video => counts.video,
            Kind::Image => counts.image,
            Kind::News => counts.news,
        })
    }
}

impl<'a> From<&'a ApiQuota> for WireQuota<'a> {
    fn from(quota: &'a ApiQuota) -> Self {
        let limit = quota.limit.map(|QuotaLimit { calls, remaining }| WireLimit { calls, remaining });
        Self { api: quota.api.label(), limit, used: quota.used }
    }
}

impl WireQuota<'_> {
    fn parse(self) -> Option<ApiQuota> {
        let limit = self.limit.map(|WireLimit { calls, remaining }| QuotaLimit { calls, remaining });
        Some(ApiQuota { api: Api::from_label(self.api)?, limit, used: self.used })
    }
}

impl<'a> From<&'a SavedProfile> for WireProfile<'a> {
    fn from(saved: &'a SavedProfile) -> Self {
        Self {
            platform: saved.platform.as_str(),
            app_id: saved.app_id.as_str(),
            auth_time: saved.auth_time,
            asked_at: saved.asked_at.millis(),
            found: match &saved.profile {
                Profile::MiniProgram => WireFound::MiniProgram,
                Profile::NotPermitted => WireFound::NotPermitted,
                Profile::Unavailable => WireFound::Unavailable,
                Profile::Official { nickname } => WireFound::Official { nickname: Cow::Borrowed(nickname) },
            },
        }
    }
}

impl WireProfile<'_> {
    fn parse(self) -> Option<SavedProfile> {
        Some(SavedProfile {
            platform: PlatformName::parse(self.platform)?,
            app_id: AppId::parse(self.app_id)?,
            auth_time: self.auth_time,
            asked_at: WallTime::from_millis(self.asked_at),
            profile: match self.found {
                WireFound::MiniProgram => Profile::MiniProgram,
                WireFound::NotPermitted => Profile::NotPermitted,
                WireFound::Unavailable => Profile::Unavailable,
                WireFound::Official { nickname } => Profile::official(&nickname),
            },
        })
    }
}

impl<'a> From<&'a SavedList> for WireList<'a> {
    fn from(saved: &'a SavedList) -> Self {
        let SavedList { platform, component_app_id, read_at } = saved;
        Self {
            platform: platform.as_str(),
            component_app_id: component_app_id.as_str(),
            read_at: read_at.millis(),
        }
    }
}

impl WireList<'_> {
    fn parse(self) -> Option<SavedList> {
        Some(SavedList {
            platform: PlatformName::parse(self.platform)?,
            component_app_id: AppId::parse(self.component_app_id)?,
            read_at: WallTime::from_millis(self.read_at),
        })
    }
}

#[cfg(test)]
mod tests;
