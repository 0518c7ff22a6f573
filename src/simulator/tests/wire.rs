//! What clients see: answers byte by byte, errors, and faults of the connection.

use std::time::Duration;

use reqwest::{Client, Response, Url};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::PerKind;
use crate::simulator::scenario::{Calls, Fault, Scenario};
use crate::simulator::tests::app_id;
use crate::simulator::{Endpoint, Simulator, run};

/// Account 0: voice 1, video 2, image 3, news 4. Account 1: refused by IP.
pub(super) struct Api {
    pub(super) simulator: Simulator,
    client: Client,
    base: String,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

impl Api {
    async fn start() -> Self {
        let mut scenario = Scenario::generated(2);
        scenario.accounts[0].counts = PerKind::new(|kind| kind as u64 + 1);
        scenario.accounts[1].refused_ip = Some("203.0.113.8".parse().unwrap());
        Self::play(scenario).await
    }

    pub(super) async fn play(scenario: Scenario) -> Self {
        let simulator = Simulator::new(scenario);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let served = TaskTracker::new().spawn(run(listener, simulator.clone(), stop.clone()));
        let client = Client::builder().no_proxy().build().unwrap();
        Self { simulator, client, base, stop, served }
    }

    async fn stable(&self, body: impl Into<String>) -> Response {
        let url = format!("{}/cgi-bin/stable_token", self.base);
        self.client.post(url).body(body.into()).send().await.unwrap()
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Response {
        let url = format!("{}{path}", self.base);
        self.client.post(url).body(body.to_string()).send().await.unwrap()
    }

    pub(super) async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.client.get(format!("{}{path}", self.base)).send().await
    }

    async fn token(&self) -> String {
        let answer: Value = self.stable(right(0).to_string()).await.json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn material(&self, token: &str) -> reqwest::Result<Response> {
        let path = Endpoint::MaterialCount.path();
        let url = Url::parse_with_params(&format!("{}{path}", self.base), [("access_token", token)]).unwrap();
        self.client.get(url).send().await
    }
}

fn right(i: u32) -> Value {
    let secret = format!("simulated-secret-{i}");
    json!({"grant_type": "client_credential", "appid": app_id(i).as_str(), "secret": secret})
}

/// The error's number, after checking the rest of the answer.
pub(super) async fn errcode(response: Response) -> i64 {
    assert_eq!(response.status(), 200);
    let answer: Value = response.json().await.unwrap();
    let (_, rid) = answer["errmsg"].as_str().unwrap().split_once(" rid: ").unwrap();
    let parts: Vec<_> = rid.split('-').collect();
    assert!(parts.iter().all(|part| part.len() == 8 && u32::from_str_radix(part, 16).is_ok()), "{rid}");
    assert_eq!((parts.len(), answer.as_object().unwrap().len()), (3, 2), "{answer}");
    answer["errcode"].as_i64().unwrap()
}

#[tokio::test]
async fn counts_come_as_plain_text_without_an_errcode() {
    let api = Api::start().await;
    let token = api.token().await;
    let response = api.material(&token).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain");
    let counts = r#"{"voice_count":1,"video_count":2,"image_count":3,"news_count":4}"#;
    assert_eq!(response.text().await.unwrap(), counts);
    let posted =
        api.client.post(format!("{}{}?access_token={token}", api.base, Endpoint::MaterialCount.path()));
    assert_eq!(posted.body("{}").send().await.unwrap().text().await.unwrap(), counts);
}

#[tokio::test]
async fn both_token_calls_grant_json() {
    let api = Api::start().await;
    let plain =
        "/cgi-bin/token?grant_type=client_credential&appid=wx0000000000000000&secret=simulated-secret-0";
    for response in [api.stable(right(0).to_string()).await, api.get(plain).await.unwrap()] {
        assert_eq!(response.headers()["content-type"], "application/json; encoding=utf-8");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["expires_in"], 7_200);
        assert!(api.material(answer["access_token"].as_str().unwrap()).await.unwrap().status() == 200);
    }
    assert_eq!(api.token().await, api.token().await);
}

#[tokio::test]
async fn wrong_requests_get_their_errcode_with_http_200() {
    let api = Api::start().await;
    let without = |key: &str| {
        let mut body = right(0);
        body.as_object_mut().unwrap().remove(key);
        body.to_string()
    };
    let unknown = right(7).to_string();
    let bodies = [
        (without("appid"), 41002),
        (without("secret"), 41004),
        (without("grant_type"), 40002),
        (unknown, 40013),
        ("{".to_owned(), 47001),
        (String::new(), 44002),
    ];
    for (body, expected) in bodies {
        assert_eq!(errcode(api.stable(body.clone()).await).await, expected, "{body}");
    }
    let paths = [
        ("/cgi-bin/stable_token", 43002),
        ("/cgi-bin/token", 41002),
        ("/cgi-bin/token?grant_type=client_credential&appid=wx0000000000000000&secret=x", 40001),
        ("/cgi-bin/material/get_materialcount", 41001),
        ("/cgi-bin/material/get_materialcount?access_token=", 41001),
        ("/cgi-bin/material/get_materialcount?access_token=foreign", 40001),
        ("/", 40066),
        ("/cgi-bin/no_such", 40066),
        ("/cgi-bin/draft/count", 41001),
        ("/cgi-bin/draft/count?access_token=foreign", 40001),
        ("/cgi-bin/openapi/quota/get", 43002),
        ("/cgi-bin/component/api_get_authorizer_list", 43002),
    ];
    for (path, expected) in paths {
        assert_eq!(errcode(api.get(path).await.unwrap()).await, expected, "{path}");
    }
}

#[tokio::test]
async fn messages_have_the_platform_s_words() {
    let api = Api::start().await;
    let refused = api.stable(right(1).to_string()).await.text().await.unwrap();
    let start = r#"{"errcode":40164,"errmsg":"invalid ip 203.0.113.8 ipv6 ::ffff:203.0.113.8, not in whitelist rid: "#;
    assert!(refused.starts_with(start), "{refused}");
    let token = api.token().await;
    api.simulator.retire_tokens(&app_id(0)).unwrap();
    let retired = api.material(&token).await.unwrap().text().await.unwrap();
    let start = r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r rid: "#;
    assert!(retired.starts_with(start), "{retired}");
}

#[tokio::test]
async fn faults_break_answers_and_connections() {
    let api = Api::start().await;
    let token = api.token().await;
    let set = |fault| api.simulator.set_fault(&app_id(0), Calls::Data, fault).unwrap();

    set(Fault::Reset);
    assert!(api.material(&token).await.unwrap_err().is_request());
    set(Fault::Http(503));
    assert_eq!(api.material(&token).await.unwrap().status(), 503);
    set(Fault::Html);
    assert!(api.material(&token).await.unwrap().text().await.unwrap().starts_with("<html>"));
    set(Fault::Garbage);
    assert!(api.material(&token).await.unwrap().json::<Value>().await.is_err());
    set(Fault::Errcode(45009));
    assert_eq!(errcode(api.material(&token).await.unwrap()).await, 45009);
    set(Fault::Slow(Duration::from_millis(200)));
    let begun = Instant::now();
    let answer: Value = api.material(&token).await.unwrap().json().await.unwrap();
    assert_eq!(answer["news_count"], 4);
    assert!(begun.elapsed() >= Duration::from_millis(180));

    assert_eq!(api.token().await, token, "faults of data calls spare token calls");
    api.simulator.clear_fault(&app_id(0)).unwrap();
    assert_eq!(api.material(&token).await.unwrap().status(), 200);
    assert!(api.simulator.set_fault(&app_id(9), Calls::All, Fault::Reset).is_err());
}

#[tokio::test]
async fn calls_are_counted_by_account_and_in_total() {
    let api = Api::start().await;
    let token = api.token().await;
    api.stable(right(1).to_string()).await;
    api.material(&token).await.unwrap();
    api.material("foreign").await.unwrap();
    let calls = |i, endpoint| api.simulator.calls(&app_id(i), endpoint);
    assert_eq!(calls(0, Endpoint::StableToken), 1);
    assert_eq!(calls(1, Endpoint::StableToken), 1);
    assert_eq!(calls(0, Endpoint::MaterialCount), 1);
    assert_eq!(calls(9, Endpoint::MaterialCount), 0);
    assert_eq!(api.simulator.total_calls(Endpoint::StableToken), 2);
    assert_eq!(api.simulator.total_calls(Endpoint::MaterialCount), 2);
}

#[tokio::test]
async fn it_serves_until_told_to_stop() {
    let api = Api::start().await;
    api.stop.cancel();
    api.served.await.unwrap();
}

#[tokio::test]
async fn drafts_and_quotas_come_with_the_token() {
    let mut scenario = Scenario::generated(1);
    (scenario.accounts[0].drafts, scenario.accounts[0].daily_calls) = (5, Some(1_000));
    let api = Api::play(scenario).await;
    let token = api.token().await;
    api.material(&token).await.unwrap();
    let drafts = api.get(&format!("/cgi-bin/draft/count?access_token={token}")).await.unwrap();
    assert_eq!(drafts.text().await.unwrap(), r#"{"total_count":5}"#);
    let path = format!("/cgi-bin/openapi/quota/get?access_token={token}");
    let body = json!({"cgi_path": Endpoint::MaterialCount.path()});
    let told: Value = api.post(&path, &body).await.json().await.unwrap();
    assert_eq!((&told["errcode"], &told["errmsg"]), (&json!(0), &json!("ok")));
    assert_eq!(told["quota"], json!({"daily_limit": 1_000, "used": 1, "remain": 999}));
    assert_eq!(errcode(api.post(&path, &json!({"cgi_path": "/cgi-bin/no_such"})).await).await, 76021);
    assert_eq!(errcode(api.post(&path, &json!({})).await).await, 76003);
    assert_eq!(errcode(api.post(&path, &json!([1])).await).await, 47001);
    let without = Endpoint::QuotaGet.path();
    assert_eq!(errcode(api.post(without, &body).await).await, 41001);
}
