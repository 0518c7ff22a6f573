//! What is kept over a restart. Never a secret, a token, or text from outside but a nickname.

use crate::clock::WallTime;
use crate::config::{AccountName, AppId, PlatformName};
use crate::platform::Profile;
use crate::store::{LastPoll, MaterialCounts};
use crate::wechat::class::ErrorClass;
use crate::wechat::collect::ApiQuota;

/// One line of the state file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "almost all are accounts")]
pub enum Record {
    /// What is known of an account, in place of what was known before.
    Account(SavedAccount),
    /// What is known of an authorizer, in place of what was known before.
    Profile(SavedProfile),
    /// When a platform's list was read, in place of the time before.
    List(SavedList),
}

/// What a record is about: a newer one takes its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// An account.
    Account(AccountName),
    /// An authorizer of a platform.
    Profile(PlatformName, AppId),
    /// The list of a platform.
    List(PlatformName),
}

impl Record {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Account(account) => Key::Account(account.name.clone()),
            Self::Profile(profile) => Key::Profile(profile.platform.clone(), profile.app_id.clone()),
            Self::List(list) => Key::List(list.platform.clone()),
        }
    }
}

/// What is kept of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedAccount {
    /// The operator's name for it.
    pub name: AccountName,
    /// `WeChat`'s name for it: under another one it is another account.
    pub app_id: AppId,
    /// The material counts.
    pub material: SavedCollector<MaterialCounts>,
    /// The number of drafts, if that is collected.
    pub draft: Option<SavedCollector<u64>>,
    /// The daily quotas, if they are collected.
    pub quota: Option<SavedCollector<Box<[ApiQuota]>>>,
}

/// What is kept of one collector of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCollector<T> {
    /// The last good value, and when it was right.
    pub last_good: Option<(T, WallTime)>,
    /// How the last poll ended.
    pub last_poll: LastPoll,
    /// Why it waits, where it does for a failure, be it its own or that of the account's token: the
    /// class, and how many failed polls of it came in a row before the last.
    pub park: Option<(ErrorClass, u32)>,
    /// When it is polled next. Of a poll that runs: when the next one is.
    pub next: WallTime,
}

/// What a third-party platform said of one of its authorizers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedProfile {
    /// The platform.
    pub platform: PlatformName,
    /// The authorizer.
    pub app_id: AppId,
    /// When it was authorised last, in Unix seconds, as the list said when the profile was asked for.
    pub auth_time: u64,
    /// When the profile was asked for.
    pub asked_at: WallTime,
    /// The profile.
    pub profile: Profile,
}

/// When the list of a third-party platform's authorizers was read last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedList {
    /// The operator's name for the platform.
    pub platform: PlatformName,
    /// `WeChat`'s name for it: under another one it is another platform.
    pub component_app_id: AppId,
    /// When the whole list had come.
    pub read_at: WallTime,
}
