//! The same account families built anew from the readings as messages of the `prometheus` crate, whose
//! text encoder then says how the page must read. Shares nothing with the page but the table's texts.

use std::sync::Arc;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder as _, TextEncoder};

use crate::clock::WallTime;
use crate::config::{Account, Kind, Pool};
use crate::metrics::family::{ACCOUNT_FAMILIES, FamilyType};
use crate::store::{Failing, LastPoll, Readings};
use crate::wechat::collect::ApiQuota;

type Series = (Vec<(String, String)>, f64);

/// The account families in text format 0.0.4.
pub(super) fn text(readings: &[Arc<Readings>], info_labels: &[String], now: WallTime) -> String {
    let mut page = Vec::new();
    for family in ACCOUNT_FAMILIES {
        let series: Vec<Series> = readings
            .iter()
            .flat_map(|readings| {
                let account = ("account".to_owned(), readings.account.name.as_str().to_owned());
                series_of(family.name, readings, info_labels, now).into_iter().map(move |(labels, value)| {
                    (std::iter::once(account.clone()).chain(labels).collect::<Vec<_>>(), value)
                })
            })
            .collect();
        if series.is_empty() {
            continue;
        }
        let mut message = MetricFamily::default();
        message.set_name(family.name.to_owned());
        message.set_help(family.help.to_owned());
        message.set_field_type(match family.family_type {
            FamilyType::Counter => MetricType::COUNTER,
            FamilyType::Gauge | FamilyType::Histogram => MetricType::GAUGE,
        });
        message.set_metric(series.into_iter().map(metric).collect());
        TextEncoder::new().encode(&[message], &mut page).unwrap();
    }
    String::from_utf8(page).unwrap()
}

fn metric((labels, value): Series) -> Metric {
    let pair = |(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name);
        pair.set_value(value);
        pair
    };
    let mut metric = Metric::from_label(labels.into_iter().map(pair).collect());
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    metric.set_gauge(gauge);
    let mut counter = Counter::default();
    counter.set_value(value);
    metric.set_counter(counter);
    metric
}

/// What one account shows in one family, by the contract: labels behind `account`, and values.
fn series_of(family: &str, readings: &Readings, info_labels: &[String], now: WallTime) -> Vec<Series> {
    let account = &readings.account;
    let limits = account.limits;
    let counts = readings.last_good.filter(|good| is_held(good.at, account, now)).map(|good| good.counts);
    let kinds = |value: &dyn Fn(Kind) -> f64| -> Vec<Series> {
        Kind::ALL.iter().map(|&kind| (vec![pair("kind", kind.label())], value(kind))).collect()
    };
    let pools = |value: &dyn Fn(Pool) -> f64| -> Vec<Series> {
        let pools = if limits.pooled { &Pool::ALL[..] } else { &[] };
        pools.iter().map(|&pool| (vec![pair("pool", pool.label())], value(pool))).collect()
    };
    let pool_limit = |pool| match pool {
        Pool::ImageNews => limits.items[Kind::Image] as f64,
        Pool::VoiceVideo => limits.items[Kind::Voice] as f64,
    };
    let one = |value: f64| vec![(vec![], value)];
    match family {
        "wechat_material_items" => counts.map_or(vec![], |counts| kinds(&|kind| counts[kind] as f64)),
        "wechat_material_limit_items" => kinds(&|kind| limits.items[kind] as f64),
        "wechat_material_usage_ratio" => {
            counts.map_or(vec![], |counts| kinds(&|kind| counts[kind] as f64 / limits.items[kind] as f64))
        }
        "wechat_material_pool_limit_items" => pools(&pool_limit),
        "wechat_material_pool_usage_ratio" => counts.map_or(vec![], |counts| {
            pools(&|pool| {
                let items = match pool {
                    Pool::ImageNews => counts[Kind::Image] + counts[Kind::News],
                    Pool::VoiceVideo => counts[Kind::Voice] + counts[Kind::Video],
                };
                items as f64 / pool_limit(pool)
            })
        }),
        "wechat_account_info" => {
            let mut labels = vec![
                pair("app_id", account.app_id.as_str()),
                pair("display_name", &account.display_name),
                pair("source", "stable_token"),
                pair("platform", ""),
            ];
            labels
                .extend(info_labels.iter().zip(&account.info_labels).map(|(name, value)| pair(name, value)));
            vec![(labels, 1.0)]
        }
        "wechat_account_up" => match readings.last_poll {
            LastPoll::Pending => vec![],
            LastPoll::Succeeded => one(1.0),
            LastPoll::Failed(_) => one(0.0),
        },
        "wechat_account_failing" => match &readings.last_poll {
            LastPoll::Failed(failing) => {
                let errcode = failing.errcode.map(|code| code.to_string()).unwrap_or_default();
                vec![(vec![pair("class", failing.class.label()), pair("errcode", &errcode)], 1.0)]
            }
            LastPoll::Pending | LastPoll::Succeeded => vec![],
        },
        "wechat_account_last_success_timestamp_seconds" => {
            readings.last_good.map_or(vec![], |good| one(good.at.seconds()))
        }
        "wechat_account_next_poll_timestamp_seconds" => one(readings.next_poll.seconds()),
        "wechat_account_poll_interval_seconds" => one(account.interval.as_secs_f64()),
        "wechat_account_polls_total" => one(readings.polls as f64),
        "wechat_account_poll_failures_total" => one(readings.failures as f64),
        "wechat_account_token_refreshes_total" => one(readings.token_refreshes as f64),
        "wechat_account_token_rejections_total" => one(readings.token_rejections as f64),
        "wechat_draft_items" => {
            let draft = readings.draft.as_ref().and_then(|draft| draft.last_good);
            draft
                .filter(|(_, at)| is_held(*at, account, now))
                .map_or(vec![], |(drafts, _)| one(drafts as f64))
        }
        "wechat_api_quota_limit_calls" => quotas(readings, now, |quota| Some(quota.limit?.calls)),
        "wechat_api_quota_used_calls" => quotas(readings, now, |quota| Some(quota.used)),
        "wechat_api_quota_remaining_calls" => quotas(readings, now, |quota| Some(quota.limit?.remaining)),
        "wechat_collector_last_success_timestamp_seconds" => collector_successes(readings),
        "wechat_collector_failing" => collector_failures(readings),
        platform if platform.starts_with("wechat_platform_") => vec![],
        unknown => panic!("the oracle does not know {unknown}"),
    }
}

/// Whether a value of `at` is shown: neither too old nor from too far in the future.
fn is_held(at: WallTime, account: &Account, now: WallTime) -> bool {
    u128::from(at.millis().abs_diff(now.millis())) <= account.hold.as_millis()
}

fn quotas(readings: &Readings, now: WallTime, value: impl Fn(&ApiQuota) -> Option<u64>) -> Vec<Series> {
    let last_good = readings.quota.as_ref().and_then(|quota| quota.last_good.clone());
    let held = last_good.filter(|(_, at)| is_held(*at, &readings.account, now));
    let series = |quota: &ApiQuota| {
        Some((vec![("api".to_owned(), quota.api.label().to_owned())], value(quota)? as f64))
    };
    held.map_or(vec![], |(quotas, _)| quotas.iter().filter_map(series).collect())
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn collector_successes(readings: &Readings) -> Vec<Series> {
    let draft = readings.draft.as_ref().and_then(|draft| draft.last_good);
    let quota = readings.quota.as_ref().and_then(|quota| quota.last_good.clone());
    let moments = [("draft", draft.map(|(_, at)| at)), ("quota", quota.map(|(_, at)| at))];
    let series = |(name, at): (&str, Option<WallTime>)| Some((vec![pair("collector", name)], at?.seconds()));
    moments.into_iter().filter_map(series).collect()
}

fn collector_failures(readings: &Readings) -> Vec<Series> {
    let draft = readings.draft.as_ref().map(|draft| ("draft", draft.last_poll.clone()));
    let quota = readings.quota.as_ref().map(|quota| ("quota", quota.last_poll.clone()));
    let series = |(name, poll)| match poll {
        LastPoll::Failed(Failing { class, errcode, .. }) => {
            let errcode = errcode.map(|code| code.to_string()).unwrap_or_default();
            let labels =
                vec![pair("collector", name), pair("class", class.label()), pair("errcode", &errcode)];
            Some((labels, 1.0))
        }
        LastPoll::Pending | LastPoll::Succeeded => None,
    };
    draft.into_iter().chain(quota).filter_map(series).collect()
}
