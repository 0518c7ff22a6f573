//! Tokens that other programs keep, in files and on token servers: what is taken for one, for how
//! long, what is refused and how that is told.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;
use wechat_material_exporter::clock::Clock;
use wechat_material_exporter::config::token::{
    FileSource, HttpSource, Ids, Pointer, ReadOnlySource, Template,
};
use wechat_material_exporter::config::{Account, TokenSource};
use wechat_material_exporter::secret::SecretSource;
use wechat_material_exporter::token::read::Reader;
use wiremock::matchers::{any, header, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{Poller, account, api_config, api_server, outcome};
use crate::program::PATIENCE;
use crate::reading::{
    CANARY, IDS, NOW, inline, make_certificates, openssl_server, pointer, reader, refusal, secret, trust,
    value,
};

fn file(path: &Path, pointer: Option<Pointer>) -> ReadOnlySource {
    ReadOnlySource::File(FileSource { path: Template::new(path.to_str().unwrap()), pointer })
}

fn http(url: &str) -> HttpSource {
    HttpSource { url: inline(url), headers: Vec::new(), pointer: None, expires_pointer: None, ca_file: None }
}

fn json_http(url: &str, token: &str, expires: Option<&str>) -> ReadOnlySource {
    let expires_pointer = expires.map(pointer);
    ReadOnlySource::Http(HttpSource { pointer: Some(pointer(token)), expires_pointer, ..http(url) })
}

async fn serving(answer: ResponseTemplate) -> MockServer {
    let server = api_server().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn plain(body: impl Into<String>) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(body)
}

#[tokio::test]
async fn a_token_file_is_read_each_time() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(IDS.app_id);
    let source = file(&dir.path().join("{app_id}"), None);
    let reader = reader();
    for token in ["15_first", "15_second"] {
        std::fs::write(&path, format!("{token}\r\n")).unwrap();
        let read = reader.read(&source, IDS).await.unwrap();
        assert_eq!((&read.value, read.good_until), (&secret(token), None));
    }
    std::fs::write(&path, r#"{"data": [{"a/b": "15_third", "n": 7}], "none": null}"#).unwrap();
    let read = reader.read(&file(&path, Some(pointer("/data/0/a~1b"))), IDS).await;
    assert_eq!(value(read), secret("15_third"));
    for wrong in ["/data/0/n", "/none", "/data/1", "/missing", ""] {
        let (class, text) = refusal(reader.read(&file(&path, Some(pointer(wrong))), IDS).await);
        assert_eq!(class, "decode", "{wrong}");
        assert!(text.contains(&format!("`{wrong}`")) && text.contains(path.to_str().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn a_file_without_a_token_is_refused_and_named() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("token");
    let name = path.to_str().unwrap();
    let reader = reader();
    let (class, text) = refusal(reader.read(&file(&path, None), IDS).await);
    assert_eq!(class, "decode");
    assert!(text.contains(name) && text.contains("No such file"), "{text}");
    let directory = refusal(reader.read(&file(dir.path(), None), IDS).await);
    assert_eq!(directory.0, "decode");
    let (long, huge) = (format!("{CANARY}{}", "x".repeat(512)), CANARY.repeat(100_000));
    let bad = ["", "\n", " canary0password", "canary0password b", "canary0password\nb", &long, &huge];
    for bad in bad {
        std::fs::write(&path, bad).unwrap();
        let (class, text) = refusal(reader.read(&file(&path, None), IDS).await);
        assert_eq!(class, "decode");
        assert!(text.contains(name) && !text.contains(CANARY), "{text}");
        let (class, text) = refusal(reader.read(&file(&path, Some(pointer("/token"))), IDS).await);
        assert_eq!(class, "decode");
        assert!(text.contains(name) && !text.contains(CANARY), "{text}");
    }
    for bad in [&json!({"token": ""}), &json!({"token": long}), &json!({"token": "canary0password\n"})] {
        std::fs::write(&path, bad.to_string()).unwrap();
        let (class, text) = refusal(reader.read(&file(&path, Some(pointer("/token"))), IDS).await);
        assert_eq!(class, "decode");
        assert!(text.contains(name) && !text.contains(CANARY), "{text}");
    }
    std::fs::write(&path, b"\xff\xfe\x00").unwrap();
    assert_eq!(refusal(reader.read(&file(&path, None), IDS).await).0, "decode");
}

#[tokio::test]
async fn a_token_server_gets_the_ids_and_the_secrets_as_they_are_now() {
    let server = api_server().await;
    let agent = concat!("wechat-material-exporter/", env!("CARGO_PKG_VERSION"));
    for key in ["first", "second"] {
        Mock::given(path("/wx0123456789abcdef/token"))
            .and(query_param("component", "wxcomponent"))
            .and(header("authorization", format!("Bearer {key}").as_str()))
            .and(header("x-app", IDS.app_id))
            .and(header("x-home", std::env::var("PATH").unwrap().as_str()))
            .and(header("user-agent", agent))
            .respond_with(plain(format!("  15_{key}\r\n")))
            .expect(1)
            .mount(&server)
            .await;
    }
    let dir = TempDir::new().unwrap();
    let key_file = dir.path().join("key");
    let url_file = dir.path().join("url");
    std::fs::write(&url_file, format!("{}/{{app_id}}/token?component={{component_app_id}}\n", server.uri()))
        .unwrap();
    let headers = vec![
        ("authorization".to_owned(), SecretSource::file(&key_file)),
        ("x-app".to_owned(), inline("{app_id}")),
        ("x-home".to_owned(), SecretSource::Env("PATH".to_owned())),
    ];
    let source = ReadOnlySource::Http(HttpSource { url: SecretSource::file(url_file), headers, ..http("") });
    let reader = reader();
    for key in ["first", "second"] {
        std::fs::write(&key_file, format!("Bearer {key}\n")).unwrap();
        let read = reader.read(&source, IDS).await.unwrap();
        assert_eq!((&read.value, read.good_until), (&secret(&format!("15_{key}")), None));
    }
    std::fs::remove_file(&key_file).unwrap();
    assert_eq!(refusal(reader.read(&source, IDS).await).0, "secret");
}

#[tokio::test]
async fn an_expiry_says_how_long_a_token_is_trusted() {
    async fn check(expiry: Value, expected: u64) {
        let answer = json!({"code": 0, "data": {"access_token": "15_a", "expires": expiry}});
        let server = serving(ResponseTemplate::new(200).set_body_json(answer)).await;
        let source = json_http(&server.uri(), "/data/access_token", Some("/data/expires"));
        let token = reader().read(&source, IDS).await.unwrap();
        let trust = trust(&token).unwrap();
        assert!((expected.saturating_sub(2)..=expected).contains(&trust), "{expiry}: {trust}");
    }
    check(json!(1_000), 940).await;
    check(json!("1000"), 940).await;
    check(json!(7_200), 1_800).await;
    check(json!(99_999_999), 1_800).await;
    check(json!(30), 0).await;
    check(json!(NOW + 1_000), 940).await;
    check(json!(NOW + 7_200), 1_800).await;
    check(json!((NOW + 1_000) * 1_000), 940).await;
    check(json!(((NOW + 1_000) * 1_000).to_string()), 940).await;
    check(json!(u64::MAX), 1_800).await;
}

#[tokio::test]
async fn an_expiry_by_the_machines_clock() {
    #[expect(clippy::disallowed_methods, reason = "the test compares with the machine's clock")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let answer = json!({"token": "15_a", "until": now + 600});
    let server = serving(ResponseTemplate::new(200).set_body_json(answer)).await;
    let reader = Reader::new(Duration::from_secs(2), Clock::System);
    let read = reader.read(&json_http(&server.uri(), "/token", Some("/until")), IDS).await.unwrap();
    assert!((535..=540).contains(&trust(&read).unwrap()));
}

#[tokio::test]
async fn an_expired_token_is_not_used() {
    for expiry in [json!(0), json!("0"), json!(NOW), json!(NOW - 1), json!((NOW - 1) * 1_000)] {
        let answer = json!({"token": "15_a", "until": expiry});
        let server = serving(ResponseTemplate::new(200).set_body_json(answer)).await;
        let (class, text) =
            refusal(reader().read(&json_http(&server.uri(), "/token", Some("/until")), IDS).await);
        assert_eq!(class, "token", "{expiry}");
        assert!(text.contains("expired") && text.contains("http://127.0.0.1"), "{text}");
    }
}

#[tokio::test]
async fn pointers_that_match_nothing_of_use_are_named() {
    let answer =
        json!({"n": 7, "null": null, "list": ["x"], "text": "15_a", "minus": -1, "half": 0.5, "empty": ""});
    let server = serving(ResponseTemplate::new(200).set_body_json(answer)).await;
    let reader = reader();
    for wrong in ["/n", "/null", "/list", "/missing", "/text/0", ""] {
        let (class, text) = refusal(reader.read(&json_http(&server.uri(), wrong, None), IDS).await);
        assert_eq!(class, "decode", "{wrong}");
        assert!(text.contains(&format!("`{wrong}`")), "{text}");
    }
    for wrong in ["/text", "/null", "/list", "/missing", "/minus", "/half", "/empty"] {
        let (class, text) = refusal(reader.read(&json_http(&server.uri(), "/text", Some(wrong)), IDS).await);
        assert_eq!(class, "decode", "{wrong}");
        assert!(text.contains(&format!("`{wrong}`")), "{text}");
    }
    assert_eq!(refusal(reader.read(&json_http(&server.uri(), "/empty", None), IDS).await).0, "decode");
}

#[tokio::test]
async fn answers_that_hold_no_token_are_refused() {
    let long = format!("{CANARY}{}", "x".repeat(512));
    let html = format!("<!DOCTYPE html><html>{CANARY}</html>");
    let error = format!(r#"{{"errcode":40001,"errmsg":"{CANARY}"}}"#);
    let cases = [
        (plain(""), "decode"),
        (plain(" \n"), "decode"),
        (plain(&long), "decode"),
        (plain(format!("{CANARY} b")), "decode"),
        (plain(&html), "decode"),
        (plain(&error), "decode"),
        (plain(CANARY.repeat(400_000)), "decode"),
        (ResponseTemplate::new(200).set_body_bytes(b"\xff\xfe"), "decode"),
        (ResponseTemplate::new(204), "request"),
        (ResponseTemplate::new(401).set_body_string(CANARY), "request"),
        (ResponseTemplate::new(404), "request"),
        (ResponseTemplate::new(500), "network"),
        (ResponseTemplate::new(502), "network"),
    ];
    for (answer, expected) in cases {
        let server = serving(answer).await;
        for pointer in [None, Some(pointer("/token"))] {
            let source = ReadOnlySource::Http(HttpSource { pointer, ..http(&server.uri()) });
            let (class, text) = refusal(reader().read(&source, IDS).await);
            assert_eq!(class, expected, "{text}");
            assert!(text.contains("http://127.0.0.1") && !text.contains(CANARY), "{text}");
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = api_server().await;
    Mock::given(any()).respond_with(plain("15_a")).expect(0).mount(&elsewhere).await;
    let away = ResponseTemplate::new(302).insert_header("location", elsewhere.uri().as_str());
    let server = serving(away).await;
    let (class, text) = refusal(reader().read(&ReadOnlySource::Http(http(&server.uri())), IDS).await);
    assert_eq!(class, "request");
    assert!(text.contains("302") && !text.contains(&elsewhere.uri()), "{text}");
}

#[tokio::test]
async fn a_slow_server_is_left_after_five_seconds() {
    let server = serving(plain("15_a").set_delay(PATIENCE)).await;
    let (class, text) = refusal(reader().read(&ReadOnlySource::Http(http(&server.uri())), IDS).await);
    assert_eq!(class, "network");
    assert!(text.contains("timed out"), "{text}");
}

#[tokio::test]
async fn no_message_shows_the_url_or_a_header() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    drop(silent);
    let server = serving(ResponseTemplate::new(403)).await;
    let hosts =
        [format!("127.0.0.1:{port}"), server.uri().replace("http://", ""), "nowhere.invalid".to_owned()];
    for host in hosts {
        let url = format!("http://{CANARY}:{CANARY}@{host}/{CANARY}?password={CANARY}#{CANARY}");
        let headers = vec![("x-key".to_owned(), inline(CANARY))];
        let source = ReadOnlySource::Http(HttpSource { headers, ..http(&url) });
        let read = reader().read(&source, IDS).await;
        let debug = format!("{read:?}");
        let (class, text) = refusal(read);
        assert!(["network", "request"].contains(&class));
        assert!(text.contains(&format!("http://{host}")), "{text}");
        assert!(!text.contains(CANARY) && !debug.contains(CANARY), "{text} {debug}");
    }
    let bad_header = HttpSource {
        headers: vec![("x-key".to_owned(), inline("canary0password\nb"))],
        ..http(&server.uri())
    };
    for source in [http(&format!("http://[{CANARY}")), http(&format!("ftp://host/{CANARY}")), bad_header] {
        let read = reader().read(&ReadOnlySource::Http(source), IDS).await;
        let text = refusal(read).1;
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[tokio::test]
async fn readers_of_one_url_share_a_request() {
    let server = api_server().await;
    let slowly = plain("15_a").set_delay(Duration::from_millis(100));
    Mock::given(path("/one")).respond_with(slowly).expect(1).mount(&server).await;
    Mock::given(path("/each")).respond_with(plain("15_b")).expect(3).mount(&server).await;
    let reader = Arc::new(reader());
    let one = Arc::new(ReadOnlySource::Http(http(&format!("{}/one", server.uri()))));
    let app_ids: Vec<String> = (0..50).map(|n| format!("wx{n:016}")).collect();
    let mut reads = JoinSet::new();
    for app_id in app_ids.clone() {
        let (reader, one) = (Arc::clone(&reader), Arc::clone(&one));
        reads.spawn(async move { reader.read(&one, Ids { app_id: &app_id, component_app_id: "" }).await });
    }
    for read in reads.join_all().await {
        assert_eq!(value(read), secret("15_a"));
    }
    let each = ReadOnlySource::Http(http(&format!("{}/each?id={{app_id}}", server.uri())));
    for app_id in &app_ids[..2] {
        value(reader.read(&each, Ids { app_id, component_app_id: "" }).await);
    }
    let headers = vec![("x-key".to_owned(), inline("other"))];
    let url = format!("{}/each?id={}", server.uri(), app_ids[0]);
    value(reader.read(&ReadOnlySource::Http(HttpSource { headers, ..http(&url) }), IDS).await);
}

#[tokio::test]
async fn a_token_that_was_refused_is_read_anew_within_the_second() {
    let server = api_server().await;
    let answered = |token: &str| Mock::given(path("/token")).respond_with(plain(token)).expect(1);
    answered("15_retired").up_to_n_times(1).with_priority(2).mount(&server).await;
    answered("15_fresh").mount(&server).await;
    let data = |token: &str, answer: Value| {
        let answer = ResponseTemplate::new(200).set_body_json(answer);
        Mock::given(query_param("access_token", token)).respond_with(answer).expect(1)
    };
    data("15_retired", json!({"errcode": 40001, "errmsg": "invalid credential"})).mount(&server).await;
    let counts = json!({"voice_count": 5, "video_count": 3, "image_count": 10, "news_count": 7});
    data("15_fresh", counts).mount(&server).await;
    let source = ReadOnlySource::Http(http(&format!("{}/token", server.uri())));
    let token = TokenSource::ReadOnly(Arc::new(source));
    let mut poller = Poller::new(Account { token, ..account(&server.uri()) }, &api_config());
    let report = poller.poll().await;
    assert!(outcome(&report).is_ok(), "{report:?}");
}

#[tokio::test]
async fn accounts_that_share_a_request_take_their_own_tokens_from_it() {
    let server = api_server().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"a": "15_a", "b": "15_b"}));
    Mock::given(any()).respond_with(answer).expect(1).mount(&server).await;
    let reader = reader();
    let (a, b) = (json_http(&server.uri(), "/a", None), json_http(&server.uri(), "/b", None));
    let (a, b) = tokio::join!(reader.read(&a, IDS), reader.read(&b, IDS));
    assert_eq!((value(a), value(b)), (secret("15_a"), secret("15_b")));
}

#[tokio::test]
async fn a_failure_is_not_remembered() {
    let server = api_server().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(500)).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(plain("15_a")).mount(&server).await;
    let (reader, source) = (reader(), ReadOnlySource::Http(http(&server.uri())));
    assert_eq!(refusal(reader.read(&source, IDS).await).0, "network");
    assert_eq!(value(reader.read(&source, IDS).await), secret("15_a"));
}

#[tokio::test]
async fn a_ca_file_is_trusted_for_https() {
    let dir = TempDir::new().unwrap();
    make_certificates(dir.path()).await;
    std::fs::write(dir.path().join("token"), "HTTP/1.0 200 OK\r\n\r\n15_tls").unwrap();
    let (_openssl, port) = openssl_server(dir.path(), "-HTTP").await;
    let url = format!("https://localhost:{port}/token");
    let ca_file = dir.path().join("ca.pem");
    let reader = reader();
    let untrusted = reader.read(&ReadOnlySource::Http(http(&url)), IDS).await;
    assert_eq!(refusal(untrusted).0, "network");
    let source = ReadOnlySource::Http(HttpSource { ca_file: Some(ca_file.clone()), ..http(&url) });
    assert_eq!(value(reader.read(&source, IDS).await), secret("15_tls"));
    std::fs::remove_file(&ca_file).unwrap();
    let (class, text) = refusal(reader.read(&source, IDS).await);
    assert_eq!(class, "network");
    assert!(text.contains(ca_file.to_str().unwrap()), "{text}");
}
