//! Random fleets: the account families of the page against the `prometheus` crate's text encoder.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::oracle;
use crate::clock::WallTime;
use crate::config::{Kind, PerKind};
use crate::metrics::family::ACCOUNT_FAMILIES;
use crate::metrics::fleet::{NOW, account};
use crate::metrics::own::ExporterMetrics;
use crate::metrics::page::{Page, render};
use crate::metrics::{Encoding, Format};
use crate::store::OptionalReadings;
use crate::store::{Failing, LastGood, LastPoll, Readings};
use crate::wechat::api::Api;
use crate::wechat::class::{CLASSES, ErrCode};
use crate::wechat::collect::{ApiQuota, QuotaLimit};

/// Whole numbers up to here are the same as text and as the floats of the crate's messages.
const EXACT: u64 = 1 << 53;

/// Text made of what formats trip over.
fn hostile() -> impl Strategy<Value = String> {
    const PIECES: &[&str] =
        &["\\", "\"", "\n", "\r", "\t", "\0", " ", "{", "}", ",", "=", "#", "n", "\\n", "é", "汉字", "😀"];
    vec(select(PIECES), 0..8).prop_map(|pieces| pieces.concat())
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..=200_000_u64, 0..EXACT]
}

fn per_kind(value: impl Strategy<Value = u64>) -> impl Strategy<Value = PerKind<u64>> {
    vec(value, 4).prop_map(|values| PerKind::new(|kind: Kind| values[kind as usize]))
}

fn moment() -> impl Strategy<Value = WallTime> {
    let around_now = NOW.millis() - 10_000_000..NOW.millis() + 10_000_000;
    prop_oneof![around_now, -5_000_i64..5_000, -(1_i64 << 53)..(1 << 53)].prop_map(WallTime::from_millis)
}

fn last_poll() -> impl Strategy<Value = LastPoll> {
    let failing = (select(&CLASSES[..]), option::of(any::<i64>())).prop_map(|(row, code)| {
        LastPoll::Failed(Failing {
            class: row.class,
            errcode: code.map(ErrCode),
            seen_ip: None,
            source: None,
        })
    });
    prop_oneof![Just(LastPoll::Pending), Just(LastPoll::Succeeded), failing]
}

fn quotas() -> impl Strategy<Value = Box<[ApiQuota]>> {
    let limit = option::of((count(), count()));
    let quota = (limit, count())
        .prop_map(|(limit, used)| (limit.map(|(calls, remaining)| QuotaLimit { calls, remaining }), used));
    vec(quota, 0..=2).prop_map(|quotas| {
        let apis = [Api::MaterialCount, Api::DraftCount];
        apis.into_iter().zip(quotas).map(|(api, (limit, used))| ApiQuota { api, limit, used }).collect()
    })
}

fn optional<T: std::fmt::Debug>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<Box<OptionalReadings<T>>>> {
    let readings = (option::of((value, moment())), last_poll())
        .prop_map(|(last_good, last_poll)| Box::new(OptionalReadings { last_good, last_poll }));
    option::of(readings)
}

fn readings(info_labels: usize) -> impl Strategy<Value = Readings> {
    let texts = (hostile(), hostile(), vec(hostile(), info_labels));
    let limits = (per_kind((1..EXACT).boxed()), any::<bool>());
    let durations = (1..10_000_000_u64, 1..10_000_000_u64);
    let last_good = option::of((per_kind(count()), moment()));
    let optional = (optional(count()), optional(quotas()));
    let state = (last_good, last_poll(), moment(), vec(count(), 4), optional);
    (texts, limits, durations, state).prop_map(|(texts, (items, pooled), (interval, hold), state)| {
        let (name, display_name, values) = texts;
        let (last_good, last_poll, next_poll, counters, (draft, quota)) = state;
        let mut account = account(&name);
        account.display_name = display_name.into();
        account.info_labels = values.into_iter().map(Into::into).collect();
        account.limits.items = items;
        account.limits.pooled = pooled;
        account.interval = Duration::from_millis(interval);
        account.hold = Duration::from_millis(hold);
        Readings {
            last_good: last_good.map(|(counts, at)| LastGood { counts, at }),
            last_poll,
            draft,
            quota,
            polls: counters[0],
            failures: counters[1],
            token_refreshes: counters[2],
            token_rejections: counters[3],
            ..Readings::new(Arc::new(account), next_poll)
        }
    })
}

/// A fleet and the names of its info labels.
fn fleet() -> impl Strategy<Value = (Vec<Arc<Readings>>, Vec<String>)> {
    (0..3_usize).prop_flat_map(|info_labels| {
        let names: Vec<_> = (0..info_labels).map(|n| format!("label_{n}")).collect();
        (vec(readings(info_labels).prop_map(Arc::new), 0..6), Just(names))
    })
}

/// Whether the values of a family are whole numbers by nature.
fn is_whole(line: &str) -> bool {
    let name = line.split('{').next().unwrap_or_default();
    ACCOUNT_FAMILIES.iter().any(|family| family.name == name)
        && !name.ends_with("_ratio")
        && !name.ends_with("_seconds")
}

fn assert_same(ours: &str, theirs: &str) -> Result<(), TestCaseError> {
    // Not `lines()`: it would take a carriage return in a label value for a part of a line break.
    let (ours, theirs): (Vec<_>, Vec<_>) = (ours.split('\n').collect(), theirs.split('\n').collect());
    prop_assert_eq!(ours.len(), theirs.len());
    for (our, their) in ours.into_iter().zip(theirs) {
        if our.starts_with('#') || our.is_empty() || is_whole(our) {
            prop_assert_eq!(our, their);
            continue;
        }
        let split = |line: &str| -> (String, f64) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        };
        let ((our_series, our_value), (their_series, their_value)) = (split(our), split(their));
        prop_assert_eq!(our_series, their_series);
        prop_assert_eq!(our_value.to_bits(), their_value.to_bits(), "{} against {}", our, their);
    }
    Ok(())
}

proptest! {
    #[test]
    fn account_families_read_as_the_crate_writes_them((readings, info_labels) in fleet()) {
        let own = ExporterMetrics::new().unwrap();
        let of = |readings| Page { readings, platforms: &[], info_labels: &info_labels, now: NOW, own: Some(&own) };
        let page = String::from_utf8(render(&of(&readings), Format::Text, Encoding::Identity)).unwrap();
        let own_part = page.find("# HELP process_").or_else(|| page.find("# HELP wechat_exporter_")).unwrap();
        let (accounts, _) = page.split_at(own_part);
        assert_same(accounts, &oracle::text(&readings, &info_labels, NOW))?;
    }
}
