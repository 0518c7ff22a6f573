//! Tokens that others keep: token servers, files, and the cloud.

use serde_json::{Value, json};

use crate::simulator::Endpoint;
use crate::simulator::scenario::Scenario;
use crate::simulator::tests::app_id;
use crate::simulator::tests::wire::{Api, errcode};

const DATA: &str = "/cgi-bin/material/get_materialcount";

/// Account 0 hosts the container, 1 shares with it, 2 does not.
async fn cloud() -> Api {
    let mut scenario = Scenario::generated(3);
    scenario.accounts[0].cloud_hosting = true;
    scenario.accounts[1].cloud = true;
    for (i, account) in scenario.accounts.iter_mut().enumerate() {
        account.counts = crate::config::PerKind::new(|_| i as u64);
    }
    Api::play(scenario).await
}

async fn image_count(api: &Api, query: &str) -> i64 {
    let response = api.get(&format!("{DATA}{query}")).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain");
    let answer: Value = response.json().await.unwrap();
    answer["image_count"].as_i64().unwrap_or_else(|| panic!("{query}: {answer}"))
}

async fn refused(api: &Api, query: &str) -> i64 {
    errcode(api.get(&format!("{DATA}{query}")).await.unwrap()).await
}

#[tokio::test]
async fn the_host_s_calls_need_no_token() {
    let api = cloud().await;
    assert_eq!(image_count(&api, "").await, 0);
    for (i, outcome) in [(0, Ok(0)), (1, Ok(1)), (2, Err(48001)), (9, Err(40013))] {
        let query = format!("?from_appid={}", app_id(i).as_str());
        match outcome {
            Ok(count) => assert_eq!(image_count(&api, &query).await, count),
            Err(code) => assert_eq!(refused(&api, &query).await, code),
        }
    }
    let quota = api.post(Endpoint::QuotaGet.path(), &json!({"cgi_path": DATA})).await;
    assert_eq!(errcode(quota).await, 41001, "quotas are not told to cloud calls");
    assert_eq!(api.simulator.calls(&app_id(0), Endpoint::MaterialCount), 2);
}

#[tokio::test]
async fn the_token_of_the_container_has_a_name_of_its_own() {
    let api = cloud().await;
    let token = api.simulator.cloud_token_of(&app_id(1)).unwrap();
    assert_eq!(image_count(&api, &format!("?cloudbase_access_token={token}")).await, 1);
    let other = format!("?cloudbase_access_token={token}&from_appid={}", app_id(0).as_str());
    assert_eq!(image_count(&api, &other).await, 0);
    let own = format!("?cloudbase_access_token={token}&from_appid={}", app_id(1).as_str());
    assert_eq!(image_count(&api, &own).await, 1);
    assert_eq!(refused(&api, &format!("?access_token={token}")).await, 40001);
    let stable = api.simulator.stable_token_of(&app_id(1)).unwrap();
    assert_eq!(refused(&api, &format!("?cloudbase_access_token={stable}")).await, 40001);
    assert_eq!(refused(&api, "?cloudbase_access_token=foreign").await, 40001);
    let outside = api.simulator.cloud_token_of(&app_id(2)).unwrap();
    assert_eq!(refused(&api, &format!("?cloudbase_access_token={outside}")).await, 48001);
}

#[tokio::test]
async fn without_a_host_a_token_is_needed() {
    let api = Api::play(Scenario::generated(1)).await;
    assert_eq!(refused(&api, "").await, 41001);
    assert_eq!(refused(&api, &format!("?from_appid={}", app_id(0).as_str())).await, 41001);
}

#[tokio::test]
async fn a_token_server_keeps_the_stable_token() {
    let api = Api::play(Scenario::generated(1)).await;
    let path = format!("/token-server/{}", app_id(0).as_str());
    let told: Value = api.get(&path).await.unwrap().json().await.unwrap();
    let token = api.simulator.stable_token_of(&app_id(0)).unwrap();
    assert_eq!((&told["code"], &told["data"]["access_token"]), (&json!(0), &json!(token)));
    assert!((7_190..=7_200).contains(&told["data"]["expires_in"].as_i64().unwrap()), "{told}");
    image_count(&api, &format!("?access_token={token}")).await;
    let unknown: Value = api.get("/token-server/wx0000").await.unwrap().json().await.unwrap();
    assert_eq!(unknown["code"], 404);
    assert_eq!(api.simulator.calls(&app_id(0), Endpoint::TokenServer), 1);
    assert_eq!(api.simulator.total_calls(Endpoint::TokenServer), 2);
    assert_eq!(api.simulator.calls(&app_id(0), Endpoint::StableToken), 0);
    assert!(api.simulator.stable_token_of(&app_id(9)).is_err());
}
