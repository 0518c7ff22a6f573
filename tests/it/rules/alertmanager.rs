//! The shipped configuration of Alertmanager: amtool's word, who is told what, which alert keeps which
//! quiet, and that `WeCom` gets messages.

use std::path::Path;

use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::program::feed;
use crate::program::found;
use crate::rules::settings::adjusted;
use crate::rules::{RuleFile, deployed, yaml};
use crate::tools::{Daemon, Generation};

/// How many times faster than in service. Faster than this, the seconds between two scrapes would decide
/// which alert is first.
pub(crate) const FACTOR: &str = "200";

/// The shipped configuration with shortened times and its messages sent to a webhook, so that any
/// Alertmanager takes it.
pub(crate) async fn with_webhook(url: &str) -> Value {
    let mut config: Value = yaml(&adjusted(&["--divide-times", FACTOR], "alertmanager.yml").await);
    config["global"] = json!({});
    for receiver in config["receivers"].as_array_mut().unwrap() {
        let name = receiver["name"].take();
        *receiver = json!({"name": name, "webhook_configs": [{"url": url, "send_resolved": true}]});
    }
    config
}

/// An Alertmanager with this configuration, its files below `dir`.
pub(crate) async fn start(generation: Generation, dir: &Path, config: &Value) -> Daemon {
    let file = dir.join("alertmanager.json");
    std::fs::write(&file, config.to_string()).unwrap();
    let args = [
        format!("--config.file={}", file.display()),
        format!("--storage.path={}", dir.join("alertmanager").display()),
        // No gossip, and no port for it.
        "--cluster.listen-address=".to_owned(),
    ];
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    Daemon::start(&generation.program("prometheus-alertmanager"), &args).await
}

async fn tell(alertmanager: &Daemon, alerts: &[Value]) {
    let request = reqwest::Client::new().post(format!("{}/api/v2/alerts", alertmanager.url)).json(alerts);
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

async fn amtool(args: &[&str]) -> (Option<i32>, String) {
    feed(&Generation::Newer.program("amtool"), args, b"").await
}

#[tokio::test]
async fn amtool_passes_the_configuration() {
    let config = deployed("alertmanager.yml");
    let (code, said) = amtool(&["check-config", config.to_str().unwrap()]).await;
    assert_eq!(code, Some(0), "{said}");
    // And it can say no.
    let dir = tempfile::tempdir().unwrap();
    let broken = dir.path().join("alertmanager.yml");
    let text =
        std::fs::read_to_string(&config).unwrap().replace("receiver: wecom-oncall", "receiver: nobody");
    std::fs::write(&broken, text).unwrap();
    let (code, said) = amtool(&["check-config", broken.to_str().unwrap()]).await;
    assert!(code != Some(0) && said.contains("nobody"), "{said}");
}

#[tokio::test]
async fn critical_alerts_go_to_who_is_on_call_and_the_others_to_the_team() {
    let config = format!("--config.file={}", deployed("alertmanager.yml").display());
    for (name, rule) in RuleFile::shipped().alerts() {
        let severity = rule.labels["severity"].as_str();
        let receiver = if severity == "critical" { "wecom-oncall" } else { "wecom-team" };
        let labels = [format!("alertname={name}"), format!("severity={severity}")];
        let verify = format!("--verify.receivers={receiver}");
        let (code, said) =
            amtool(&["config", "routes", "test", &config, &verify, &labels[0], &labels[1]]).await;
        assert_eq!(code, Some(0), "{name}: {said}");
    }
}

/// A pair of alerts with labels, and whether the first keeps the second quiet.
const PAIRS: [(&str, &str, bool); 21] = [
    ("WeChatFleetFailing class=ip", "WeChatAccountAuthFailing account=a class=ip", true),
    ("WeChatFleetFailing class=ip", "WeChatAccountDataStale account=a", true),
    ("WeChatFleetFailing class=ip", "WeChatAccountDown account=a", true),
    ("WeChatFleetFailing class=token", "WeChatTokenClash account=a", true),
    // Another trouble, which would be lost in the first.
    ("WeChatFleetFailing class=ip", "WeChatAccountAuthFailing account=a class=secret", false),
    ("WeChatFleetFailing class=ip", "WeChatMaterialQuotaFull account=a kind=voice", false),
    ("WeChatPlatformFailing class=ticket", "WeChatAccountAuthFailing account=a class=ticket", true),
    ("WeChatPlatformFailing class=ticket", "WeChatAccountAuthFailing account=a class=secret", false),
    ("WeChatAccountAuthFailing account=a class=ip", "WeChatAccountDataStale account=a", true),
    ("WeChatAccountAuthFailing account=a class=ip", "WeChatAccountDown account=a", true),
    ("WeChatAccountAuthFailing account=a class=ip", "WeChatAccountDown account=b", false),
    ("WeChatAccountDataStale account=a", "WeChatAccountDown account=a", true),
    ("WeChatAccountDataStale account=a", "WeChatAccountDown account=b", false),
    (
        "WeChatMaterialQuotaFull account=a kind=voice",
        "WeChatMaterialQuotaFillingUp account=a kind=voice",
        true,
    ),
    (
        "WeChatMaterialQuotaFull account=a kind=voice",
        "WeChatMaterialQuotaNearLimit account=a kind=voice",
        true,
    ),
    (
        "WeChatMaterialQuotaFull account=a kind=voice",
        "WeChatMaterialQuotaNearLimit account=a kind=video",
        false,
    ),
    ("WeChatMaterialQuotaNearLimit account=a pool=p", "WeChatMaterialQuotaAlmostFull account=a pool=p", true),
    ("WeChatExporterShardsMissing", "WeChatAccountsNotOwned", true),
    ("WeChatExporterShardsMismatch", "WeChatAccountsNotOwned", true),
    ("WeChatExporterAbsent", "WeChatMaterialQuotaFull account=a kind=voice", true),
    ("WeChatExporterAbsent", "WeChatExporterShardsMissing", false),
];

/// An alert as its API takes it.
fn alert(text: &str, job: &str) -> Value {
    let (name, labels) = text.split_once(' ').unwrap_or((text, ""));
    assert!(RuleFile::shipped().alerts().any(|(alert, _)| alert == name), "{name}");
    let mut all = json!({"alertname": name, "job": job});
    for (label, value) in labels.split(' ').filter_map(|label| label.split_once('=')) {
        all[label] = json!(value);
    }
    json!({"labels": all})
}

/// Whether the only alert of this job and name is told (`active`) or not (`suppressed`).
async fn state(alertmanager: &Daemon, alert: &Value) -> String {
    let labels = &alert["labels"];
    let filters = ["alertname", "job"].map(|label| format!("{label}={}", labels[label]));
    let query = filters.each_ref().map(|filter| ("filter", filter.as_str()));
    let answer = alertmanager.get("/api/v2/alerts", &query).await.unwrap();
    assert_eq!(answer.as_array().unwrap().len(), 1, "{filters:?}: {answer}");
    answer[0]["status"]["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn of_one_fault_one_alert_is_told() {
    for generation in Generation::BOTH {
        let dir = tempfile::tempdir().unwrap();
        let config = with_webhook("http://127.0.0.1:1/").await;
        let alertmanager = start(generation, dir.path(), &config).await;
        let mut alerts = Vec::new();
        for (number, (first, second, quiet)) in PAIRS.into_iter().enumerate() {
            let pair = format!("pair-{number}");
            alerts.push((alert(first, &pair), "active"));
            alerts.push((alert(second, &pair), if quiet { "suppressed" } else { "active" }));
            // The same in another job is nobody's to keep quiet.
            alerts.push((alert(second, &format!("alone-{number}")), "active"));
        }
        let told: Vec<_> = alerts.iter().map(|(alert, _)| alert.clone()).collect();
        tell(&alertmanager, &told).await;
        // What inhibits and what groups learn of new alerts in their own time. Those that nothing keeps
        // quiet are looked at when both are through.
        alerts.sort_by_key(|(_, expected)| *expected == "active");
        for (alert, expected) in &alerts {
            let is_expected = async || (state(&alertmanager, alert).await == *expected).then_some(());
            found(&format!("{generation:?}: {expected}: {alert}"), is_expected).await;
        }
    }
}

#[tokio::test]
async fn wecom_gets_one_message_of_all_accounts_with_the_same_trouble() {
    let wecom = MockServer::start().await;
    let granted = json!({"errcode": 0, "errmsg": "ok", "access_token": "wecom-token"});
    Mock::given(method("GET"))
        .and(path("/gettoken"))
        .and(query_param("corpid", "ww0123456789abcdef"))
        .and(query_param("corpsecret", "wecom-secret"))
        .respond_with(ResponseTemplate::new(200).set_body_json(granted))
        .mount(&wecom)
        .await;
    Mock::given(method("POST"))
        .and(path("/message/send"))
        .and(query_param("access_token", "wecom-token"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"errcode": 0, "errmsg": "ok"})))
        .mount(&wecom)
        .await;
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("wecom-secret");
    std::fs::write(&secret, "wecom-secret\n").unwrap();
    let mut config: Value = yaml(&adjusted(&["--divide-times", FACTOR], "alertmanager.yml").await);
    config["global"]["wechat_api_secret_file"] = json!(secret);
    config["global"]["wechat_api_url"] = json!(format!("{}/", wecom.uri()));
    let alertmanager = start(Generation::Newer, dir.path(), &config).await;
    let alerts: Vec<_> = (0..7)
        .map(|number| {
            json!({
                "labels": {"alertname": "WeChatMaterialQuotaFull", "severity": "critical", "job": "j", "account": format!("brand-{number}")},
                "annotations": {
                    "summary": format!("brand-{number} (品牌): voice material is full"),
                    "runbook_url": "https://wiki.test/runbook#wechatmaterialquotafull",
                },
            })
        })
        .collect();
    tell(&alertmanager, &alerts).await;
    let sent = found("the message", async || {
        let requests = wecom.received_requests().await.unwrap();
        let sent = requests.iter().find(|request| request.method == "POST")?;
        Some(sent.body_json::<Value>().unwrap())
    })
    .await;
    assert_eq!((&sent["touser"], &sent["agentid"]), (&json!("zhangsan|lisi"), &json!("1000002")), "{sent}");
    let text = sent["text"]["content"].as_str().unwrap();
    let expected = "【告警】WeChatMaterialQuotaFull critical\n\
                    brand-0 (品牌): voice material is full\n\
                    brand-1 (品牌): voice material is full\n\
                    brand-2 (品牌): voice material is full\n\
                    brand-3 (品牌): voice material is full\n\
                    brand-4 (品牌): voice material is full\n\
                    共 7 条，其余见 Alertmanager\n\
                    https://wiki.test/runbook#wechatmaterialquotafull";
    assert_eq!(text, expected);
}
