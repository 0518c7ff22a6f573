use serde_json::{Value, json};

use super::*;
use crate::config::{Kind, Pool};
use crate::store::Readings;
use crate::web::status::samples::{NOW, account, ago, failing, polled};
use crate::wechat::api::Api;
use crate::wechat::class::{CLASSES, ErrorClass};
use crate::wechat::collect::QuotaLimit;

fn document(query: &str, readings: Vec<Readings>, platforms: Vec<PlatformReadings>) -> Value {
    let readings: Vec<_> = readings.into_iter().map(std::sync::Arc::new).collect();
    let platforms: Vec<_> = platforms.into_iter().map(std::sync::Arc::new).collect();
    let material = Material { readings: &readings, platforms: &platforms, config_faults: &[], now: NOW };
    serde_json::from_slice(&page(&material, &View::parse(query)).unwrap()).unwrap()
}

#[test]
fn an_account_has_all_that_the_page_shows() {
    let mut readings = polled(account("brand", "<品牌>"), [312, 1_000, 99_999, 0], 190);
    (readings.polls, readings.failures, readings.token_refreshes) = (7, 2, 3);
    readings.token_until = Some(ago(-5_400));
    let limit = Some(QuotaLimit { calls: 1_000, remaining: 856 });
    let quotas: Box<[ApiQuota]> = [ApiQuota { api: Api::MaterialCount, limit, used: 144 }].into();
    let last_good = Some((quotas, ago(5)));
    readings.quota = Some(Box::new(OptionalReadings { last_good, last_poll: LastPoll::Succeeded }));
    readings.draft =
        Some(Box::new(OptionalReadings { last_good: None, last_poll: failing(ErrorClass::Permission) }));
    let mut document = document("", vec![readings], Vec::new());
    let remedy = document.pointer_mut("/accounts/0/draft/failing/remedy").unwrap().take();
    assert_eq!(remedy["zh"], ErrorClass::Permission.row().remedy.zh);
    assert_eq!(
        document["accounts"][0],
        json!({
            "name": "brand",
            "app_id": "wx0123456789abcdef",
            "display_name": "<品牌>",
            "state": "degraded",
            "usage": {
                "voice": {"items": 312, "limit": 1_000, "ratio": 0.312},
                "video": {"items": 1_000, "limit": 1_000, "ratio": 1.0},
                "image": {"items": 99_999, "limit": 100_000, "ratio": 0.99999},
                "news": {"items": 0, "limit": 100_000, "ratio": 0.0},
            },
            "last_success": "2026-11-23T07:56:50Z",
            "next_poll": "2026-11-23T08:05:00Z",
            "poll_interval_seconds": 600.0,
            "polls": 7,
            "poll_failures": 2,
            "token": {
                "source": "stable_token",
                "valid_until": "2026-11-23T09:30:00Z",
                "refreshes": 3,
                "rejections": 0,
            },
            "draft": {
                "failing": {
                    "class": "permission",
                    "errcode": 40_164,
                    "summary": {
                        "en": "the account may not use this API",
                        "zh": "账号没有此接口的权限",
                    },
                    "remedy": null,
                },
            },
            "quota": {
                "value": [{
                    "api": "get_materialcount", "limit_calls": 1_000, "remaining_calls": 856, "used_calls": 144
                }],
                "last_success": "2026-11-23T07:59:55Z",
            },
        })
    );
}

#[test]
fn what_is_unknown_is_absent() {
    let mut expired = polled(account("a-held-too-long", ""), [1; 4], 80 * 3_600);
    expired.token_until = Some(ago(1));
    let never = Readings::new(std::sync::Arc::new(account("b-never", "")), ago(-10));
    let document = document("", vec![expired, never], Vec::new());
    let [expired, never] = [&document["accounts"][0], &document["accounts"][1]];
    assert_eq!((&expired["state"], &never["state"]), (&json!("stale"), &json!("pending")));
    assert_eq!((&expired["usage"], &never["usage"]), (&json!({}), &json!({})));
    assert!(expired["last_success"].is_string() && never.get("last_success").is_none());
    for absent in ["pool_usage", "failing", "draft", "quota"] {
        assert!(never.get(absent).is_none(), "{absent}");
    }
    assert!(expired["token"].get("valid_until").is_none() && never["token"].get("platform").is_none());
}

#[test]
fn shared_limits_are_told_beside_the_kinds() {
    let mut pooled = account("pooled", "");
    pooled.limits.pooled = true;
    let document = document("", vec![polled(pooled, [100, 200, 50_000, 33_000], 1)], Vec::new());
    let account = &document["accounts"][0];
    assert_eq!(account["usage"]["news"]["items"], 33_000);
    assert_eq!(account["pool_usage"]["image_news"]["ratio"], 0.83);
    assert_eq!(document["summary"]["nearly_full"], 1);
}

#[test]
fn a_large_fleet_has_pages() {
    let fleet = || (0..1_200).map(|i| polled(account(&format!("a{i:04}"), ""), [1; 4], 1)).collect();
    let last = document("page=9&state=unwell", fleet(), Vec::new());
    assert_eq!(last["page"], json!({"number": 3, "of": 3, "size": 500, "matching": 1_200}));
    assert_eq!((last["accounts"].as_array().unwrap().len(), &last["unknown_state"]), (200, &json!("unwell")));
    assert_eq!(last["accounts"][0]["name"], "a1000");
    let none = document("q=nobody", fleet(), Vec::new());
    assert_eq!(none["page"], json!({"number": 1, "of": 1, "size": 500, "matching": 0}));
    assert_eq!(none["summary"]["accounts"], 1_200);
}

/// The schema that is published lists what our tables hold.
#[test]
fn the_schema_knows_every_label() {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/status.schema.json")).unwrap();
    let listed = |place: &str| {
        let labels = schema.pointer(place).unwrap_or_else(|| panic!("no {place}")).as_array().unwrap();
        let mut labels: Vec<_> = labels.iter().map(|label| label.as_str().unwrap()).collect();
        labels.sort_unstable();
        labels
    };
    let sorted = |mut labels: Vec<&'static str>| {
        labels.sort_unstable();
        labels
    };
    assert_eq!(listed("/$defs/class/enum"), sorted(CLASSES.iter().map(|row| row.label).collect()));
    assert_eq!(listed("/$defs/state/enum"), sorted(State::ALL.map(State::label).into()));
    let authorizers = sorted(AuthorizerState::ALL.map(AuthorizerState::label).into());
    assert_eq!(listed("/$defs/platform/properties/authorizers/required"), authorizers);
    assert_eq!(listed("/$defs/platform/properties/authorizers/propertyNames/enum"), authorizers);
    let usage = |name| format!("/$defs/account/properties/{name}/propertyNames/enum");
    assert_eq!(listed(&usage("usage")), sorted(Kind::ALL.map(Kind::label).into()));
    assert_eq!(listed(&usage("pool_usage")), sorted(Pool::ALL.map(Pool::label).into()));
}
