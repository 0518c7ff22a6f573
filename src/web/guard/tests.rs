use std::fs;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::routing::get;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::*;
use crate::clock::WallTime;
use crate::config::web::load_web;

/// Hashes of cost 4, of the passwords `right` and `other`.
pub(super) const RIGHT: &str = "$2b$04$QFZ2ZXj6nYVRSPXZXaOTiej14PNwWBXKtSj4YJHeyqR/jsimnxnpS";
pub(super) const OTHER: &str = "$2y$04$abcdefghijklmnopqrstuu0HtfOlPbTiymk5tcV.3TsFPDd3SYZqu";

/// What a file with this text asks for.
pub(super) fn config(text: &str) -> WebConfig {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.yml");
    fs::write(&path, text).unwrap();
    load_web(&path, WallTime::from_millis(0)).unwrap_or_else(|broken| panic!("{}", broken.faults)).config
}

async fn ask(router: &Router, path: &str) -> (StatusCode, HeaderMap, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let (head, body) = TowerToHyperService::new(router.clone()).call(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (head.status, head.headers, String::from_utf8(body.into()).unwrap())
}

#[tokio::test]
async fn a_configured_header_is_on_every_answer_and_in_the_place_of_the_page_s() {
    let of_page = [(CONTENT_SECURITY_POLICY, "default-src 'none'")];
    let router = Router::new().route("/", get(move || async move { (of_page, "page") }));
    let text = "http_server_config: {headers: {Content-Security-Policy: frame-ancestors 'self'}}";
    let guard = Arc::new(Guard::new(config(text), false).unwrap());
    let router = guarded(router, Arc::clone(&guard));
    for (path, status) in [("/", StatusCode::OK), ("/none", StatusCode::NOT_FOUND)] {
        let (told, headers, _) = ask(&router, path).await;
        assert_eq!(told, status);
        let policies: Vec<_> = headers.get_all(CONTENT_SECURITY_POLICY).iter().collect();
        assert_eq!(policies, ["frame-ancestors 'self'"]);
    }
    guard.replace(config(&format!("basic_auth_users: {{a: {RIGHT}}}")));
    let (told, headers, text) = ask(&router, "/").await;
    assert_eq!((told, text.as_str()), (StatusCode::UNAUTHORIZED, "Unauthorized.\n"));
    assert!(!headers.contains_key(CONTENT_SECURITY_POLICY));
}

#[test]
fn machines_of_one_network_are_one_origin() {
    let origin = |text: &str| Origin::of(text.parse().unwrap());
    assert_eq!(origin("192.0.2.1"), origin("::ffff:192.0.2.1"));
    assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
    assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
    assert_ne!(origin("::1"), Origin::default());
}
