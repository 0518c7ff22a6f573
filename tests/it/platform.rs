//! Third-party platforms over the wire: their tokens, and what a failure costs.

mod accounts;
mod discovery;
mod once;
mod reload;
mod restart;
mod running;
mod world;

use std::time::Duration;

use serde_json::json;
use wechat_material_exporter::store::LastPoll;
use wechat_material_exporter::wechat::error::Step;
use wiremock::ResponseTemplate;

use self::running::{Setting, refused, token};
use self::world::{Api, COMPONENT, COMPONENT_SECRET, GRANT, LIST, TICKET, TOKEN, app_id, error, official};
use crate::program::eventually;

/// How 61004 comes.
const NOT_REGISTERED: &str = "access clientip is not registered hint: [x] requestIP: 203.0.113.8";

#[tokio::test]
async fn a_token_comes_by_way_of_ticket_and_component_token() {
    let api = Api::start(3).await;
    let running = Setting::new(&api).with_ticket().start().await;
    assert_eq!(running.shown().last_call, LastPoll::Pending);
    for n in [0, 1, 2, 0] {
        let grant = running.ask(n).await.unwrap();
        assert_eq!((grant.value, grant.is_fetched), (token(n), true));
    }
    assert_eq!(running.shown().last_call, LastPoll::Succeeded);
    let component = json!({
        "component_appid": COMPONENT,
        "component_appsecret": COMPONENT_SECRET,
        "component_verify_ticket": TICKET,
    });
    assert_eq!(api.calls(TOKEN), [component]);
    assert_eq!(api.count(LIST), 1, "where the refresh tokens come from");
    let granted = json!({
        "component_appid": COMPONENT,
        "authorizer_appid": app_id(0),
        "authorizer_refresh_token": "refreshtoken@@@0",
    });
    assert_eq!(api.calls(GRANT).first(), Some(&granted));
    assert_eq!(api.count(GRANT), 4);
}

#[tokio::test]
async fn accounts_that_ask_together_share_one_component_token_and_one_list() {
    let api = Api::start(50).await;
    let running = Setting::new(&api).with_ticket().start().await;
    assert!(running.ask_all(50, None).await.iter().all(Result::is_ok));
    assert_eq!((api.count(TOKEN), api.count(LIST), api.count(GRANT)), (1, 1, 50));
}

#[tokio::test]
async fn a_returned_refresh_token_is_kept() {
    let api = Api::start(1).await;
    api.world().rotates = true;
    let running = Setting::new(&api).start().await;
    for _ in 0..3 {
        let granted = running.ask_all(1, Some("refreshtoken@@@0")).await;
        assert!(granted.iter().all(Result::is_ok));
    }
    assert_eq!((api.count(GRANT), api.count(LIST)), (3, 0));
}

#[tokio::test]
async fn refused_refresh_tokens_are_healed_by_one_reading_of_the_list() {
    let api = Api::start(20).await;
    let running = Setting::new(&api).start().await;
    let granted = running.ask_all(20, Some("refreshtoken@@@of-last-year")).await;
    assert!(granted.iter().all(Result::is_ok), "{granted:?}");
    assert_eq!((api.count(GRANT), api.count(LIST)), (40, 1));
    assert_eq!(running.failing(), None);
}

#[tokio::test]
async fn an_expired_refresh_token_is_healed_like_a_refused_one() {
    for code in [42002, 42007] {
        let api = Api::start(1).await;
        let running = Setting::new(&api).start().await;
        api.plan(GRANT, [error(code, "authorization expired")]);
        let granted = running.ask_all(1, Some("refreshtoken@@@of-last-year")).await;
        assert!(granted.iter().all(Result::is_ok), "{granted:?}");
        assert_eq!((api.count(GRANT), api.count(LIST)), (2, 1));
    }
}

#[tokio::test]
async fn a_refresh_token_that_stays_refused_costs_two_calls_and_one_list() {
    let api = Api::start(1).await;
    let running = Setting::new(&api).start().await;
    running.ask(0).await.unwrap();
    api.plan(GRANT, (0..9).map(|_| error(61023, "invalid refresh_token")));
    let lists = api.count(LIST);
    let failure = running.ask(0).await.unwrap_err();
    assert_eq!(refused(&failure), ("authorization", Some(61023)));
    let failure = running.ask(0).await.unwrap_err();
    assert_eq!(refused(&failure), ("authorization", Some(61023)));
    assert_eq!((api.count(GRANT), api.count(LIST)), (3, lists));
    assert_eq!(running.failing(), None, "no fault of the platform");
}

#[tokio::test]
async fn an_account_that_is_not_authorised_fails_alone() {
    let api = Api::start(2).await;
    api.world().denied.insert(app_id(0));
    let running = Setting::new(&api).start().await;
    let granted = running.ask_all(1, Some("refreshtoken@@@0")).await;
    let failure = granted.into_iter().next().unwrap().unwrap_err();
    assert_eq!(refused(&failure), ("authorization", Some(61003)));
    assert_eq!(failure.step.label(), GRANT);
    assert!(!failure.to_string().contains("refreshtoken"), "{failure}");
    assert_eq!((api.count(GRANT), api.count(LIST)), (1, 1));
    let unknown = running.ask(7).await.unwrap_err();
    assert_eq!(refused(&unknown), ("authorization", None));
    assert_eq!(api.count(LIST), 1, "the list was read a moment ago");
    assert_eq!(running.ask(1).await.unwrap().value, token(1));
    assert_eq!(running.failing(), None);
}

#[tokio::test]
async fn a_frozen_account_or_a_wrong_app_id_does_not_park_the_platform() {
    let api = Api::start(2).await;
    let running = Setting::new(&api).start().await;
    running.ask(1).await.unwrap();
    for (code, class) in [(50002, "account"), (40013, "other"), (61007, "permission")] {
        api.plan(GRANT, [error(code, "refused")]);
        let failure = running.ask(0).await.unwrap_err();
        assert_eq!(refused(&failure), (class, Some(code)));
        assert_eq!(running.ask(1).await.unwrap().value, token(1));
    }
}

#[tokio::test]
async fn a_refused_address_parks_the_platform_at_the_cost_of_one_call() {
    let api = Api::start(50).await;
    let running = Setting::new(&api).start().await;
    api.plan(GRANT, (0..99).map(|_| error(61004, NOT_REGISTERED)));
    for _ in 0..2 {
        for failure in running.ask_all(50, Some("refreshtoken@@@x")).await {
            let failure = failure.unwrap_err();
            assert_eq!((failure.step, refused(&failure)), (Step::Platform, ("ip", Some(61004))));
            assert_eq!(failure.seen_ip().unwrap().to_string(), "203.0.113.8");
        }
    }
    assert_eq!(api.world().calls.len(), 1);
    assert_eq!(running.failing(), Some(("ip", Some(61004))));
}

#[tokio::test]
async fn a_component_token_that_cannot_be_had_parks_the_platform_too() {
    let api = Api::start(50).await;
    let running = Setting::new(&api).with_ticket().start().await;
    api.plan(TOKEN, (0..99).map(|_| error(61004, NOT_REGISTERED)));
    assert!(running.ask_all(50, None).await.iter().all(Result::is_err));
    assert_eq!((api.world().calls.len(), running.failing()), (1, Some(("ip", Some(61004)))));
}

#[tokio::test]
async fn a_missing_ticket_is_waited_for_and_a_missing_token_file_is_named() {
    let api = Api::start(1).await;
    let setting = Setting::new(&api).with_ticket();
    std::fs::remove_file(setting.dir.path().join("ticket")).unwrap();
    let running = setting.start().await;
    assert_eq!(refused(&running.ask(0).await.unwrap_err()), ("ticket", None));
    assert_eq!(running.failing(), Some(("ticket", None)));

    std::fs::write(setting.dir.path().join("ticket"), "ticket@@@of-yesterday").unwrap();
    let running = setting.start().await;
    assert_eq!(refused(&running.ask(0).await.unwrap_err()), ("ticket", Some(61006)));

    let setting = Setting::new(&api);
    std::fs::remove_file(setting.dir.path().join("component")).unwrap();
    let running = setting.start().await;
    let failure = running.ask(0).await.unwrap_err();
    assert_eq!((failure.step, failure.token_source()), (Step::Platform, Some("file")));
    assert_eq!(api.count(GRANT), 0);
}

#[tokio::test]
async fn a_refused_component_token_is_read_again_and_the_call_repeated_once() {
    let api = Api::start(1).await;
    let setting = Setting::new(&api);
    api.world().token_file = Some(setting.dir.path().join("component"));
    let running = setting.start().await;
    running.ask(0).await.unwrap();
    api.world().component_token = "component-of-its-owner".into();
    running.ask(0).await.unwrap();
    assert_eq!(api.count(GRANT), 3);

    api.world().token_file = None;
    api.world().component_token = "component-that-nobody-wrote".into();
    let failure = running.ask(0).await.unwrap_err();
    assert_eq!((failure.step, refused(&failure)), (Step::Platform, ("token", Some(40001))));
    assert_eq!(api.count(GRANT), 4, "the same token is not tried twice");
    assert_eq!(running.failing(), Some(("token", Some(40001))));
}

#[tokio::test]
async fn a_refused_component_token_is_fetched_anew_once_in_five_minutes() {
    let api = Api::start(20).await;
    let running = Setting::new(&api).with_ticket().start().await;
    running.ask(0).await.unwrap();
    api.world().component_token = "somebody-else-fetched-one".into();
    let granted = running.ask_all(20, None).await;
    assert!(granted.iter().all(Result::is_ok), "{granted:?}");
    assert_eq!(api.count(TOKEN), 2, "one for all who were refused");
    api.world().component_token = "and-again".into();
    let failure = running.ask(0).await.unwrap_err();
    assert_eq!((failure.step, refused(&failure)), (Step::Platform, ("token", Some(40001))));
    assert_eq!(api.count(TOKEN), 2);
}

#[tokio::test]
async fn a_passing_fault_is_tried_again_within_seconds_and_parks_nobody() {
    let api = Api::start(2).await;
    let running = Setting::new(&api).start().await;
    running.ask(0).await.unwrap();
    api.plan(GRANT, [ResponseTemplate::new(503)]);
    for _ in 0..2 {
        let failure = running.ask(0).await.unwrap_err();
        assert_eq!((failure.step.label(), refused(&failure)), (GRANT, ("network", None)));
    }
    assert_eq!(api.count(GRANT), 2, "an attempt has its time");
    let healed = async {
        while running.ask(1).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), healed).await.unwrap();
    assert_eq!((api.count(GRANT), running.failing()), (3, None));
    // The lost answer may have held a token: another grant would retire that one too.
    let failure = running.ask(0).await.unwrap_err();
    assert_eq!((failure.step.label(), refused(&failure)), (GRANT, ("network", None)));
    assert_eq!(api.count(GRANT), 3);
}

#[tokio::test]
async fn a_component_token_whose_answer_is_lost_is_not_fetched_again_soon() {
    let api = Api::start(1).await;
    let running = Setting::new(&api).with_ticket().start().await;
    api.plan(TOKEN, (0..9).map(|_| ResponseTemplate::new(503)));
    let parked = async {
        while running.failing().is_none() {
            running.ask(0).await.unwrap_err();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), parked).await.unwrap();
    assert_eq!((running.failing(), api.world().calls.len()), (Some(("network", None)), 1));
}

#[tokio::test]
async fn tokens_of_another_store_are_read_without_a_call_until_discovery_fails() {
    let api = Api::start(1).await;
    let setting = Setting::new(&api).with_authorizer_files();
    std::fs::write(setting.dir.path().join(app_id(0)), "kept-elsewhere").unwrap();
    let running = setting.start().await;
    let grant = running.ask(0).await.unwrap();
    assert!(!grant.is_fetched && grant.good_until.is_none());
    let missing = running.ask(1).await.unwrap_err();
    assert_eq!(missing.token_source(), Some("file"));
    assert!(api.world().calls.is_empty() && running.shown().last_call == LastPoll::Pending);

    api.plan(LIST, [error(61004, NOT_REGISTERED)]);
    let running = setting.with_discovery(Duration::from_secs(3_600)).start().await;
    eventually("park", || running.failing() == Some(("ip", Some(61004)))).await;
    assert_eq!(running.ask(0).await.unwrap_err().step, Step::Platform);
}

#[tokio::test]
async fn an_account_authorised_anew_is_found_by_its_new_refresh_token() {
    let api = Api::start(1).await;
    let running = Setting::new(&api).start().await;
    running.ask(0).await.unwrap();
    let (id, mut renewed) = official(0);
    (renewed.refresh_token, renewed.auth_time) = ("refreshtoken@@@renewed".into(), 1_800_000_000);
    api.world().authorizers.insert(id, renewed);
    let failure = running.ask(0).await.unwrap_err();
    assert_eq!(refused(&failure), ("authorization", Some(61023)), "the list was read a moment ago");
}
