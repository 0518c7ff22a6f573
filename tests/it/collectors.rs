//! Drafts and quotas over the wire, and the two ways through WeChat's cloud.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use wechat_material_exporter::config::{Account, AppId, Collect, TokenSource};
use wechat_material_exporter::poll::account::PollReport;
use wechat_material_exporter::wechat::api::Api;
use wechat_material_exporter::wechat::collect::{ApiQuota, Collected, Collector, QuotaLimit};
use wechat_material_exporter::wechat::error::ApiError;
use wiremock::matchers::{body_json, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{Poller, account, api_config, api_server, outcome};

const COUNT_PATH: &str = "/cgi-bin/material/get_materialcount";
const HOUR: Duration = Duration::from_secs(3_600);

fn of(report: &PollReport, collector: Collector) -> Result<&Collected, &ApiError> {
    report.outcomes.iter().find(|(one, _)| *one == collector).unwrap().1.as_ref()
}

fn counts() -> ResponseTemplate {
    let counts = json!({"voice_count": 5, "video_count": 3, "image_count": 10, "news_count": 7});
    ResponseTemplate::new(200).set_body_json(counts)
}

async fn serve_token(server: &MockServer) {
    let token = json!({"access_token": "the-token", "expires_in": 7200});
    let answer = ResponseTemplate::new(200).set_body_json(token);
    Mock::given(path("/cgi-bin/stable_token")).respond_with(answer).expect(1).mount(server).await;
}

fn collecting(url: &str, collect: Collect) -> Account {
    Account { collect, ..account(url) }
}

#[tokio::test]
async fn drafts_and_quotas_are_asked_as_documented() {
    let server = api_server().await;
    serve_token(&server).await;
    Mock::given(path(COUNT_PATH)).respond_with(counts()).expect(1).mount(&server).await;
    Mock::given(method("GET"))
        .and(path("/cgi-bin/draft/count"))
        .and(query_param("access_token", "the-token"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"total_count": 42})))
        .expect(1)
        .mount(&server)
        .await;
    for (api_path, limit, used) in [(COUNT_PATH, 1_000, 144), ("/cgi-bin/draft/count", 0, 0)] {
        let quota = json!({"errcode": 0, "errmsg": "ok",
            "quota": {"daily_limit": limit, "used": used, "remain": limit - used}});
        Mock::given(method("POST"))
            .and(path("/cgi-bin/openapi/quota/get"))
            .and(query_param("access_token", "the-token"))
            .and(body_json(json!({"cgi_path": api_path})))
            .respond_with(ResponseTemplate::new(200).set_body_json(quota))
            .expect(1)
            .mount(&server)
            .await;
    }
    let collect = Collect { draft: Some(HOUR), quota: Some(HOUR) };
    let report = Poller::new(collecting(&server.uri(), collect), &api_config()).poll().await;
    assert_eq!(of(&report, Collector::Draft).unwrap(), &Collected::Draft(42));
    let known = Some(QuotaLimit { calls: 1_000, remaining: 856 });
    let quotas = [
        ApiQuota { api: Api::MaterialCount, limit: known, used: 144 },
        ApiQuota { api: Api::DraftCount, limit: None, used: 0 },
    ];
    assert_eq!(of(&report, Collector::Quota).unwrap(), &Collected::Quota(quotas.into()));
}

#[tokio::test]
async fn a_quota_call_that_fails_leaves_the_counts_alone() {
    let server = api_server().await;
    serve_token(&server).await;
    Mock::given(path(COUNT_PATH)).respond_with(counts()).mount(&server).await;
    let refused = ResponseTemplate::new(200).set_body_json(json!({"errcode": 76022, "errmsg": "no"}));
    Mock::given(path("/cgi-bin/openapi/quota/get")).respond_with(refused).expect(1).mount(&server).await;
    let collect = Collect { draft: None, quota: Some(HOUR) };
    let report = Poller::new(collecting(&server.uri(), collect), &api_config()).poll().await;
    assert!(outcome(&report).is_ok() && report.token_error.is_none());
    assert_eq!(of(&report, Collector::Quota).unwrap_err().class().label(), "request");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_sent_for_nothing_else() {
    let server = api_server().await;
    let token =
        |token| ResponseTemplate::new(200).set_body_json(json!({"access_token": token, "expires_in": 7200}));
    let stable = || Mock::given(path("/cgi-bin/stable_token"));
    stable().respond_with(token("one")).up_to_n_times(1).mount(&server).await;
    stable().respond_with(token("two")).expect(1).mount(&server).await;
    let refused = ResponseTemplate::new(200).set_body_json(json!({"errcode": 40001, "errmsg": "no"}));
    // Both tokens are refused for material, and there is no third one for drafts.
    Mock::given(path(COUNT_PATH)).respond_with(refused.clone()).expect(2).mount(&server).await;
    Mock::given(path("/cgi-bin/draft/count")).respond_with(refused).expect(0).mount(&server).await;
    let collect = Collect { draft: Some(HOUR), quota: None };
    let report = Poller::new(collecting(&server.uri(), collect), &api_config()).poll().await;
    assert_eq!((report.refreshes, report.rejections), (2, 2));
    for collector in [Collector::Material, Collector::Draft] {
        assert_eq!(of(&report, collector).unwrap_err().class().label(), "token");
    }
}

fn cloud(url: &str, token: TokenSource) -> Poller {
    Poller::new(Account { token, ..account(url) }, &api_config())
}

#[tokio::test]
async fn cloud_hosting_sends_no_token_at_all() {
    let server = api_server().await;
    let bare = || Mock::given(path(COUNT_PATH)).and(query_param_is_missing("access_token"));
    bare().and(query_param_is_missing("from_appid")).respond_with(counts()).expect(1).mount(&server).await;
    assert!(
        outcome(&cloud(&server.uri(), TokenSource::CloudHosting { from_app_id: None }).poll().await).is_ok()
    );
    let from = AppId::parse("wxfedcba9876543210");
    bare()
        .and(query_param("from_appid", "wxfedcba9876543210"))
        .respond_with(counts())
        .expect(1)
        .mount(&server)
        .await;
    assert!(
        outcome(&cloud(&server.uri(), TokenSource::CloudHosting { from_app_id: from }).poll().await).is_ok()
    );
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| request.url.path() == COUNT_PATH && request.body.is_empty()));
}

#[tokio::test]
async fn errors_of_the_cloud_are_explained() {
    let source = || TokenSource::CloudHosting { from_app_id: None };
    for (answer, class, errcode, word) in [
        // Within the first minute the sidecar may not be ready.
        (
            ResponseTemplate::new(200)
                .set_body_json(json!({"errcode": 41001, "errmsg": "access_token missing"})),
            "busy",
            Some(41001),
            "",
        ),
        (ResponseTemplate::new(502), "request", None, "allow-list"),
        (
            ResponseTemplate::new(200).set_body_json(json!({"errcode": 85107, "errmsg": "x"})),
            "request",
            Some(85107),
            "",
        ),
    ] {
        let server = api_server().await;
        Mock::given(path(COUNT_PATH)).respond_with(answer).mount(&server).await;
        let report = cloud(&server.uri(), source()).poll().await;
        let error = outcome(&report).unwrap_err();
        assert_eq!((error.class().label(), error.errcode().map(|code| code.0)), (class, errcode), "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[tokio::test]
async fn the_clouds_token_file_is_read_for_each_request() {
    let dir = tempfile::tempdir().unwrap();
    let file: PathBuf = dir.path().join("cloudbase_access_token");
    let server = api_server().await;
    for token in ["first", "second"] {
        Mock::given(path(COUNT_PATH))
            .and(query_param("cloudbase_access_token", token))
            .and(query_param_is_missing("access_token"))
            .respond_with(counts())
            .expect(1)
            .mount(&server)
            .await;
    }
    let mut poller = cloud(&server.uri(), TokenSource::CloudFile { path: file.clone(), from_app_id: None });
    let missing = poller.poll().await;
    let error = missing.token_error.unwrap();
    assert_eq!((error.class().label(), error.token_source()), ("decode", Some("cloud_file")));
    assert!(error.to_string().contains("cloudbase_access_token"), "{error}");
    for token in ["first\n", "second"] {
        std::fs::write(&file, token).unwrap();
        assert!(outcome(&poller.poll().await).is_ok());
    }
}
