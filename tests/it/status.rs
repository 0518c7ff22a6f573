//! The status page as bytes on the wire: its JSON against its schema, and requests that want to break
//! it. How it looks in a browser is `browser`'s.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::Exporter;
use crate::gallery::{self, HEALTHY, HOSTILE};
use crate::program::{Serving, feed, within};

async fn document(exporter: &Exporter, query: &str) -> Value {
    serde_json::from_str(&exporter.page(&format!("/status.json{query}")).await).unwrap()
}

/// What the schema says against a document.
async fn faults(document: &Value) -> (Option<i32>, String) {
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/.tools/venv/bin/python");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/validate_json.py");
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/status.schema.json");
    feed(python, &[script, schema], document.to_string().as_bytes()).await
}

#[tokio::test]
async fn status_json_is_as_its_schema_says() {
    let exporter = gallery::exporter().await;
    let all = document(&exporter, "").await;
    assert_eq!(faults(&all).await, (Some(0), String::new()));
    assert_eq!(faults(&document(&exporter, "?state=none&page=7&q=nobody").await).await.0, Some(0));
    let empty = Exporter::start(Vec::new()).await;
    assert_eq!(faults(&document(&empty, "").await).await.0, Some(0));
    // And it can say no.
    for (place, value) in [
        ("/accounts/0/state", json!("unwell")),
        ("/accounts/0/next_poll", json!("soon")),
        ("/accounts/0/failing/remedy", json!({"en": "only"})),
        ("/platforms/0", json!({"name": "x", "state": "healthy", "more": 1})),
        ("/summary/states", json!({"failing": 1})),
        ("/page/number", json!(0)),
    ] {
        let mut wrong = all.clone();
        *wrong.pointer_mut(place).unwrap() = value;
        let (code, said) = faults(&wrong).await;
        assert_eq!(code, Some(1), "{place}");
        assert!(said.starts_with("$."), "{said}");
    }
    empty.end().await;
    exporter.end().await;
}

#[tokio::test]
async fn status_json_shows_the_same_accounts_as_the_page() {
    let exporter = gallery::exporter().await;
    for query in ["", "?state=failing", "?state=ip", "?q=hostile", "?state=nearly-full", "?q=none", "?page=3"]
    {
        let document = document(&exporter, query).await;
        let names: Vec<_> = document["accounts"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
        let page = exporter.page(&format!("/{query}")).await;
        let accounts = page.split_once("id=\"accounts\"").unwrap().1;
        let shown: Vec<_> =
            accounts.split("<h3>").skip(1).map(|rest| json!(rest.split_once('<').unwrap().0)).collect();
        // Its pages are longer, so that a later one is its last.
        let skipped = if query == "?page=3" { 200 } else { 0 };
        assert!(names.iter().skip(skipped).zip(&shown).all(|(name, shown)| *name == shown), "{query}");
        let left = (names.len() - skipped).min(100);
        assert_eq!(shown.len(), left, "{query}");
    }
    let all = document(&exporter, "").await;
    let count = all["summary"]["accounts"].as_u64().unwrap();
    assert_eq!(all["accounts"].as_array().unwrap().len() as u64, count);
    assert_eq!(all["summary"]["failing_by_class"]["secret"], 2);
    assert_eq!(
        all["summary"]["states"],
        json!({"failing": 16, "stale": 1, "degraded": 1, "healthy": HEALTHY + 9, "pending": 1})
    );
    let names: Vec<_> = document(&exporter, "?q=hostile").await["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["display_name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, HOSTILE);
    exporter.end().await;
}

/// Sends bytes as they are. The status line and all that followed.
async fn raw(exporter: &Exporter, request: &str) -> (String, String) {
    let exchange = async {
        let mut stream = TcpStream::connect(exporter.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    };
    let answer = within("an answer", exchange).await;
    let (status, rest) = answer.split_once("\r\n").unwrap();
    (status.to_owned(), rest.to_owned())
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: exporter\r\nConnection: close\r\n\r\n")
}

#[tokio::test]
async fn no_path_leads_to_a_file() {
    let exporter = gallery::exporter().await;
    for target in [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/style.css/../../Cargo.toml",
        "/..%2f..%2fetc%2fpasswd",
        "/templates/status.html",
        "//etc/passwd",
        "/style.css%00.html",
        "/\\..\\..\\etc\\passwd",
    ] {
        let (status, rest) = raw(&exporter, &get(target)).await;
        assert_eq!(status, "HTTP/1.1 404 Not Found", "{target}");
        assert!(rest.ends_with("\r\n\r\nNot found.\n"), "{target}: {rest}");
    }
    exporter.end().await;
}

#[tokio::test]
async fn a_long_query_is_answered_and_a_huge_one_refused() {
    let exporter = gallery::exporter().await;
    for path in ["/", "/status.json"] {
        let (status, rest) =
            raw(&exporter, &get(&format!("{path}?q={}", "%F0%9F%94%8D".repeat(1_200)))).await;
        assert_eq!(status, "HTTP/1.1 200 OK", "{path}");
        assert!(rest.contains(&"🔍".repeat(100)) != rest.contains("\"matching\": 0"), "{path}: {rest}");
        assert!(!rest.contains(&"🔍".repeat(101)), "{path}");
        let (status, _) = raw(&exporter, &get(&format!("{path}?{}", "a=b&".repeat(3_000)))).await;
        assert_eq!(status, "HTTP/1.1 200 OK", "{path}");
        let (status, rest) = raw(&exporter, &get(&format!("{path}?q={}", "a".repeat(20_000)))).await;
        assert!(!status.contains("200") && rest.len() < 500, "{path}: {status}");
    }
    for query in
        ["?page=-1", "?page=1e9", "?page=18446744073709551616", "?lang=fr&lang=zh", "?%ff=%fe&q=%ff", "?&&=&"]
    {
        let (status, _) = raw(&exporter, &get(&format!("/{query}"))).await;
        assert_eq!(status, "HTTP/1.1 200 OK", "{query}");
    }
    exporter.end().await;
}

#[tokio::test]
async fn the_language_is_the_reader_s_and_english_where_it_is_unknown() {
    let exporter = gallery::exporter().await;
    let client = reqwest::Client::new();
    for (query, accepted, language) in [
        ("", "fr-FR,de;q=0.9", "en"),
        ("", "zh-TW,zh;q=0.9", "zh-CN"),
        ("", "xx-nonsense;q=7,\"", "en"),
        ("", "", "en"),
        ("?lang=zh", "en", "zh-CN"),
        ("?lang=en", "zh-CN", "en"),
        ("?lang=tlh", "zh-CN", "zh-CN"),
        ("?lang=%3Cscript%3E", "en", "en"),
    ] {
        let request = client.get(exporter.url(&format!("/{query}"))).header("accept-language", accepted);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-language"], language, "{query} {accepted}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(&format!("<html lang=\"{language}\">")), "{query} {accepted}");
        assert!(!page.contains("<script"), "{query}");
    }
    exporter.end().await;
}

#[tokio::test]
async fn targets_are_where_the_external_url_says() {
    let url = "https://metrics.example/wechat/";
    let exporter = Serving::start(&["demo", "--log.level", "info", "--web.external-url", url]).await;
    let listed = |page: &str| serde_json::from_str::<Value>(page).is_ok_and(|groups| groups[0].is_object());
    let groups: Value = serde_json::from_str(&exporter.wait_for("/sd", listed).await).unwrap();
    let (targets, labels) = (&groups[0]["targets"], &groups[0]["labels"]);
    let name = labels["__param_account"].as_str().unwrap();
    assert_eq!(*targets, json!(["metrics.example"]));
    assert_eq!(labels["__scheme__"], "https");
    assert_eq!(labels["__metrics_path__"], "/wechat/metrics");
    assert_eq!(labels["instance"], format!("metrics.example/{name}"));
    exporter.stop().await;
}
