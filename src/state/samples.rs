//! Records for tests: some of each kind, and any at all.

use std::net::IpAddr;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::record::{Record, SavedAccount, SavedCollector, SavedList, SavedProfile};
use crate::clock::WallTime;
use crate::config::{AccountName, AppId, Kind, PerKind, PlatformName};
use crate::platform::Profile;
use crate::store::{Failing, LastPoll, MaterialCounts};
use crate::wechat::api::Api;
use crate::wechat::class::{CLASSES, ErrCode};
use crate::wechat::collect::{ApiQuota, QuotaLimit};

/// A moment to save at.
pub(super) const NOW: WallTime = WallTime::from_millis(1_764_547_200_000);

/// The name of the `i`th account.
pub(super) fn name(i: usize) -> AccountName {
    AccountName::parse(&format!("account-{i}")).unwrap()
}

/// The app id of the `i`th account.
pub(super) fn app_id(i: usize) -> AppId {
    AppId::parse(&format!("wx{i:016x}")).unwrap()
}

/// The `i`th account with `image` images.
pub(super) fn account(i: usize, image: u64) -> SavedAccount {
    let counts = PerKind::new(|kind| if kind == Kind::Image { image } else { i as u64 });
    SavedAccount {
        name: name(i),
        app_id: app_id(i),
        material: SavedCollector {
            last_good: Some((counts, NOW)),
            last_poll: LastPoll::Succeeded,
            park: None,
            next: WallTime::from_millis(NOW.millis() + 600_000),
        },
        draft: None,
        quota: None,
    }
}

/// The records of `accounts`, each with `image` images.
pub(super) fn records(accounts: std::ops::Range<usize>, image: u64) -> Vec<Record> {
    accounts.map(|i| Record::Account(account(i, image))).collect()
}

/// Any record.
pub(super) fn any_record() -> impl Strategy<Value = Record> {
    prop_oneof![
        any_account().prop_map(Record::Account),
        any_profile().prop_map(Record::Profile),
        any_list().prop_map(Record::List)
    ]
}

fn any_list() -> impl Strategy<Value = SavedList> {
    ("[a-c]", "wx[a-z0-9]{8,30}", any_time()).prop_map(|(platform, app_id, read_at)| SavedList {
        platform: PlatformName::parse(&platform).unwrap(),
        component_app_id: AppId::parse(&app_id).unwrap(),
        read_at,
    })
}

fn any_account() -> impl Strategy<Value = SavedAccount> {
    // Few names and app ids, so that some records are about the same account.
    let ids = ("[a-c]|[a-z0-9_-]{1,64}", "wx[a-b]{8}|wx[a-z0-9]{8,30}");
    let optional = (option::of(any_collector(any::<u64>())), option::of(any_collector(any_quotas())));
    (ids, any_collector(any_counts()), optional).prop_map(|((name, app_id), material, (draft, quota))| {
        let (name, app_id) = (AccountName::parse(&name).unwrap(), AppId::parse(&app_id).unwrap());
        SavedAccount { name, app_id, material, draft, quota }
    })
}

fn any_profile() -> impl Strategy<Value = SavedProfile> {
    let profile = prop_oneof![
        Just(Profile::MiniProgram),
        Just(Profile::NotPermitted),
        Just(Profile::Unavailable),
        any::<String>().prop_map(|nickname| Profile::official(&nickname)),
    ];
    let ids = ("[a-c]", "wx[a-b]{8}|wx[a-z0-9]{8,30}");
    (ids, any::<u64>(), any_time(), profile).prop_map(|((platform, app_id), auth_time, asked_at, profile)| {
        let (platform, app_id) = (PlatformName::parse(&platform).unwrap(), AppId::parse(&app_id).unwrap());
        SavedProfile { platform, app_id, auth_time, asked_at, profile }
    })
}

fn any_collector<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = SavedCollector<T>> {
    let last_good = option::of((value, any_time()));
    let park = option::of((select(&CLASSES[..]).prop_map(|row| row.class), any::<u32>()));
    (last_good, any_last_poll(), park, any_time())
        .prop_map(|(last_good, last_poll, park, next)| SavedCollector { last_good, last_poll, park, next })
}

fn any_last_poll() -> impl Strategy<Value = LastPoll> {
    let class = select(&CLASSES[..]).prop_map(|row| row.class);
    let source = option::of(select(vec!["file", "http", "redis", "cloud_hosting", "cloud_file"]));
    let failing = (class, option::of(any::<i64>()), option::of(any::<IpAddr>()), source);
    let failed = failing.prop_map(|(class, errcode, seen_ip, source)| {
        LastPoll::Failed(Failing { class, errcode: errcode.map(ErrCode), seen_ip, source })
    });
    prop_oneof![Just(LastPoll::Pending), Just(LastPoll::Succeeded), failed]
}

fn any_counts() -> impl Strategy<Value = MaterialCounts> {
    any::<[u64; 4]>().prop_map(|counts| PerKind::new(|kind| counts[kind as usize]))
}

fn any_quotas() -> impl Strategy<Value = Box<[ApiQuota]>> {
    let limit = option::of(any::<(u64, u64)>());
    let quota = (select(&Api::ALL[..]), limit, any::<u64>()).prop_map(|(api, limit, used)| {
        let limit = limit.map(|(calls, remaining)| QuotaLimit { calls, remaining });
        ApiQuota { api, limit, used }
    });
    vec(quota, 0..3).prop_map(Into::into)
}

fn any_time() -> impl Strategy<Value = WallTime> {
    any::<i64>().prop_map(WallTime::from_millis)
}
