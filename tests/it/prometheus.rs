//! Real clients: Debian's Prometheus and promtool, and the strict parsers of Prometheus' own Python
//! client. `make test` installs them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use wechat_material_exporter::simulator::scenario::Scenario;
use wechat_material_exporter::store::LastPoll;

use crate::app::Exporter;
use crate::program::{PATIENCE, feed};

/// What Prometheus 3.5 sends.
const ACCEPT_OF_PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/// Rarely polled, so that numbers stand still.
const SELDOM: Duration = Duration::from_secs(3_600);

async fn demo_fleet() -> Exporter {
    let exporter = Exporter::on_simulator(Scenario::demo(), SELDOM).await;
    exporter.wait_for(|readings| readings.last_poll != LastPoll::Pending).await;
    exporter
}

#[tokio::test]
async fn promtool_finds_nothing_to_say() {
    let exporter = demo_fleet().await;
    let page = exporter.page("/metrics").await;
    assert_eq!(feed("promtool", &["check", "metrics"], page.as_bytes()).await, (Some(0), String::new()));
    exporter.end().await;
}

#[tokio::test]
async fn strict_parsers_accept_both_formats() {
    let exporter = demo_fleet().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join(".tools/venv/bin/python");
    let script = root.join("tests/tools/parse_page.py");
    for (name, accept) in [("text", "text/plain"), ("openmetrics", "application/openmetrics-text")] {
        let request = reqwest::Client::new().get(exporter.url("/metrics")).header(ACCEPT, accept);
        let page = request.send().await.unwrap().bytes().await.unwrap();
        let (code, said) = feed(python.to_str().unwrap(), &[script.to_str().unwrap(), name], &page).await;
        assert_eq!(code, Some(0), "{said}");
        // And it can say no.
        let cut = &page[..page.len() - 3];
        let (code, said) = feed(python.to_str().unwrap(), &[script.to_str().unwrap(), name], cut).await;
        assert_eq!(code, Some(1), "{name}: {said}");
    }
    exporter.end().await;
}

/// A Prometheus that scrapes some targets every second.
pub(crate) struct Prometheus {
    url: String,
    _child: Child,
    _dir: TempDir,
}

impl Prometheus {
    pub(crate) async fn start(targets: &[&str]) -> Self {
        Self::finding(&format!("static_configs: [{{targets: ['{}']}}]", targets.join("', '"))).await
    }

    /// With its targets from elsewhere.
    async fn finding(targets: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  - job_name: wechat\n    {targets}\n"
        );
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        // Prometheus cannot say which free port it took, so one is found for it.
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={free}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run prometheus, see `make test`: {error}"));
        Self { url: format!("http://{free}"), _child: child, _dir: dir }
    }

    async fn ask(&self, query: &str) -> Option<Vec<(Value, f64)>> {
        let url = format!("{}/api/v1/query", self.url);
        let answer = reqwest::Client::new().get(url).query(&[("query", query)]).send().await.ok()?;
        let answer: Value = answer.json().await.ok()?;
        let series = answer["data"]["result"].as_array()?.iter();
        let value = |one: &Value| Some((one["metric"].clone(), one["value"][1].as_str()?.parse().ok()?));
        series.map(value).collect()
    }

    /// Asks until there is an answer that fits.
    pub(crate) async fn wait_for(
        &self,
        query: &str,
        fits: impl Fn(&[(Value, f64)]) -> bool,
    ) -> Vec<(Value, f64)> {
        let mut last = None;
        let wait = async {
            loop {
                last = self.ask(query).await;
                if last.as_ref().is_some_and(|series| fits(series)) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, wait).await;
        assert!(came.is_ok(), "{query} came to {last:?}");
        last.unwrap()
    }
}

#[tokio::test]
async fn prometheus_scrapes_it_and_reads_the_numbers_back() {
    let exporter = demo_fleet().await;
    let prometheus = Prometheus::start(&[&exporter.address.to_string()]).await;
    let one = |series: &[(Value, f64)]| series.len() == 1 && (series[0].1 - 1.0).abs() < f64::EPSILON;
    prometheus.wait_for("up{job=\"wechat\"}", one).await;
    let four = |series: &[(Value, f64)]| series.len() == 4;
    let items = prometheus.wait_for("wechat_material_items{account=\"nearly-full\"}", four).await;
    let ratios = prometheus.wait_for("wechat_material_usage_ratio{account=\"nearly-full\"}", four).await;
    let of = |series: &[(Value, f64)], kind: &str| {
        series.iter().find(|(labels, _)| labels["kind"] == kind).map(|(_, value)| *value).unwrap()
    };
    for (kind, limit) in [("voice", 1_000.0), ("video", 1_000.0), ("image", 100_000.0), ("news", 100_000.0)] {
        let items = of(&items, kind);
        assert!(items > 0.0 && (of(&ratios, kind) - items / limit).abs() < f64::EPSILON, "{kind}");
    }
    assert!((of(&items, "voice") - 970.0).abs() <= 5.0, "{items:?}");
    let failing = prometheus.wait_for("wechat_account_failing{account=\"secret-wrong\"}", one).await;
    assert_eq!((&failing[0].0["class"], &failing[0].0["errcode"]), (&"secret".into(), &"40125".into()));
    exporter.end().await;
}

#[tokio::test]
async fn prometheus_finds_each_account_as_a_target_of_its_own() {
    let exporter = Exporter::on_simulator(Scenario::generated(3), SELDOM).await;
    exporter.wait_for(|readings| readings.last_poll != LastPoll::Pending).await;
    let found = format!("http_sd_configs: [{{url: '{}', refresh_interval: 1s}}]", exporter.url("/sd"));
    let prometheus = Prometheus::finding(&found).await;
    let up = prometheus
        .wait_for("up", |series| series.len() == 3 && series.iter().all(|(_, value)| *value > 0.0))
        .await;
    for (at, name) in ["simulated-0", "simulated-1", "simulated-2"].into_iter().enumerate() {
        let instance = format!("{}/{name}", exporter.address);
        assert!(up.iter().any(|(labels, _)| labels["instance"] == instance.as_str()), "{up:?}");
        let query = format!("wechat_account_up{{instance=\"{instance}\"}}");
        let series = prometheus.wait_for(&query, |series| series.len() == 1).await;
        assert_eq!(series[0].0["account"], name, "account {at} has its own label");
        assert!(series[0].0.get("exported_account").is_none());
    }
    let own = prometheus.wait_for("count(wechat_material_items)", |series| series.len() == 1).await;
    assert!((own[0].1 - 12.0).abs() < f64::EPSILON, "{own:?}");
    exporter.end().await;
}

#[tokio::test]
async fn what_prometheus_3_sends_is_answered_by_what_it_takes() {
    let exporter = demo_fleet().await;
    let request = reqwest::Client::new()
        .get(exporter.url("/metrics"))
        .header(ACCEPT, ACCEPT_OF_PROMETHEUS_3)
        .header(ACCEPT_ENCODING, "gzip")
        .header("x-prometheus-scrape-timeout-seconds", "1");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(answer.headers()["vary"], "Accept, Accept-Encoding");
    let mut page = String::new();
    let body = answer.bytes().await.unwrap();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&body[..]), &mut page).unwrap();
    // Version 3 refuses a page without its last line, and one without a type it knows.
    assert!(page.ends_with("\n# EOF\n"), "{page}");
    for accept in ["", "*/*", "text/plain", "application/json", "text/plain;version=1.0.0", "nonsense;;q=x"] {
        let answer = reqwest::Client::new().get(exporter.url("/metrics")).header(ACCEPT, accept).send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8", "{accept}");
        assert!(!answer.text().await.unwrap().contains("# EOF"), "{accept}");
    }
    exporter.end().await;
}
