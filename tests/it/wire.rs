//! What goes over the wire and what is made of every answer, byte by byte, against a mock server.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use wechat_material_exporter::config::token::{FileSource, ReadOnlySource, Template};
use wechat_material_exporter::config::{BaseUrl, Endpoint, Kind, TokenSource};
use wechat_material_exporter::poll::account::PollReport;
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::wechat::collect::Collected;
use wiremock::matchers::{any, body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::config::good;
use crate::harness::{APP_SECRET, Poller, account, api_config, api_server, outcome};

const TOKEN_PATH: &str = "/cgi-bin/stable_token";
const COUNT_PATH: &str = "/cgi-bin/material/get_materialcount";
const COUNTS: &str = r#"{"voice_count":5,"video_count":3,"image_count":10,"news_count":7}"#;
/// Characters that a query string must escape.
const TOKEN: &str = "15_a+b/c=d@e&f g";

fn token_answer(token: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"access_token": token, "expires_in": 7200}))
}

/// As the material APIs answer: JSON, called plain text.
fn plain(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "text/plain")
}

async fn serve_token(server: &MockServer, token: &str) {
    Mock::given(path(TOKEN_PATH)).respond_with(token_answer(token)).mount(server).await;
}

async fn serve_counts(server: &MockServer, answer: ResponseTemplate) {
    Mock::given(path(COUNT_PATH)).respond_with(answer).mount(server).await;
}

fn counts(report: &PollReport) -> [u64; 4] {
    let Ok(Collected::Material(counts)) = outcome(report) else { panic!("{report:?}") };
    Kind::ALL.map(|kind| counts[kind])
}

/// Class, errcode and text of a failed poll.
fn failure(report: &PollReport) -> (&'static str, Option<i64>, String) {
    let error = outcome(report).unwrap_err();
    (error.class().label(), error.errcode().map(|code| code.0), error.to_string())
}

#[tokio::test]
async fn a_poll_sends_exactly_two_requests_and_reuses_its_token() {
    let server = api_server().await;
    let agent = concat!("wechat-material-exporter/", env!("CARGO_PKG_VERSION"));
    Mock::given(method("POST"))
        .and(path(TOKEN_PATH))
        .and(header("user-agent", agent))
        .and(header("content-type", "application/json"))
        .and(body_json(json!({
            "grant_type": "client_credential", "appid": "wx0123456789abcdef", "secret": APP_SECRET,
        })))
        .respond_with(token_answer(TOKEN))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(path(COUNT_PATH))
        .and(query_param("access_token", TOKEN))
        .and(header("user-agent", agent))
        .respond_with(plain(COUNTS))
        .expect(3)
        .mount(&server)
        .await;
    let mut poller = Poller::new(account(&server.uri()), &api_config());
    let first = poller.poll().await;
    assert_eq!((counts(&first), first.refreshes, first.rejections), ([5, 3, 10, 7], 1, 0));
    for _ in 0..2 {
        let next = poller.poll().await;
        assert_eq!((counts(&next), next.refreshes), ([5, 3, 10, 7], 0));
    }
    for request in server.received_requests().await.unwrap() {
        if request.url.path() == COUNT_PATH {
            assert_eq!(request.url.query_pairs().count(), 1);
            assert!(request.body.is_empty());
        }
    }
}

#[tokio::test]
async fn a_base_url_keeps_its_path() {
    let server = api_server().await;
    Mock::given(path(format!("/wechat{TOKEN_PATH}"))).respond_with(token_answer("t")).mount(&server).await;
    Mock::given(path(format!("/wechat{COUNT_PATH}"))).respond_with(plain(COUNTS)).mount(&server).await;
    let mut poller = Poller::new(account(&format!("{}/wechat/", server.uri())), &api_config());
    assert_eq!(counts(&poller.poll().await), [5, 3, 10, 7]);
}

#[tokio::test]
async fn good_answers_come_in_many_shapes() {
    let shapes = [
        r#"{"errcode":0,"errmsg":"ok","voice_count":5,"video_count":3,"image_count":10,"news_count":7}"#,
        r#"{"voice_count":"5","video_count":"3","image_count":"10","news_count":"7"}"#,
        r#"{"base_resp":{"ret":0},"voice_count":5,"video_count":3,"image_count":10,"news_count":7,"x":[1]}"#,
        "\n {\"voice_count\":5,\"video_count\":3,\"image_count\":10,\"news_count\":7}\r\n",
    ];
    for shape in shapes {
        let server = api_server().await;
        serve_token(&server, "t").await;
        serve_counts(&server, plain(shape)).await;
        let mut poller = Poller::new(account(&server.uri()), &api_config());
        assert_eq!(counts(&poller.poll().await), [5, 3, 10, 7], "{shape}");
    }
}

/// The class and errcode that a data call's answer leads to.
async fn check_data(answer: ResponseTemplate, class: &str, errcode: Option<i64>) -> String {
    let server = api_server().await;
    serve_token(&server, "t").await;
    serve_counts(&server, answer).await;
    let mut poller = Poller::new(account(&server.uri()), &api_config());
    let report = poller.poll().await;
    let (got, code, text) = failure(&report);
    assert_eq!((got, code), (class, errcode), "{text}");
    text
}

async fn check_token(answer: ResponseTemplate, class: &str, errcode: Option<i64>) -> String {
    let server = api_server().await;
    Mock::given(path(TOKEN_PATH)).respond_with(answer).mount(&server).await;
    Mock::given(path(COUNT_PATH)).respond_with(plain(COUNTS)).expect(0).mount(&server).await;
    let mut poller = Poller::new(account(&server.uri()), &api_config());
    let report = poller.poll().await;
    let (got, code, text) = failure(&report);
    assert_eq!((got, code), (class, errcode), "{text}");
    text
}

#[tokio::test]
async fn bad_answers_are_refused_and_never_read_as_zero() {
    for bad in [
        "",
        "<html><body>gateway</body></html>",
        "[5,3,10,7]",
        "{}",
        r#"{"voice_count":5,"video_count":3,"image_count":10}"#,
        r#"{"voice_count":5,"video_count":3,"image_count":10,"news_count":-1}"#,
        r#"{"voice_count":5,"video_count":3,"image_count":10.5,"news_count":7}"#,
        r#"{"voice_count":5,"video_count":3,"image_count":null,"news_count":7}"#,
        r#"{"errcode":"what","voice_count":5,"video_count":3,"image_count":10,"news_count":7}"#,
    ] {
        check_data(plain(bad), "decode", None).await;
    }
    let text = check_data(plain(&" ".repeat(5 << 20)), "decode", None).await;
    assert!(text.contains("1 MiB"), "{text}");
}

#[tokio::test]
async fn api_errors_have_their_class_and_code() {
    let error = |code: &str, text: &str| plain(&format!(r#"{{"errcode":{code},"errmsg":"{text}"}}"#));
    check_data(error("-1", "system error"), "busy", Some(-1)).await;
    check_data(error("\"45009\"", "reach max"), "quota_day", Some(45009)).await;
    check_data(error("48001", "api unauthorized"), "permission", Some(48001)).await;
    check_data(error("123456", "new"), "other", Some(123_456)).await;
    check_token(error("40001", "invalid credential"), "secret", Some(40001)).await;
    check_token(error("40164", "invalid ip 203.0.113.8"), "ip", Some(40164)).await;
    check_token(error("45009", "reach max"), "quota_day", Some(45009)).await;
    let long = format!(r#"{{"access_token":"{}","expires_in":7200}}"#, "x".repeat(513));
    check_token(plain(&long), "decode", None).await;
    check_token(plain(r#"{"access_token":"t","expires_in":0}"#), "decode", None).await;
    check_token(plain("{}"), "decode", None).await;
}

#[tokio::test]
async fn http_statuses_have_their_class_and_redirects_are_not_followed() {
    check_data(ResponseTemplate::new(502), "network", None).await;
    check_data(ResponseTemplate::new(404), "request", None).await;
    check_data(ResponseTemplate::new(204), "request", None).await;
    let elsewhere = api_server().await;
    Mock::given(any()).respond_with(plain(COUNTS)).expect(0).mount(&elsewhere).await;
    for status in [301, 302, 307, 308] {
        let redirect = ResponseTemplate::new(status).insert_header("location", elsewhere.uri());
        check_data(redirect.clone(), "request", None).await;
        check_token(redirect, "request", None).await;
    }
}

#[tokio::test]
async fn an_error_text_that_echoes_a_secret_is_masked() {
    let echo = format!(r#"{{"errcode":40125,"errmsg":"invalid appsecret {APP_SECRET} rid: 1"}}"#);
    let text = check_token(plain(&echo), "secret", Some(40125)).await;
    assert!(text.contains("invalid appsecret <secret> rid: 1"), "{text}");
}

#[tokio::test]
async fn a_slow_answer_is_cut_off() {
    let server = api_server().await;
    serve_token(&server, "t").await;
    serve_counts(&server, plain(COUNTS).set_delay(Duration::from_secs(30))).await;
    let mut api = api_config();
    api.timeout = Duration::from_millis(200);
    let mut poller = Poller::new(account(&server.uri()), &api);
    let (class, _, text) = failure(&poller.poll().await);
    assert_eq!(class, "network");
    assert!(text.contains("timed out"), "{text}");
}

/// A server that reads a request, says `answer`, and closes.
async fn rude_server(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(answer).await.unwrap();
        }
    };
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::spawn(serve);
    format!("http://{address}")
}

#[tokio::test]
async fn cut_connections_are_network_failures_without_a_url_in_the_text() {
    let answers: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"acc",
        b"\x16\x03\x01 this is not HTTP\r\n\r\n",
    ];
    for answer in answers {
        let url = rude_server(answer).await;
        let (class, code, text) = failure(&Poller::new(account(&url), &api_config()).poll().await);
        assert_eq!((class, code), ("network", None), "{text}");
        assert!(!text.contains("cgi-bin"), "{text}");
    }
}

#[tokio::test]
async fn no_connection_is_a_network_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let plain_http = rude_server(b"HTTP/1.1 200 OK\r\n\r\n").await.replace("http://", "https://");
    for url in [closed.as_str(), "http://no-such-host.invalid", &plain_http] {
        let report = Poller::new(account(url), &api_config()).poll().await;
        assert!(outcome(&report).unwrap_err().failed_to_connect(), "{report:?}");
        assert_eq!(failure(&report).0, "network");
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_call_repeated_once() {
    let server = api_server().await;
    Mock::given(path(TOKEN_PATH)).respond_with(token_answer("old")).up_to_n_times(1).mount(&server).await;
    Mock::given(path(TOKEN_PATH)).respond_with(token_answer("new")).mount(&server).await;
    let refused = plain(r#"{"errcode":40001,"errmsg":"not latest"}"#);
    Mock::given(query_param("access_token", "old")).respond_with(refused).expect(1).mount(&server).await;
    Mock::given(query_param("access_token", "new"))
        .respond_with(plain(COUNTS))
        .expect(1)
        .mount(&server)
        .await;
    let report = Poller::new(account(&server.uri()), &api_config()).poll().await;
    assert_eq!((counts(&report), report.refreshes, report.rejections), ([5, 3, 10, 7], 2, 1));
}

#[tokio::test]
async fn a_token_that_is_refused_and_does_not_change_is_not_sent_again() {
    for code in [40001, 40014, 42001, 48012] {
        let server = api_server().await;
        Mock::given(path(TOKEN_PATH)).respond_with(token_answer("same")).expect(2).mount(&server).await;
        let refused = plain(&format!(r#"{{"errcode":{code},"errmsg":"no"}}"#));
        Mock::given(path(COUNT_PATH)).respond_with(refused).expect(2).mount(&server).await;
        let mut poller = Poller::new(account(&server.uri()), &api_config());
        let first = poller.poll().await;
        assert_eq!((failure(&first).0, first.refreshes, first.rejections), ("token", 2, 1));
        // Within five minutes no further fetch: one data call, nothing else.
        let second = poller.poll().await;
        assert_eq!((failure(&second).0, second.refreshes, second.rejections), ("token", 0, 1));
    }
}

#[tokio::test]
async fn a_token_that_changes_and_is_refused_again_is_not_a_loop() {
    let server = api_server().await;
    Mock::given(path(TOKEN_PATH)).respond_with(token_answer("one")).up_to_n_times(1).mount(&server).await;
    Mock::given(path(TOKEN_PATH)).respond_with(token_answer("two")).expect(1).mount(&server).await;
    let refused = plain(r#"{"errcode":42001,"errmsg":"expired"}"#);
    Mock::given(path(COUNT_PATH)).respond_with(refused).expect(2).mount(&server).await;
    let report = Poller::new(account(&server.uri()), &api_config()).poll().await;
    assert_eq!((failure(&report).0, report.refreshes, report.rejections), ("token", 2, 2));
}

#[tokio::test]
async fn a_secret_file_is_read_at_each_fetch() {
    let server = api_server().await;
    let secret = |value: &str| {
        body_json(json!({"grant_type": "client_credential", "appid": "wx0123456789abcdef", "secret": value}))
    };
    let wrong = plain(r#"{"errcode":40125,"errmsg":"invalid appsecret"}"#);
    Mock::given(path(TOKEN_PATH)).and(secret("first")).respond_with(wrong).mount(&server).await;
    Mock::given(path(TOKEN_PATH))
        .and(secret("00second"))
        .respond_with(token_answer("t"))
        .mount(&server)
        .await;
    serve_counts(&server, plain(COUNTS)).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    let mut account = account(&server.uri());
    account.token = TokenSource::StableToken { app_secret: SecretSource::file(&file) };
    let mut poller = Poller::new(account, &api_config());
    let (class, _, text) = failure(&poller.poll().await);
    assert_eq!(class, "secret");
    assert!(text.contains("cannot read the secret file"), "{text}");
    std::fs::write(&file, "first\n").unwrap();
    assert_eq!(failure(&poller.poll().await).1, Some(40125));
    std::fs::write(&file, "00second\n").unwrap();
    assert_eq!(counts(&poller.poll().await), [5, 3, 10, 7]);
}

#[tokio::test]
async fn the_fallback_host_is_used_after_three_polls_without_a_connection() {
    let server = api_server().await;
    serve_token(&server, "t").await;
    serve_counts(&server, plain(COUNTS)).await;
    let mut account = account(&server.uri());
    account.endpoint = std::sync::Arc::new(Endpoint {
        base_url: BaseUrl::parse("http://127.0.0.1:1").unwrap(),
        fallback: BaseUrl::parse(&server.uri()),
        proxy: None,
    });
    let mut poller = Poller::new(account, &api_config());
    for _ in 0..3 {
        assert!(outcome(&poller.poll().await).unwrap_err().failed_to_connect());
    }
    assert_eq!(counts(&poller.poll().await), [5, 3, 10, 7]);
}

/// A firewall that drops packets, or a host whose queue is full: no answer of any kind.
#[tokio::test]
async fn a_host_that_takes_no_connection_is_told_from_one_that_does_not_answer() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let base = format!("http://{address}");
    let yaml = format!(
        "api: {{base_url: '{base}', timeout: 1s}}\naccounts: {{a: {{app_id: wx0123456789abcdef, token: {{app_secret: s}}}}}}"
    );
    let api = good(&yaml, &[]).api;
    let slow = outcome(&Poller::new(account(&base), &api).poll().await).unwrap_err().failed_to_connect();
    assert!(!slow, "it took the connection and said nothing");
    let mut queue = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queue.push(stream.unwrap());
    }
    for _ in 0..3 {
        let report = Poller::new(account(&base), &api).poll().await;
        assert!(outcome(&report).unwrap_err().failed_to_connect());
    }
}

#[tokio::test]
async fn calls_go_through_the_accounts_proxy_and_its_password_stays_hidden() {
    let proxy = api_server().await;
    serve_token(&proxy, "t").await;
    serve_counts(&proxy, plain(COUNTS)).await;
    let through = |url: String| {
        let mut account = account("http://wechat.invalid");
        account.endpoint = std::sync::Arc::new(Endpoint {
            base_url: BaseUrl::parse("http://wechat.invalid").unwrap(),
            fallback: None,
            proxy: Some(SecretSource::Inline(Secret::new(url))),
        });
        Poller::new(account, &api_config())
    };
    let url = proxy.uri().replace("http://", "http://user:canary-password@");
    assert_eq!(counts(&through(url).poll().await), [5, 3, 10, 7]);
    for request in proxy.received_requests().await.unwrap() {
        assert_eq!(request.headers["host"], "wechat.invalid");
    }
    for dead in ["http://user:canary-password@127.0.0.1:1", "http://user:canary-password@"] {
        let (class, _, text) = failure(&through(dead.into()).poll().await);
        assert_eq!(class, "network", "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

fn kept_in(file: &std::path::Path) -> TokenSource {
    let path = Template::new(file.to_str().unwrap());
    TokenSource::ReadOnly(std::sync::Arc::new(ReadOnlySource::File(FileSource { path, pointer: None })))
}

#[tokio::test]
async fn a_kept_token_that_was_replaced_is_read_again_and_the_call_repeated_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "kept-one\n").unwrap();
    let server = api_server().await;
    Mock::given(path(TOKEN_PATH)).respond_with(token_answer("t")).expect(0).mount(&server).await;
    let replacing = file.clone();
    // The owner replaces the token while our call is on its way.
    let refused = move |_: &wiremock::Request| {
        std::fs::write(&replacing, "kept-two\n").unwrap();
        plain(r#"{"errcode":40001,"errmsg":"not latest"}"#)
    };
    Mock::given(query_param("access_token", "kept-one")).respond_with(refused).expect(1).mount(&server).await;
    let kept = Mock::given(query_param("access_token", "kept-two"));
    kept.respond_with(plain(COUNTS)).expect(2).mount(&server).await;
    let mut account = account(&server.uri());
    account.token = kept_in(&file);
    let mut poller = Poller::new(account, &api_config());
    let report = poller.poll().await;
    assert_eq!((counts(&report), report.refreshes, report.rejections), ([5, 3, 10, 7], 2, 1));
    let report = poller.poll().await;
    assert_eq!((counts(&report), report.refreshes, report.rejections), ([5, 3, 10, 7], 0, 0));
}

#[tokio::test]
async fn a_kept_token_of_another_account_is_sent_once_a_poll_and_never_replaced_by_us() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "foreign-token").unwrap();
    let server = api_server().await;
    Mock::given(path(TOKEN_PATH)).respond_with(token_answer("t")).expect(0).mount(&server).await;
    let refused = plain(r#"{"errcode":40001,"errmsg":"invalid credential"}"#);
    Mock::given(path(COUNT_PATH)).respond_with(refused).expect(3).mount(&server).await;
    let mut account = account(&server.uri());
    account.token = kept_in(&file);
    let mut poller = Poller::new(account, &api_config());
    for _ in 0..3 {
        assert_eq!(failure(&poller.poll().await).0, "token");
    }
    std::fs::remove_file(&file).unwrap();
    let report = poller.poll().await;
    assert_eq!(outcome(&report).unwrap_err().token_source(), Some("file"));
}
