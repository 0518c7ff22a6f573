//! One Prometheus with the shipped rules and one Alertmanager with the shipped inhibition, 200 times
//! faster, and who gets their messages.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::drill::fleet::Fleet;
use crate::program::{PATIENCE, found};
use crate::rules::alertmanager::{FACTOR, start, with_webhook};
use crate::rules::settings::adjusted;
use crate::rules::{RULES, deployed, yaml};
use crate::tools::{Daemon, Generation};

/// What a message says of an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Notice {
    pub(super) alert: String,
    /// Empty where it is about no account.
    pub(super) account: String,
    /// `firing` or `resolved`.
    pub(super) status: String,
}

pub(super) struct Watch {
    generation: Generation,
    prometheus: Daemon,
    alertmanager: Daemon,
    inbox: MockServer,
    _dir: TempDir,
}

impl Watch {
    pub(super) async fn start(generation: Generation, fleet: &Fleet) -> Self {
        let inbox = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&inbox).await;
        let dir = tempfile::tempdir().unwrap();
        let alertmanager = start(generation, dir.path(), &with_webhook(&inbox.uri()).await).await;

        let rules = dir.path().join("drill.rules.yml");
        std::fs::write(&rules, adjusted(&["--divide-times", FACTOR], RULES).await).unwrap();
        let shipped = std::fs::read_to_string(deployed("prometheus.yml")).unwrap();
        let mut config: Value = yaml(&shipped);
        config["global"] =
            json!({"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"});
        config["rule_files"] = json!([rules]);
        let told = alertmanager.url.strip_prefix("http://").unwrap();
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = json!([told]);
        config["scrape_configs"] = json!([{
            "job_name": config["scrape_configs"][0]["job_name"],
            "file_sd_configs": [{"files": [fleet.targets_file()], "refresh_interval": "1s"}],
        }]);
        let file = dir.path().join("prometheus.json.yml");
        std::fs::write(&file, config.to_string()).unwrap();
        let config = format!("--config.file={}", file.display());
        let data = format!("--storage.tsdb.path={}", dir.path().join("prometheus").display());
        let prometheus = Daemon::start(&generation.program("prometheus"), &[&config, &data]).await;
        Self { generation, prometheus, alertmanager, inbox, _dir: dir }
    }

    pub(super) const fn generation(&self) -> Generation {
        self.generation
    }

    /// What it was told so far, message by message.
    pub(super) async fn notices(&self) -> Vec<Notice> {
        let messages = self.inbox.received_requests().await.unwrap();
        let alerts = messages.iter().flat_map(|message| {
            let mut message: Value = message.body_json().unwrap();
            message["alerts"].as_array_mut().map(std::mem::take).unwrap()
        });
        let notice = |alert: Value| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let labels = &alert["labels"];
            Notice {
                alert: text(&labels["alertname"]),
                account: text(&labels["account"]),
                status: text(&alert["status"]),
            }
        };
        alerts.map(notice).collect()
    }

    /// Waits until it is told this.
    pub(super) async fn hears(&self, notice: &Notice) {
        let mut told = Vec::new();
        let wait = async {
            loop {
                told = self.notices().await;
                if told.contains(notice) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, wait).await;
        if came.is_err() {
            let alerts = self.prometheus.get("/api/v1/alerts", &[]).await;
            panic!("{:?} is not told {notice:?}, but {told:#?}; alerts are {alerts:#?}", self.generation);
        }
    }

    /// Waits until so many of these alerts fire and are told to nobody, since another inhibits them.
    pub(super) async fn keeps_quiet(&self, alert: &str, accounts: usize) {
        let filter = format!("alertname=\"{alert}\"");
        let mut there = 0;
        let wait = async {
            loop {
                let alerts = self.alertmanager.get("/api/v2/alerts", &[("filter", &filter)]).await;
                let alerts = alerts.as_ref().and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                there = alerts.len();
                assert!(
                    alerts.iter().all(|alert| alert["status"]["state"] == "suppressed"),
                    "{:?}: {alerts:#?}",
                    self.generation
                );
                if alerts.len() == accounts {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, wait).await;
        assert!(came.is_ok(), "{:?}: {there} of {accounts} accounts have {alert}", self.generation);
    }

    /// Waits until no alert is there, told or not.
    pub(super) async fn comes_to_rest(&self) {
        found("no alert is there", async || {
            let answer = self.prometheus.get("/api/v1/alerts", &[]).await?;
            answer["data"]["alerts"].as_array()?.is_empty().then_some(())
        })
        .await;
    }

    /// What went wrong with rules.
    pub(super) async fn rule_errors(&self) -> Vec<String> {
        let answer = self.prometheus.get("/api/v1/rules", &[]).await.unwrap();
        let groups = answer["data"]["groups"].as_array().unwrap().iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
        let mut known = 0;
        let errors = rules.inspect(|_| known += 1).filter(|rule| rule["health"] != "ok");
        let errors: Vec<_> = errors.map(ToString::to_string).collect();
        assert!(known > 30, "only {known} rules are known");
        errors
    }
}
