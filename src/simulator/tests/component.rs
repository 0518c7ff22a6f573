//! A third-party platform, from its ticket to the counts of an account.

use serde_json::{Value, json};

use crate::config::AppId;
use crate::simulator::Endpoint;
use crate::simulator::account::{AccountState, DataCall, Pass};
use crate::simulator::answer::Answer;
use crate::simulator::component::{ComponentState, ComponentTokenRequest};
use crate::simulator::scenario::{
    Calls, Fault, Scenario, SimulatedAccount, SimulatedAuthorizer, SimulatedPlatform,
};
use crate::simulator::tests::app_id;
use crate::simulator::tests::state::{NOON, RULES, after};
use crate::simulator::tests::wire::{Api, errcode};

const TOKEN: &str = "/cgi-bin/component/api_component_token";
const AUTHORIZER_TOKEN: &str = "/cgi-bin/component/api_authorizer_token";
const LIST: &str = "/cgi-bin/component/api_get_authorizer_list";
const INFO: &str = "/cgi-bin/component/api_get_authorizer_info";
const DATA: &str = "/cgi-bin/material/get_materialcount";

fn component_app_id() -> AppId {
    AppId::parse("wxffffffffffffffff").unwrap()
}

fn component() -> ComponentState {
    let platform = SimulatedPlatform::new("p", component_app_id(), "right", "ticket@@@1");
    ComponentState::new(1, platform, vec![0], RULES, NOON)
}

fn text(answer: Answer, key: &str) -> String {
    match answer {
        Answer::Json(value) => value[key].as_str().unwrap().to_owned(),
        other => panic!("{other:?}"),
    }
}

fn account() -> AccountState {
    let mut account = AccountState::new(0, SimulatedAccount::new("a", app_id(0), "s"), RULES, 1.0, NOON);
    account.authorize(0, SimulatedAuthorizer::new(app_id(0), "refreshtoken@@@1"));
    account
}

fn exchanged(account: &mut AccountState, seconds: u64) -> String {
    let outcome = account.authorizer_token(after(seconds), 0, Some("refreshtoken@@@1"));
    text(outcome.answer, "authorizer_access_token")
}

fn material(account: &mut AccountState, seconds: u64, token: &str) -> Answer {
    account.data(after(seconds), DataCall::Material, Pass::Token(token)).answer
}

#[test]
fn each_component_token_retires_the_one_before_after_five_minutes() {
    let mut component = component();
    let fetch = |component: &mut ComponentState, seconds| {
        let request = ComponentTokenRequest { secret: Some("right"), ticket: Some("ticket@@@1") };
        text(component.token(after(seconds), request).answer, "component_access_token")
    };
    let check = |component: &mut ComponentState, seconds, token: &str| {
        component.admit(after(seconds), Endpoint::AuthorizerList, token).1
    };
    let first = fetch(&mut component, 0);
    let second = fetch(&mut component, 100);
    assert_ne!(first, second);
    assert_eq!(check(&mut component, 399, &first), Ok(()));
    assert_eq!(check(&mut component, 400, &first), Err(Answer::Error(40001)));
    assert_eq!(check(&mut component, 7_299, &second), Ok(()));
    assert_eq!(check(&mut component, 7_300, &second), Err(Answer::Error(42001)));
    assert_eq!(check(&mut component, 0, "foreign"), Err(Answer::Error(40001)));
    assert_eq!(*component.token_of(after(7_000)).token, *component.token_of(after(7_001)).token);
    component.retire_tokens();
    assert_eq!(check(&mut component, 7_000, &second), Err(Answer::Error(40001)));
}

#[test]
fn a_ticket_is_good_until_the_next() {
    let mut component = component();
    let fetch = |component: &mut ComponentState, secret, ticket| {
        component.token(NOON, ComponentTokenRequest { secret, ticket }).answer
    };
    let right = Some("right");
    assert_eq!(fetch(&mut component, None, Some("ticket@@@1")), Answer::Error(41004));
    assert_eq!(fetch(&mut component, Some("wrong"), Some("ticket@@@1")), Answer::Error(40125));
    assert_eq!(fetch(&mut component, right, None), Answer::Error(61006));
    assert_eq!(fetch(&mut component, right, Some("ticket@@@2")), Answer::Error(61006));
    component.set_ticket("ticket@@@2");
    assert_eq!(fetch(&mut component, right, Some("ticket@@@1")), Answer::Error(61005));
    assert!(matches!(fetch(&mut component, right, Some("ticket@@@2")), Answer::Json(_)));
    component.set_ticket("ticket@@@2");
    assert!(matches!(fetch(&mut component, right, Some("ticket@@@2")), Answer::Json(_)));
    let ip = "203.0.113.8".parse().unwrap();
    component.ledger().set_refused_ip(Some(ip));
    assert_eq!(fetch(&mut component, right, Some("ticket@@@2")), Answer::NotRegistered(ip));
}

#[test]
fn an_authorizer_token_works_five_minutes_beside_the_next() {
    let mut account = account();
    let first = exchanged(&mut account, 0);
    let second = exchanged(&mut account, 100);
    assert!(matches!(material(&mut account, 399, &first), Answer::Counts(_)));
    assert_eq!(material(&mut account, 400, &first), Answer::Error(40001));
    assert!(matches!(material(&mut account, 7_299, &second), Answer::Counts(_)));
    assert_eq!(material(&mut account, 7_300, &second), Answer::Error(42001));
    let kept = account.authorizer_token_of(after(7_000), 0).unwrap().token;
    assert!(matches!(material(&mut account, 7_000, &kept), Answer::Counts(_)));
    assert!(account.authorizer_token_of(after(7_000), 1).is_none());
}

#[test]
fn tokens_of_platforms_and_of_the_account_leave_each_other_alone() {
    let mut account = account();
    account.authorize(1, SimulatedAuthorizer::new(app_id(0), "other"));
    let stable = account.stable_token(NOON).token;
    let first = exchanged(&mut account, 0);
    for second in 0..3 {
        account.authorizer_token(after(second), 1, Some("other"));
    }
    account.deauthorize(1);
    assert!(matches!(material(&mut account, 1_000, &first), Answer::Counts(_)));
    assert!(matches!(material(&mut account, 1_000, &stable), Answer::Counts(_)));
}

#[test]
fn a_refresh_token_lives_until_it_is_replaced() {
    let mut account = account();
    let first = exchanged(&mut account, 0);
    let call = |account: &mut AccountState, token| account.authorizer_token(NOON, 0, token).answer;
    assert_eq!(call(&mut account, Some("wrong")), Answer::Error(61023));
    assert_eq!(call(&mut account, None), Answer::Error(61023));
    assert!(account.change_refresh_token(0, ""));
    assert_eq!(call(&mut account, None), Answer::Error(61023), "a code that was never exchanged");
    assert!(account.deauthorize(0));
    assert_eq!(call(&mut account, Some("refreshtoken@@@1")), Answer::Error(61003));
    assert_eq!(material(&mut account, 0, &first), Answer::Error(40001));
    assert!(!account.change_refresh_token(0, "x") && !account.deauthorize(0));
    account.authorize(0, SimulatedAuthorizer::new(app_id(0), "refreshtoken@@@1"));
    exchanged(&mut account, 0);
}

#[test]
fn material_and_drafts_need_one_of_two_permission_sets() {
    for (sets, granted) in [(vec![11], true), (vec![1, 100], true), (vec![1, 15], false), (vec![], false)] {
        let mut account = account();
        let terms = SimulatedAuthorizer::new(app_id(0), "refreshtoken@@@1");
        account.authorize(0, SimulatedAuthorizer { func_info: sets.clone(), ..terms });
        let token = exchanged(&mut account, 0);
        let mut denied = |call| account.data(NOON, call, Pass::Token(&token)).answer == Answer::Error(61007);
        assert_eq!((denied(DataCall::Material), denied(DataCall::Draft)), (!granted, !granted), "{sets:?}");
        assert!(!denied(DataCall::Quota(DATA)), "any permission set suffices");
    }
}

/// A platform of `n` accounts, and its component token.
async fn platform(n: u32) -> (Api, String) {
    let api = Api::play(Scenario::generated_platform(n)).await;
    let body = json!({
        "component_appid": "wxffffffffffffffff",
        "component_appsecret": "simulated-component-secret",
        "component_verify_ticket": "ticket@@@simulated",
    });
    let told: Value = api.post(TOKEN, &body).await.json().await.unwrap();
    assert_eq!(told["expires_in"], 7_200);
    let token = told["component_access_token"].as_str().unwrap().to_owned();
    (api, token)
}

fn about(i: u32) -> Value {
    json!({
        "component_appid": "wxffffffffffffffff",
        "authorizer_appid": app_id(i).as_str(),
        "authorizer_refresh_token": format!("refreshtoken@@@simulated-{i}"),
    })
}

fn with(path: &str, token: &str) -> String {
    format!("{path}?component_access_token={token}")
}

#[tokio::test]
async fn a_component_token_brings_an_authorizer_token_that_brings_counts() {
    let (api, token) = platform(3).await;
    for name in ["component_access_token", "access_token"] {
        let path = format!("{AUTHORIZER_TOKEN}?{name}={token}");
        let told: Value = api.post(&path, &about(2)).await.json().await.unwrap();
        assert_eq!(told["authorizer_refresh_token"], "refreshtoken@@@simulated-2");
        assert_eq!(told["expires_in"], 7_200);
        let token = told["authorizer_access_token"].as_str().unwrap();
        let counts: Value =
            api.get(&format!("{DATA}?access_token={token}")).await.unwrap().json().await.unwrap();
        assert!(counts["image_count"].is_u64(), "{counts}");
        assert_eq!(errcode(api.post(&with(LIST, token), &about(2)).await).await, 61014);
    }
    let kept = api.simulator.authorizer_token_of(&component_app_id(), &app_id(1)).unwrap();
    assert_eq!(api.get(&format!("{DATA}?access_token={kept}")).await.unwrap().status(), 200);
    assert_eq!(errcode(api.get(&format!("{DATA}?access_token={token}")).await.unwrap()).await, 61015);
    let calls = |app_id: &AppId, endpoint| api.simulator.calls(app_id, endpoint);
    assert_eq!(calls(&component_app_id(), Endpoint::ComponentToken), 1);
    assert_eq!(calls(&component_app_id(), Endpoint::AuthorizerToken), 2);
    assert_eq!(
        (calls(&app_id(2), Endpoint::AuthorizerToken), calls(&app_id(1), Endpoint::AuthorizerToken)),
        (2, 0)
    );
    assert_eq!(api.simulator.total_calls(Endpoint::AuthorizerList), 2);
}

#[tokio::test]
async fn the_list_comes_in_pages() {
    let (api, token) = platform(1_203).await;
    let page = async |offset: u64, count: u64| {
        let body = json!({"component_appid": "wxffffffffffffffff", "offset": offset, "count": count});
        api.post(&with(LIST, &token), &body).await
    };
    let mut seen = Vec::new();
    for offset in [0, 500, 1_000, 1_500] {
        let told: Value = page(offset, 500).await.json().await.unwrap();
        assert_eq!(told["total_count"], 1_203);
        seen.extend(told["list"].as_array().unwrap().iter().cloned());
    }
    assert_eq!(seen.len(), 1_203);
    let last = json!({
        "authorizer_appid": app_id(1_202).as_str(),
        "refresh_token": "refreshtoken@@@simulated-1202",
        "auth_time": 1_767_196_800,
    });
    assert_eq!(seen[1_202], last);
    assert_eq!(errcode(page(0, 501).await).await, 40170);
    assert_eq!(errcode(page(0, 0).await).await, 40170);
}

#[tokio::test]
async fn an_account_is_described_to_its_platform() {
    let (api, token) = platform(2).await;
    let component = component_app_id();
    let mini = SimulatedAuthorizer {
        mini_program: true,
        func_info: vec![1, 100],
        ..SimulatedAuthorizer::new(app_id(1), "")
    };
    api.simulator.authorize(&component, mini).unwrap();
    let info = async |i| -> Value { api.post(&with(INFO, &token), &about(i)).await.json().await.unwrap() };
    let (official, mini) = (info(0).await, info(1).await);
    let told = &official["authorizer_info"];
    assert_eq!(told["nick_name"], "模拟账号 0");
    assert_eq!((&told["service_type_info"]["id"], &told["verify_type_info"]["id"]), (&json!(2), &json!(0)));
    assert_eq!((&told["account_status"], told.get("MiniProgramInfo")), (&json!(1), None));
    let authorization = json!({
        "authorizer_appid": app_id(0).as_str(),
        "authorizer_refresh_token": "refreshtoken@@@simulated-0",
        "func_info": [{"funcscope_category": {"id": 11}}],
    });
    assert_eq!(official["authorization_info"], authorization);
    assert!(mini["authorizer_info"]["MiniProgramInfo"].is_object());
    assert_eq!(mini["authorization_info"]["func_info"][1], json!({"funcscope_category": {"id": 100}}));
    assert_eq!(api.simulator.calls(&app_id(0), Endpoint::AuthorizerInfo), 1);
    assert_eq!(api.simulator.calls(&component, Endpoint::AuthorizerInfo), 2);
}

#[tokio::test]
async fn accounts_come_and_go() {
    let (api, token) = platform(2).await;
    let (simulator, component) = (&api.simulator, component_app_id());
    let listed = async || -> Value {
        let body = json!({"component_appid": component.as_str(), "offset": 0, "count": 500});
        api.post(&with(LIST, &token), &body).await.json().await.unwrap()
    };
    simulator.deauthorize(&component, &app_id(0)).unwrap();
    let list = listed().await;
    assert_eq!((&list["total_count"], list["list"].as_array().unwrap().len()), (&json!(1), 1));
    for path in [AUTHORIZER_TOKEN, INFO] {
        assert_eq!(errcode(api.post(&with(path, &token), &about(0)).await).await, 61003);
        assert_eq!(errcode(api.post(&with(path, &token), &about(9)).await).await, 61003);
    }
    let terms = SimulatedAuthorizer { auth_time: 7, ..SimulatedAuthorizer::new(app_id(0), "new") };
    simulator.authorize(&component, terms).unwrap();
    assert_eq!(errcode(api.post(&with(AUTHORIZER_TOKEN, &token), &about(0)).await).await, 61023);
    let list = listed().await;
    assert_eq!(list["list"][1]["refresh_token"], "new");
    assert_eq!(list["list"][1]["auth_time"], 7);
    simulator.change_refresh_token(&component, &app_id(0), "refreshtoken@@@simulated-0").unwrap();
    assert_eq!(api.post(&with(AUTHORIZER_TOKEN, &token), &about(0)).await.status(), 200);
    assert!(simulator.deauthorize(&component, &app_id(9)).is_err());
    assert!(simulator.deauthorize(&app_id(0), &app_id(1)).is_err());
    assert!(simulator.set_ticket(&app_id(0), "t").is_err());
}

#[tokio::test]
async fn wrong_component_calls_get_their_errcode() {
    let (api, token) = platform(1).await;
    let body = |secret: &str, ticket: &str| {
        json!({
            "component_appid": "wxffffffffffffffff",
            "component_appsecret": secret,
            "component_verify_ticket": ticket,
        })
    };
    let (secret, ticket) = ("simulated-component-secret", "ticket@@@simulated");
    for (body, expected) in [
        (json!({}), 41018),
        (json!({"component_appid": "x"}), 40013),
        (json!({"component_appid": "wx0000000000000000"}), 40013),
        (json!({"component_appid": 1}), 47001),
        (body("wrong", ticket), 40125),
        (body(secret, "wrong"), 61006),
    ] {
        assert_eq!(errcode(api.post(TOKEN, &body).await).await, expected, "{body}");
    }
    for (path, body, expected) in [
        (LIST.to_owned(), about(0), 41001),
        (with(LIST, "foreign"), about(0), 40001),
        (with(LIST, &token), json!({}), 41018),
        (with(INFO, &token), json!({"component_appid": "wxffffffffffffffff"}), 41002),
    ] {
        assert_eq!(errcode(api.post(&path, &body).await).await, expected, "{path} {body}");
    }
    api.simulator.set_ticket(&component_app_id(), "ticket@@@new").unwrap();
    assert_eq!(errcode(api.post(TOKEN, &body(secret, ticket)).await).await, 61005);
    api.simulator.retire_tokens(&component_app_id()).unwrap();
    assert_eq!(errcode(api.post(&with(LIST, &token), &about(0)).await).await, 40001);
    let kept = api.simulator.component_token_of(&component_app_id()).unwrap();
    assert_eq!(errcode(api.post(&with(LIST, &kept), &about(0)).await).await, 40170);
}

#[tokio::test]
async fn a_platform_has_faults_and_a_whitelist_of_its_own() {
    let (api, token) = platform(1).await;
    let component = component_app_id();
    api.simulator.set_refused_ip(&component, "203.0.113.8".parse().ok()).unwrap();
    for path in [AUTHORIZER_TOKEN, LIST, INFO] {
        let said = api.post(&with(path, &token), &about(0)).await.text().await.unwrap();
        let (start, end) = said.split_once("] requestIP: ").unwrap();
        assert!(start.starts_with(r#"{"errcode":61004,"errmsg":"access clientip is not registered hint: ["#));
        assert!(end.starts_with("203.0.113.8 rid: "), "{said}");
    }
    api.simulator.set_refused_ip(&component, None).unwrap();
    api.simulator.set_fault(&component, Calls::Data, Fault::Errcode(-1)).unwrap();
    assert_eq!(errcode(api.post(&with(INFO, &token), &about(0)).await).await, -1);
    assert_eq!(api.simulator.calls(&app_id(0), Endpoint::AuthorizerInfo), 0);
    let told: Value = api.post(&with(AUTHORIZER_TOKEN, &token), &about(0)).await.json().await.unwrap();
    assert!(told["authorizer_access_token"].is_string());
    api.simulator.clear_fault(&component).unwrap();
    api.simulator.set_fault(&app_id(0), Calls::Token, Fault::Errcode(50002)).unwrap();
    assert_eq!(errcode(api.post(&with(AUTHORIZER_TOKEN, &token), &about(0)).await).await, 50002);
    let told: Value = api.post(&with(INFO, &token), &about(0)).await.json().await.unwrap();
    assert!(told["authorizer_info"].is_object());
}
