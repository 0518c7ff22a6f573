//! What is known of each account: written by the scheduler, read by the pages.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::WallTime;
use crate::config::{Account, AccountName, Config, PerKind, PlatformName};
use crate::token::advice::advice;
use crate::wechat::class::{Bilingual, ErrCode, ErrorClass};
use crate::wechat::collect::ApiQuota;

/// The four counts of one answer, in items.
pub type MaterialCounts = PerKind<u64>;

/// Counts and when they were right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastGood {
    /// The counts of the last successful poll.
    pub counts: MaterialCounts,
    /// When that poll ended.
    pub at: WallTime,
}

/// Why an account's last poll failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// What is done about it.
    pub class: ErrorClass,
    /// `WeChat`'s number, when there is one.
    pub errcode: Option<ErrCode>,
    /// The egress address `WeChat` saw, when it named one.
    pub seen_ip: Option<IpAddr>,
    /// The label of the token source that failed, when it was not the API.
    pub source: Option<&'static str>,
}

impl Failing {
    /// What the operator does about it.
    pub fn remedy(&self) -> Bilingual {
        self.source.and_then(advice).unwrap_or(self.class.row().remedy)
    }
}

/// How the last poll ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastPoll {
    /// No poll has ended yet.
    Pending,
    /// It brought counts.
    Succeeded,
    /// It did not.
    Failed(Failing),
}

/// What an optional collector brought last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionalReadings<T> {
    /// The last good value, and when it was right.
    pub last_good: Option<(T, WallTime)>,
    /// How the last poll of this collector ended.
    pub last_poll: LastPoll,
}

impl<T> Default for OptionalReadings<T> {
    fn default() -> Self {
        Self { last_good: None, last_poll: LastPoll::Pending }
    }
}

impl<T> OptionalReadings<T> {
    /// The last good value, unless it is further than `hold` from `now`.
    pub fn held(&self, hold: Duration, now: WallTime) -> Option<&T> {
        self.last_good.as_ref().filter(|(_, at)| is_held(*at, hold, now)).map(|(value, _)| value)
    }
}

/// Whether a value that was right at `at` may be shown. One from the future is as old as nobody
/// knows: the clock was wrong then, or is now.
fn is_held(at: WallTime, hold: Duration, now: WallTime) -> bool {
    now.since(at).max(at.since(now)) <= hold
}

/// Everything the pages show of one account. Immutable: a poll publishes a new one.
#[derive(Clone, Debug)]
pub struct Readings {
    /// The account's settings.
    pub account: Arc<Account>,
    /// The last good counts; none before the first success.
    pub last_good: Option<LastGood>,
    /// How the last poll ended.
    pub last_poll: LastPoll,
    /// When material is polled next.
    pub next_poll: WallTime,
    /// Time between two polls of material: the account's interval, or longer while its quota is short.
    pub interval: Duration,
    /// The number of drafts, if that is collected.
    pub draft: Option<Box<OptionalReadings<u64>>>,
    /// The daily quotas, if they are collected.
    pub quota: Option<Box<OptionalReadings<Box<[ApiQuota]>>>>,
    /// Polls of material that ended.
    pub polls: u64,
    /// Polls that failed, out of `polls`.
    pub failures: u64,
    /// Tokens fetched.
    pub token_refreshes: u64,
    /// Tokens refused on a data call.
    pub token_rejections: u64,
    /// Until when the token is valid that is held, where it was fetched here.
    pub token_until: Option<WallTime>,
}

impl Readings {
    /// An account that was never polled and is due at `next_poll`.
    pub fn new(account: Arc<Account>, next_poll: WallTime) -> Self {
        Self {
            draft: account.collect.draft.map(|_| Box::default()),
            quota: account.collect.quota.map(|_| Box::default()),
            interval: account.interval,
            account,
            last_good: None,
            last_poll: LastPoll::Pending,
            next_poll,
            polls: 0,
            failures: 0,
            token_refreshes: 0,
            token_rejections: 0,
            token_until: None,
        }
    }

    /// How the last poll of each collector ended.
    pub fn last_polls(&self) -> impl Iterator<Item = &LastPoll> {
        let optional = [
            self.draft.as_deref().map(|draft| &draft.last_poll),
            self.quota.as_deref().map(|quota| &quota.last_poll),
        ];
        std::iter::once(&self.last_poll).chain(optional.into_iter().flatten())
    }

    /// The last good counts, unless they are further than the account's `hold` from `now`: then
    /// they are no longer shown.
    pub fn held(&self, now: WallTime) -> Option<&LastGood> {
        self.last_good.as_ref().filter(|good| is_held(good.at, self.account.hold, now))
    }
}

/// What became of an authorizer that a platform's list named; the `state` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthorizerState {
    /// It is an account of ours.
    Polled,
    /// It is a mini program, which has no material.
    MiniProgram,
    /// Neither permission set 11 nor 100 was granted.
    NoPermission,
    /// The list holds no refresh token, and no other source of tokens is configured.
    NoRefreshToken,
    /// It is polled through another platform, or listed by hand.
    Duplicate,
}

impl AuthorizerState {
    /// All of them, in the order of the enum.
    pub const ALL: [Self; 5] =
        [Self::Polled, Self::MiniProgram, Self::NoPermission, Self::NoRefreshToken, Self::Duplicate];

    /// The value of the `state` label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Polled => "polled",
            Self::MiniProgram => "mini_program",
            Self::NoPermission => "no_permission",
            Self::NoRefreshToken => "no_refresh_token",
            Self::Duplicate => "duplicate",
        }
    }
}

/// Everything the pages show of one third-party platform.
#[derive(Clone, Debug)]
pub struct PlatformReadings {
    /// Its name.
    pub name: PlatformName,
    /// How the last component call ended.
    pub last_call: LastPoll,
    /// Authorizers by state, in the order of [`AuthorizerState::ALL`]; none before the first
    /// complete round of discovery.
    pub authorizers: Option<[u64; AuthorizerState::ALL.len()]>,
}

/// The readings of all accounts, by name.
#[derive(Debug)]
pub struct Store {
    fleet: RwLock<Fleet>,
    platforms: RwLock<BTreeMap<PlatformName, Arc<PlatformReadings>>>,
    config: RwLock<Option<Arc<Config>>>,
    config_faults: RwLock<Arc<[String]>>,
    changes: watch::Sender<u64>,
}

/// What changes as one, so that no page shows the old half of one and the new half of the other.
#[derive(Debug, Default)]
struct Fleet {
    readings: BTreeMap<AccountName, Arc<Readings>>,
    info_labels: Arc<[String]>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            fleet: RwLock::default(),
            platforms: RwLock::default(),
            config: RwLock::default(),
            config_faults: RwLock::default(),
            changes: watch::Sender::new(0),
        }
    }
}

impl Store {
    /// Replaces what is known of one account.
    pub fn publish(&self, readings: Arc<Readings>) {
        let name = readings.account.name.clone();
        self.write(|fleet| _ = fleet.readings.insert(name, readings));
    }

    /// Forgets one account: its series are gone at the next scrape.
    pub fn forget(&self, name: &AccountName) {
        self.write(|fleet| _ = fleet.readings.remove(name));
    }

    /// Forgets `gone`, then replaces what is known of many accounts, and the names of their info
    /// labels if they are new: all at once.
    pub fn publish_all(
        &self,
        readings: Vec<Arc<Readings>>,
        gone: &[AccountName],
        info_labels: Option<Arc<[String]>>,
    ) {
        let readings: Vec<_> = readings.into_iter().map(|one| (one.account.name.clone(), one)).collect();
        self.write(|fleet| {
            for name in gone {
                fleet.readings.remove(name);
            }
            fleet.readings.extend(readings);
            if let Some(info_labels) = info_labels {
                fleet.info_labels = info_labels;
            }
        });
    }

    fn write(&self, change: impl FnOnce(&mut Fleet)) {
        // A panic while the lock is held is one of allocation alone, which ends the process.
        change(&mut self.fleet.write().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|version| *version += 1);
    }

    fn fleet(&self) -> RwLockReadGuard<'_, Fleet> {
        self.fleet.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of [`crate::config::Account::info_labels`].
    pub fn info_labels(&self) -> Arc<[String]> {
        Arc::clone(&self.fleet().info_labels)
    }

    /// Replaces what is known of one platform.
    pub fn publish_platform(&self, readings: PlatformReadings) {
        let readings = Arc::new(readings);
        let mut platforms = self.platforms.write().unwrap_or_else(PoisonError::into_inner);
        platforms.insert(readings.name.clone(), readings);
        drop(platforms);
        self.changes.send_modify(|version| *version += 1);
    }

    /// Forgets one platform: its series are gone at the next scrape.
    pub fn forget_platform(&self, name: &PlatformName) {
        self.platforms.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        self.changes.send_modify(|version| *version += 1);
    }

    /// All platforms in name order.
    pub fn platforms(&self) -> Vec<Arc<PlatformReadings>> {
        self.platforms.read().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect()
    }

    /// Replaces the configuration in force.
    pub fn publish_config(&self, config: Arc<Config>) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Some(config);
    }

    /// The configuration in force; none before it is published.
    pub fn config(&self) -> Option<Arc<Config>> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces what is wrong with the configuration that was read last, one line for each fault.
    pub fn publish_config_faults(&self, faults: Vec<String>) {
        *self.config_faults.write().unwrap_or_else(PoisonError::into_inner) = faults.into();
        self.changes.send_modify(|version| *version += 1);
    }

    /// What is wrong with the configuration that was read last.
    pub fn config_faults(&self) -> Arc<[String]> {
        Arc::clone(&self.config_faults.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known of one account.
    pub fn get(&self, name: &AccountName) -> Option<Arc<Readings>> {
        self.fleet().readings.get(name).cloned()
    }

    /// As [`Store::get`], with the names of the account's info labels.
    pub fn get_with_labels(&self, name: &AccountName) -> Option<(Arc<Readings>, Arc<[String]>)> {
        let fleet = self.fleet();
        Some((Arc::clone(fleet.readings.get(name)?), Arc::clone(&fleet.info_labels)))
    }

    /// All readings in name order, as of one moment.
    pub fn snapshot(&self) -> Vec<Arc<Readings>> {
        self.snapshot_with_labels().0
    }

    /// As [`Store::snapshot`], with the names of the accounts' info labels.
    pub fn snapshot_with_labels(&self) -> (Vec<Arc<Readings>>, Arc<[String]>) {
        let fleet = self.fleet();
        (fleet.readings.values().map(Arc::clone).collect(), Arc::clone(&fleet.info_labels))
    }

    /// Counts the changes; a receiver wakes at each.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

#[cfg(test)]
mod tests;
