//! Secrets and tokens never leave. One exporter at log level `trace` meets every kind of error with
//! servers that echo what they are told; then everything it ever wrote is searched.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use wiremock::matchers::{path, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::harness::api_server;
use crate::program::{Serving, command, text};

/// Each stands in a place of its own, so that a leak names its way out.
const SECRETS: [&str; 15] = [
    "canary-inline-secret-0001",
    "canary-file-secret-0002",
    "canary-env-secret-0003",
    "canary-token-0004",
    "canary-proxy-password-0005",
    "canary-fresh-token-0006",
    "canary-url-password-0007",
    "canary-header-0008",
    "canary-redis-password-0009",
    "canary-kept-token-0010",
    "canary-served-token-0011",
    "canary-component-secret-0012",
    "canary-ticket-0013",
    "canary-component-token-0014",
    "canary-refresh-token-0015",
];

const ERRCODES: [i64; 13] =
    [-1, 40001, 40013, 40125, 40164, 42001, 45009, 45011, 48001, 50002, 61003, 89503, 47001];

/// Answers any token call with an error that echoes the request.
fn echo_token(request: &Request) -> ResponseTemplate {
    let code = code_in_path(request);
    let body = String::from_utf8_lossy(&request.body).into_owned();
    ResponseTemplate::new(200).set_body_json(json!({"errcode": code, "errmsg": format!("you sent {body}")}))
}

/// Answers any data call with an error that echoes the URL.
fn echo_data(request: &Request) -> ResponseTemplate {
    let code = code_in_path(request);
    let token = request.url.query_pairs().map(|(_, value)| value.into_owned()).collect::<String>();
    let message = format!("you asked for {} with {token}", request.url);
    ResponseTemplate::new(200).set_body_json(json!({"errcode": code, "errmsg": message}))
}

fn code_in_path(request: &Request) -> i64 {
    request.url.path().split('/').nth(2).unwrap().parse().unwrap()
}

async fn hostile_server() -> MockServer {
    let server = api_server().await;
    let token = |token: &str| {
        ResponseTemplate::new(200).set_body_json(json!({"access_token": token, "expires_in": 7200}))
    };
    Mock::given(path_regex("^/token/.*/stable_token$")).respond_with(echo_token).mount(&server).await;
    Mock::given(path_regex("^/data/.*/get_materialcount$")).respond_with(echo_data).mount(&server).await;
    for (place, answer) in [
        ("html", ResponseTemplate::new(200).set_body_string("<html>canary-token-0004</html>")),
        ("status", ResponseTemplate::new(502).set_body_string("canary-token-0004")),
        (
            "moved",
            ResponseTemplate::new(302).insert_header("location", "/else?access_token=canary-token-0004"),
        ),
        ("wrong-type", ResponseTemplate::new(200).set_body_json(json!({"voice_count": "canary-token-0004"}))),
        ("errcode", ResponseTemplate::new(200).set_body_json(json!({"errcode": "canary-token-0004"}))),
    ] {
        Mock::given(path(format!("/{place}/cgi-bin/material/get_materialcount")))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    external_sources(&server).await;
    let long = "canary-token-0004".repeat(40);
    Mock::given(path("/long/cgi-bin/stable_token")).respond_with(token(&long)).mount(&server).await;
    Mock::given(path("/good/cgi-bin/material/get_materialcount"))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(
                json!({"voice_count": 1, "video_count": 2, "image_count": 3, "news_count": 4}),
            ),
        )
        .mount(&server)
        .await;
    Mock::given(path_regex("/stable_token$"))
        .respond_with(token("canary-token-0004"))
        .up_to_n_times(20)
        .mount(&server)
        .await;
    Mock::given(path_regex("/stable_token$"))
        .respond_with(token("canary-fresh-token-0006"))
        .mount(&server)
        .await;
    server
}

/// A central token server that works and one that does not, and two platforms: one whose ticket is
/// refused, one whose authorizers' tokens are.
async fn external_sources(server: &MockServer) {
    let kept = ResponseTemplate::new(200).set_body_string("canary-served-token-0011");
    Mock::given(path("/kept")).respond_with(kept).mount(server).await;
    let echo = |request: &Request| {
        let url = request.url.to_string();
        ResponseTemplate::new(200).set_body_string(format!("<html>{url} {:?}</html>", request.headers))
    };
    Mock::given(path("/html-server")).respond_with(echo).mount(server).await;
    let echo = |request: &Request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let message = format!("{} {body}", request.url);
        ResponseTemplate::new(200).set_body_json(json!({"errcode": 61006, "errmsg": message}))
    };
    Mock::given(path("/ticket/cgi-bin/component/api_component_token")).respond_with(echo).mount(server).await;
    let token = json!({"component_access_token": "canary-component-token-0014", "expires_in": 7200});
    let token = ResponseTemplate::new(200).set_body_json(token);
    Mock::given(path("/grant/cgi-bin/component/api_component_token")).respond_with(token).mount(server).await;
    let echo = |request: &Request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let message = format!("{} {body}", request.url);
        ResponseTemplate::new(200).set_body_json(json!({"errcode": 61023, "errmsg": message}))
    };
    Mock::given(path_regex("^/grant/cgi-bin/component/api_")).respond_with(echo).mount(server).await;
}

/// Accounts whose tokens come from elsewhere, and the platforms of two of them.
fn external(server: &str, kept_file: &str) -> (String, usize) {
    let headers = "headers: {authorization: canary-header-0008}";
    let tokens = [
        format!("source: http, url: '{server}/html-server?key=canary-url-password-0007', {headers}"),
        format!("source: http, url: '{server}/nowhere?key=canary-url-password-0007', {headers}"),
        "source: http, url: 'http://user:canary-url-password-0007@127.0.0.1:1/x'".to_owned(),
        format!("source: http, url: '{server}/kept?key=canary-url-password-0007', {headers}"),
        "source: redis, url: 'redis://user:canary-redis-password-0009@127.0.0.1:1', key: k".to_owned(),
        format!("source: file, path: {kept_file}"),
        format!("source: cloud_file, path: {kept_file}"),
        "source: authorizer, platform: ticket, refresh_token: canary-refresh-token-0015".to_owned(),
        "source: authorizer, platform: grant, refresh_token: canary-refresh-token-0015".to_owned(),
    ];
    let mut yaml = String::new();
    for (number, token) in tokens.iter().enumerate() {
        let app_id = format!("wxe{number:015}");
        writeln!(
            yaml,
            "  e{number}: {{app_id: {app_id}, base_url: '{server}/data/40001', token: {{{token}}}}}"
        )
        .unwrap();
    }
    writeln!(yaml, "platforms:").unwrap();
    for (number, name) in ["ticket", "grant"].iter().enumerate() {
        let takeover = "accept_token_takeover: true";
        let ticket = format!("{{source: file, path: {kept_file}.ticket}}");
        let secret = "component_app_secret: canary-component-secret-0012";
        writeln!(yaml, "  {name}:\n    component_app_id: wxf{number:015}\n    base_url: '{server}/{name}'")
            .unwrap();
        writeln!(
            yaml,
            "    component_token: {{source: verify_ticket, {secret}, ticket: {ticket}, {takeover}}}"
        )
        .unwrap();
        writeln!(yaml, "    authorizer_token: {{source: api_authorizer_token, {takeover}}}").unwrap();
    }
    (yaml, tokens.len())
}

/// One account for each way to fail, and one that is well.
fn configuration(server: &str, secret_file: &str) -> (String, usize) {
    let inline = "app_secret: canary-inline-secret-0001".to_owned();
    let mut places: Vec<(String, String)> =
        ["good", "html", "status", "moved", "wrong-type", "errcode", "long"]
            .map(|p| (p.to_owned(), inline.clone()))
            .into();
    for code in ERRCODES {
        places.push((format!("token/{code}"), inline.clone()));
        places.push((format!("data/{code}"), inline.clone()));
    }
    places.push(("good".into(), format!("app_secret_file: {secret_file}")));
    places.push(("token/40125".into(), format!("app_secret_file: {secret_file}")));
    places.push(("token/40125".into(), "app_secret_env: CANARY_SECRET".to_owned()));
    let mut yaml = "api: {timeout: 3s, connect_timeout: 1s}\naccounts:\n".to_owned();
    let account = |yaml: &mut String, number: usize, base: &str, more: &str, token: &str| {
        writeln!(
            yaml,
            "  a{number}: {{app_id: wx{number:016}, base_url: '{base}', {more}token: {{{token}}}}}"
        )
        .unwrap();
    };
    for (number, (place, token)) in places.iter().enumerate() {
        account(&mut yaml, number, &format!("{server}/{place}"), "", token);
    }
    let proxy = "proxy: 'http://user:canary-proxy-password-0005@127.0.0.1:1', ";
    account(&mut yaml, 900, "http://127.0.0.1:1", "", &inline);
    account(&mut yaml, 901, "https://127.0.0.1:1", proxy, &inline);
    account(&mut yaml, 902, &server.replace("http", "https"), "", &inline);
    (yaml, places.len() + 3)
}

/// A configuration with everything against `server`, and how many accounts it has.
fn write_configuration(server: &MockServer, dir: &Path) -> (PathBuf, usize) {
    let secret_file = dir.join("secret");
    fs::write(&secret_file, "canary-file-secret-0002\n").unwrap();
    let (listed, accounts) = configuration(&server.uri(), secret_file.to_str().unwrap());
    let kept_file = dir.join("kept");
    fs::write(&kept_file, "canary-kept-token-0010\n").unwrap();
    fs::write(dir.join("kept.ticket"), "canary-ticket-0013\n").unwrap();
    let (external, more) = external(&server.uri(), kept_file.to_str().unwrap());
    let file = dir.join("exporter.yaml");
    fs::write(&file, listed + &external).unwrap();
    (file, accounts + more)
}

#[tokio::test]
async fn no_output_ever_holds_a_secret_or_a_token() {
    let server = hostile_server().await;
    let dir = tempfile::tempdir().unwrap();
    let (file, accounts) = write_configuration(&server, dir.path());
    for format in ["logfmt", "json"] {
        let mut command =
            command(&["--config.file", file.to_str().unwrap(), "--log.level=trace", "--log.format", format]);
        command
            .env("CANARY_SECRET", "canary-env-secret-0003")
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full");
        let exporter = Serving::spawn(command).await;
        let ended = |page: &str| page.lines().filter(|line| line.starts_with("wechat_account_up{")).count();
        let metrics = exporter.wait_for("/metrics", |page| ended(page) == accounts).await;
        let mut seen = vec![("metrics", metrics)];
        for path in [
            "/",
            "/status.json",
            "/config",
            "/sd",
            "/metrics?account=a0",
            "/-/ready",
            "/-/healthy",
            "/nowhere?access_token=canary-token-0004",
        ] {
            seen.push((path, exporter.page(path).await));
        }
        let client = reqwest::Client::new();
        let open =
            client.get(format!("{}/metrics", exporter.url)).header("accept", "application/openmetrics-text");
        seen.push(("openmetrics", open.send().await.unwrap().text().await.unwrap()));
        assert_classes(&seen[0].1);
        assert!(seen.iter().any(|(path, text)| *path == "/config" && text.matches("<secret>").count() > 20));
        exporter.signal("TERM");
        let (_, out, log) = exporter.ended().await;
        assert!(log.lines().count() > accounts, "the log is there at all: {log}");
        seen.extend([("stdout", out), ("stderr", log)]);
        for (place, text) in &seen {
            for secret in SECRETS {
                assert!(!text.contains(secret), "{secret} is in {place} ({format}):\n{text}");
            }
        }
    }
}

#[tokio::test]
async fn the_doctor_tells_no_secret() {
    let server = hostile_server().await;
    let dir = tempfile::tempdir().unwrap();
    let (file, accounts) = write_configuration(&server, dir.path());
    for args in [&["doctor"][..], &["doctor", "--json"]] {
        let mut command = command(&["--config.file", file.to_str().unwrap(), "--log.level=trace"]);
        command.args(args).env("CANARY_SECRET", "canary-env-secret-0003").env("RUST_BACKTRACE", "full");
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let (out, log) = (text(&output.stdout), text(&output.stderr));
        let told = out.lines().filter(|line| line.contains("failed")).count();
        assert!(told > accounts / 2, "the errors really happened:\n{out}");
        for secret in SECRETS {
            assert!(!out.contains(secret) && !log.contains(secret), "{secret} is in:\n{out}\n{log}");
        }
    }
}

/// The errors really happened.
fn assert_classes(page: &str) {
    for class in [
        "network",
        "busy",
        "token",
        "secret",
        "ip",
        "risk",
        "quota_minute",
        "quota_day",
        "permission",
        "account",
        "authorization",
        "request",
        "decode",
    ] {
        assert!(page.contains(&format!("class=\"{class}\"")), "no account failed with {class}:\n{page}");
    }
}

#[tokio::test]
async fn a_check_of_a_bad_file_does_not_show_its_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("exporter.yaml");
    for yaml in [
        "accounts: {a: {app_id: canary-inline-secret-0001, token: {app_secret: [canary-inline-secret-0001]}}}",
        "accounts: {a: {token: canary-inline-secret-0001}}",
        "accounts: {a: {token: {app_secret: canary-inline-secret-0001, app_secret_env: canary-inline-secret-0001}}}",
        "accounts: {a: {token: {app_secret: 'canary-inline-secret-0001}}}",
        "poll: {interval: canary-inline-secret-0001}\napi: {proxy: 'ftp://canary-proxy-password-0005@x'}",
        "accounts: [canary-inline-secret-0001]",
    ] {
        fs::write(&file, yaml).unwrap();
        let output =
            command(&["--config.check", "--log.level=trace", "--config.file", file.to_str().unwrap()]);
        let output = { output }.output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{yaml}");
        for stream in [&output.stdout, &output.stderr] {
            let text = String::from_utf8_lossy(stream);
            assert!(!text.contains("canary-inline") && !text.contains("canary-proxy"), "{yaml}:\n{text}");
        }
    }
}
