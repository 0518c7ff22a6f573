use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, StatusCode, Version};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use tokio::task::JoinSet;

use super::*;
use crate::clock::WallTime;
use crate::config::{Account, AccountName, AppId, BaseUrl, Budget, Endpoint, Limits, TokenSource};
use crate::metrics::{Encoding, Format};
use crate::poll::change::PollNowAnswer;
use crate::secret::SecretSource;
use crate::store::{LastPoll, Readings};

mod accounts;

struct Site {
    router: Router,
    store: Arc<Store>,
    readiness: Readiness,
    scrapes: Arc<AtomicUsize>,
}

impl Site {
    fn new() -> Self {
        Self::at("/metrics", |format, encoding| format!("{format:?} {encoding:?}").into_bytes())
    }

    fn at(path: &str, render: impl Fn(Format, Encoding) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::with(path, render, None)
    }

    fn with(
        path: &str,
        render: impl Fn(Format, Encoding) -> Vec<u8> + Send + Sync + 'static,
        lifecycle: Option<Lifecycle>,
    ) -> Self {
        let store = Arc::new(Store::default());
        let readiness = Readiness::default();
        let scrapes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&scrapes);
        let router = router(WebState {
            store: Arc::clone(&store),
            clock: Clock::System,
            readiness: readiness.clone(),
            telemetry_path: TelemetryPath::parse(path).unwrap(),
            external_url: None,
            tls: false,
            renderings: Arc::new(Renderings::new(move |format, encoding, pass_on| {
                for line in render(format, encoding).split_inclusive(|byte| *byte == b'\n') {
                    pass_on(line.to_vec());
                }
            })),
            lifecycle,
            on_scrape: Box::new(move || _ = count.fetch_add(1, Ordering::SeqCst)),
        });
        Self { router, store, readiness, scrapes }
    }

    async fn ask(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        let service = TowerToHyperService::new(self.router.clone());
        let (head, body) = service.call(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (head.status, head.headers, String::from_utf8(body.into()).unwrap())
    }

    async fn request(&self, method: Method, path: &str) -> (StatusCode, HeaderMap, String) {
        self.ask(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    async fn get(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        self.request(Method::GET, path).await
    }
}

fn readings(name: &str, last_poll: LastPoll) -> Readings {
    let endpoint =
        Endpoint { base_url: BaseUrl::parse("https://api.x").unwrap(), fallback: None, proxy: None };
    let account = Account {
        name: AccountName::parse(name).unwrap(),
        app_id: AppId::parse("wx0123456789abcdef").unwrap(),
        display_name: "<b>brand</b>".into(),
        info_labels: Box::new([]),
        interval: Duration::from_secs(600),
        collect: crate::config::Collect::default(),
        hold: Duration::from_secs(3_600),
        limits: Limits::default(),
        budget: Budget::default(),
        shard: None,
        endpoint: Arc::new(endpoint),
        token: TokenSource::StableToken { app_secret: SecretSource::Env("UNUSED".to_owned()) },
    };
    Readings { last_poll, ..Readings::new(Arc::new(account), WallTime::from_millis(0)) }
}

#[tokio::test]
async fn the_metrics_page_is_negotiated_and_counted() {
    let site = Site::new();
    let (status, headers, body) = site.get("/metrics").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "Text Identity"));
    assert_eq!(headers[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(headers["vary"], "Accept, Accept-Encoding");
    assert!(!headers.contains_key("content-encoding"));

    let request = Request::get("/metrics")
        .header(ACCEPT, "text/plain;q=0.1")
        .header(ACCEPT, "application/openmetrics-text;q=0.9")
        .header(ACCEPT_ENCODING, "gzip");
    let (_, headers, body) = site.ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(body, "OpenMetrics Gzip");
    assert_eq!(headers[CONTENT_TYPE], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(site.scrapes.load(Ordering::SeqCst), 2);
}

/// To HTTP/1.0 the end of the connection would be the end of the page, even of one that was cut.
#[tokio::test]
async fn the_length_of_a_long_page_is_told_to_http_1_0() {
    let site = Site::at("/metrics", |_, _| b"some\nlines\n".to_vec());
    for (version, length) in [(Version::HTTP_10, Some("11")), (Version::HTTP_11, None)] {
        let request = Request::get("/metrics").version(version).body(Body::empty()).unwrap();
        let (status, headers, body) = site.ask(request).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "some\nlines\n"));
        assert_eq!(headers.get(CONTENT_LENGTH).map(|length| length.to_str().unwrap()), length);
    }
}

#[tokio::test]
async fn a_failed_rendering_is_a_500() {
    let site = Site::at("/metrics", |_, _| panic!("as this test wants"));
    let (status, _, body) = site.get("/metrics").await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body, "the page could not be rendered\n");
}

#[tokio::test]
async fn head_answers_with_the_headers_of_get_and_no_body() {
    let site = Site::new();
    for path in ["/", "/?q=a", "/status.json", "/metrics", "/-/healthy", "/-/ready", "/style.css", "/none"] {
        let (status, mut headers, body) = site.get(path).await;
        let (head_status, mut head_headers, head_body) = site.request(Method::HEAD, path).await;
        assert_eq!(head_status, status, "{path}");
        assert_eq!(head_body, "", "{path}");
        assert_eq!(headers.remove(CONTENT_LENGTH).unwrap(), body.len().to_string(), "{path}");
        // The status page tells the time, but always in as many bytes.
        assert_eq!(head_headers.remove(CONTENT_LENGTH).unwrap(), body.len().to_string(), "{path}");
        assert_eq!(head_headers, headers, "{path}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_and_other_paths_unknown() {
    let site = Site::new();
    for path in ["/", "/metrics", "/-/healthy", "/-/ready", "/style.css"] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
            let (status, headers, _) = site.request(method.clone(), path).await;
            assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
            assert_eq!(headers[ALLOW], "GET, HEAD", "{method} {path}");
        }
    }
    for path in ["/metrics/", "/-/", "/-/quit", "//", "/index.html", "/style.css/.."] {
        assert_eq!(site.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(site.scrapes.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_metrics_page_may_be_elsewhere_and_in_the_status_page_s_place() {
    let site = Site::at("/a/b", |_, _| b"page".to_vec());
    assert_eq!(site.get("/a/b").await.2, "page");
    assert_eq!(site.get("/metrics").await.0, StatusCode::NOT_FOUND);
    assert!(site.get("/").await.2.contains("href=\"a/b\""));
    let site = Site::at("/", |_, _| b"page".to_vec());
    assert_eq!(site.get("/").await.2, "page");
    assert_eq!(site.get("/-/healthy").await.0, StatusCode::OK);
}

#[tokio::test]
async fn ready_says_how_many_accounts_are_missing_and_never_goes_back() {
    let site = Site::new();
    assert_eq!(site.get("/-/healthy").await.0, StatusCode::OK);
    site.store.publish(readings("a", LastPoll::Pending).into());
    site.store.publish(readings("b", LastPoll::Pending).into());
    site.store.publish(readings("c", LastPoll::Succeeded).into());
    let (status, _, body) = site.get("/-/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body, "Not ready: 2 of 3 accounts were not polled yet. Discovered ones are not waited for.\n");

    site.readiness.mark_ready();
    site.store.publish(readings("d", LastPoll::Pending).into());
    assert_eq!(site.get("/-/ready").await.0, StatusCode::OK);

    site.readiness.mark_stopping();
    let (status, _, body) = site.get("/-/ready").await;
    assert_eq!((status, body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "Not ready: stopping.\n"));
    assert_eq!(site.get("/-/healthy").await.0, StatusCode::OK, "still alive");
}

#[tokio::test]
async fn the_status_page_is_escaped_locked_down_and_in_the_reader_s_language() {
    let site = Site::new();
    site.store.publish(readings("a", LastPoll::Pending).into());
    let (status, headers, body) = site.get("/").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_TYPE], "text/html; charset=utf-8");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("vary", "Accept-Language"),
        ("content-language", "en"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    assert!(body.contains("&#60;b&#62;brand") && !body.contains("<b>brand"), "{body}");
    assert_eq!(headers["refresh"], "30");
    let (_, headers, _) = site.get("/?refresh=off").await;
    assert!(!headers.contains_key("refresh"));

    let chinese = Request::get("/").header(ACCEPT_LANGUAGE, "zh-CN,zh;q=0.9,en;q=0.8");
    let (_, headers, body) = site.ask(chinese.body(Body::empty()).unwrap()).await;
    assert_eq!(headers["content-language"], "zh-CN");
    assert!(body.contains("尚未轮询"));
}

#[tokio::test]
async fn the_style_sheet_is_found_where_the_page_looks() {
    let site = Site::new();
    let (_, _, page) = site.get("/").await;
    let link = page.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split_once('"').unwrap().0;
    let (status, headers, body) = site.get(&format!("/{link}")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_TYPE], "text/css; charset=utf-8");
    assert!(body.contains("prefers-color-scheme: dark"));
}

#[tokio::test]
async fn what_makes_the_exporter_act_is_refused_unless_enabled() {
    let site = Site::new();
    for path in ["/-/reload", "/-/poll?account=a"] {
        let (status, _, text) = site.request(Method::POST, path).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
        assert!(text.contains("--web.enable-lifecycle"), "{text}");
        for method in [Method::GET, Method::HEAD, Method::PUT] {
            let (status, headers, _) = site.request(method, path).await;
            assert_eq!((status, &headers[ALLOW]), (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap()));
        }
    }
}

/// A site whose wishes for polls are answered so, one after the other.
fn answering(answers: Vec<PollNowAnswer>, scheduler: &mut JoinSet<()>) -> Site {
    let (polls, mut wishes) = mpsc::channel(1);
    scheduler.spawn(async move {
        for told in answers {
            let Some(FleetChange::PollNow(wish)) = wishes.recv().await else { panic!() };
            assert_eq!(wish.name.as_str(), "brand");
            wish.answer.send(told).unwrap();
        }
    });
    let (reloads, _) = Reloads::new();
    Site::with("/metrics", |_, _| Vec::new(), Some(Lifecycle { reloads, polls }))
}

#[tokio::test]
async fn a_wish_for_a_poll_is_told_what_becomes_of_it() {
    let expected = [
        (PollNowAnswer::Due, StatusCode::ACCEPTED, "polled now"),
        (PollNowAnswer::Unknown, StatusCode::NOT_FOUND, "no account"),
        (PollNowAnswer::TooSoon(Duration::from_millis(12_300)), StatusCode::TOO_MANY_REQUESTS, "wait 13 s"),
        (PollNowAnswer::Parked("quota_day"), StatusCode::CONFLICT, "(quota_day)"),
    ];
    let mut scheduler = JoinSet::new();
    let site = answering(expected.iter().map(|(answer, ..)| *answer).collect(), &mut scheduler);
    for (_, status, words) in expected {
        let (told, headers, text) = site.request(Method::POST, "/-/poll?account=brand").await;
        assert_eq!(told, status);
        assert!(text.contains(words), "{text}");
        assert_eq!(headers.contains_key("retry-after"), status == StatusCode::TOO_MANY_REQUESTS);
    }
    // Without a scheduler the exporter is on its way out.
    let (status, ..) = site.request(Method::POST, "/-/poll?account=brand").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    for (query, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("?account=a&account=b", StatusCode::BAD_REQUEST),
        ("?account=%00", StatusCode::NOT_FOUND),
        ("?account=Brand", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(site.request(Method::POST, &format!("/-/poll{query}")).await.0, status, "{query}");
    }
}
