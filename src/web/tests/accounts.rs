//! Pages for one account, and accounts as targets.

use axum::http::header::HOST;
use serde_json::Value;

use super::*;

fn site() -> Site {
    let site = Site::new();
    site.store.publish(readings("a", LastPoll::Succeeded).into());
    site.store.publish(readings("b", LastPoll::Pending).into());
    site
}

#[tokio::test]
async fn one_account_has_a_page_of_its_own() {
    let site = site();
    let (status, headers, body) = site.get("/metrics?account=a&other=x").await;
    assert_eq!((status, &headers["vary"]), (StatusCode::OK, &"Accept, Accept-Encoding".parse().unwrap()));
    assert!(body.contains("wechat_account_up{account=\"a\"} 1\n"), "{body}");
    assert!(
        !body.contains("account=\"b\"") && !body.contains("wechat_exporter") && !body.contains("process_")
    );
    let open = Request::get("/metrics?account=a").header(ACCEPT, "application/openmetrics-text");
    let (_, _, body) = site.ask(open.body(Body::empty()).unwrap()).await;
    assert!(body.ends_with("# EOF\n"));
    assert_eq!(site.scrapes.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_account_that_is_not_there_has_no_page() {
    let site = site();
    let long = format!("/metrics?account={}", "a".repeat(10_000));
    for path in ["/metrics?account=c", "/metrics?account=", "/metrics?account=%22%3E%3Cx", long.as_str()] {
        let (status, _, body) = site.get(path).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "There is no account of this name.\n"));
    }
    assert_eq!(site.get("/metrics?account=a&account=b").await.0, StatusCode::BAD_REQUEST);
}

async fn targets(site: &Site, host: &str) -> (StatusCode, String) {
    let request = Request::get("/sd").header(HOST, host).body(Body::empty()).unwrap();
    let (status, headers, body) = site.ask(request).await;
    if status == StatusCode::OK {
        assert_eq!(headers[CONTENT_TYPE], "application/json");
    }
    (status, body)
}

#[tokio::test]
async fn each_account_is_a_target_by_the_name_that_the_client_used() {
    let (status, body) = targets(&site(), "exporter:19870").await;
    let groups: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, groups.as_array().unwrap().len()), (StatusCode::OK, 2));
    assert_eq!(
        groups[0],
        serde_json::json!({
            "targets": ["exporter:19870"],
            "labels": {
                "__scheme__": "http",
                "__metrics_path__": "/metrics",
                "__param_account": "a",
                "instance": "exporter:19870/a",
                "__meta_wechat_account": "a",
                "__meta_wechat_app_id": "wx0123456789abcdef",
                "__meta_wechat_display_name": "<b>brand</b>",
                "__meta_wechat_source": "stable_token",
            },
        })
    );
    let none = targets(&Site::new(), "exporter:19870").await;
    assert_eq!(none, (StatusCode::OK, "[\n]\n".to_owned()));
}

#[tokio::test]
async fn a_host_that_is_none_is_refused() {
    for host in ["", "a b", "user:password@a", "a/b", "\"]}"] {
        let (status, body) = targets(&site(), host).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{host}");
        assert!(!body.contains("password"));
    }
    let request = Request::get("/sd").body(Body::empty()).unwrap();
    assert_eq!(site().ask(request).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_new_pages_take_get_and_head_alone() {
    let site = site();
    for path in ["/sd", "/config", "/status.json", "/metrics?account=a"] {
        let (status, headers, _) = site.request(Method::POST, path).await;
        assert_eq!(
            (status, &headers[ALLOW]),
            (StatusCode::METHOD_NOT_ALLOWED, &"GET, HEAD".parse().unwrap())
        );
    }
}
