//! An exporter with one account for each thing that a panel shows, and a Prometheus that scrapes it twice, as two
//! replicas and by TLS, with the shipped rules and ten days of history.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use wechat_material_exporter::config::AppId;
use wechat_material_exporter::simulator::scenario::{
    Calls, Fault, Scenario, ScheduledFault, SimulatedAccount, SimulatedPlatform,
};

use super::board::{Board, list, text};
use super::check::{Check, now};
use super::history;
use crate::app::Simulated;
use crate::program::{PATIENCE, Serving};
use crate::prometheus::Prometheus;
use crate::rules::shipped_text;
use crate::web_config::pki::Pki;

/// Nine accounts of the demo, four more, and two of the demo's platform.
pub(super) const ACCOUNTS: usize = 15;
/// `secret-wrong`, `ip-refused` and `quota-used-up`; and the stale ones.
pub(super) const FAILING: usize = 3 + STALE;
/// `stale`, and `replaced`, whose tokens are fetched anew once and then not for five minutes.
pub(super) const STALE: usize = 2;

pub(super) struct World {
    exporter: Serving,
    prometheus: Prometheus,
    _simulated: Simulated,
    _dir: TempDir,
}

/// The demo, and what it lacks: a pool, a stale account, refused tokens, a failing collector, a failing platform.
fn scenario() -> Scenario {
    let mut scenario = Scenario::demo();
    for account in scenario.accounts.iter_mut().filter(|account| account.name == "slow") {
        account.latency = wechat_material_exporter::simulator::scenario::Latency::default();
    }
    let app_id = |number: u8| AppId::parse(&format!("wx00000000000000{number:02x}")).unwrap();
    let faults = [
        ("pooled", None),
        ("stale", None),
        ("replaced", Some(ScheduledFault::always(Calls::Material, Fault::TokenFlap))),
        ("drafts-refused", Some(ScheduledFault::always(Calls::Draft, Fault::Errcode(48001)))),
    ];
    for (number, (name, fault)) in (0..).zip(faults) {
        let account = SimulatedAccount::new(name, app_id(number), &format!("simulated-secret-{name}"));
        scenario.accounts.push(SimulatedAccount { faults: fault.into_iter().collect(), ..account });
    }
    let banned = SimulatedPlatform::new("banned", app_id(0xff), "simulated-secret-banned", "ticket@@@banned");
    scenario.platforms.push(SimulatedPlatform { refused_ip: "203.0.113.9".parse().ok(), ..banned });
    scenario
}

/// What an operator of [`scenario`] would write.
fn configure(dir: &Path, scenario: &Scenario, url: &str) -> String {
    let takeover = "accept_token_takeover: true";
    let mut file = format!(
        "api: {{base_url: '{url}'}}\npoll: {{interval: 1s, draft_interval: 1s, quota_interval: 1s}}\n\
         budget: {{allow_over_budget: true}}\nplatforms:\n"
    );
    for platform in &scenario.platforms {
        let (name, app_id, secret) = (&platform.name, platform.app_id.as_str(), &platform.secret);
        let ticket = dir.join(format!("{name}-ticket"));
        fs::write(&ticket, &platform.ticket).unwrap();
        let ticket = ticket.display();
        writeln!(
            file,
            "  {name}: {{component_app_id: {app_id}, discover: true, component_token: {{source: verify_ticket, \
             component_app_secret: '{secret}', ticket: {{source: file, path: {ticket}}}, {takeover}}}, \
             authorizer_token: {{source: api_authorizer_token, {takeover}}}}}"
        )
        .unwrap();
    }
    file.push_str("accounts:\n");
    for account in scenario.own_accounts() {
        let (name, app_id, secret) = (&account.name, account.app_id.as_str(), &account.secret);
        let display_name = &account.display_name;
        let pooled = if name == "pooled" { "pooled: true, " } else { "" };
        writeln!(
            file,
            "  {name}: {{app_id: {app_id}, display_name: '{display_name}', {pooled}collect: [draft, quota], \
             token: {{app_secret: '{secret}'}}}}"
        )
        .unwrap();
    }
    file
}

impl World {
    pub(super) async fn start() -> Self {
        let scenario = scenario();
        let simulated = Simulated::start(scenario.clone()).await;
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("config.yaml");
        fs::write(&config, configure(dir.path(), &scenario, &simulated.url)).unwrap();
        Pki::of(dir.path(), "own");
        let web = dir.path().join("web.yml");
        fs::write(&web, "tls_server_config: {cert_file: own.pem, key_file: own.key}\n").unwrap();
        let files = ["--config.file", config.to_str().unwrap(), "--web.config.file", web.to_str().unwrap()];
        let exporter = Serving::start(&files).await;
        let prometheus = prometheus(exporter.url.strip_prefix("http://127.0.0.1:").unwrap()).await;
        let has_succeeded = "wechat_account_last_success_timestamp_seconds{account=\"stale\"}";
        prometheus.wait_for(has_succeeded, |series| !series.is_empty()).await;
        let stale = scenario.accounts.iter().find(|account| account.name == "stale").unwrap();
        simulated.simulator.set_fault(&stale.app_id, Calls::Material, Fault::Errcode(48001)).unwrap();
        Self { exporter, prometheus, _simulated: simulated, _dir: dir }
    }

    /// Asks until nothing is missing. A reload comes in between, late enough to be told from the start.
    pub(super) async fn until_every_query_has_data(&self, boards: &[Board]) -> Check<'_> {
        let is_old = "time() - max(process_start_time_seconds{job=\"wechat\"}) > 10";
        self.prometheus.wait_for(is_old, |series| !series.is_empty()).await;
        self.exporter.signal("HUP");
        let mut missing = Vec::new();
        let wait = async {
            loop {
                let check = Check::of(boards, &self.prometheus).await;
                if check.faults.is_empty() {
                    return check;
                }
                missing.clone_from(&check.faults);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let came = tokio::time::timeout(PATIENCE, wait).await;
        came.unwrap_or_else(|_| panic!("still missing: {missing:#?}"))
    }

    /// The expressions of all rules, as Prometheus read them.
    pub(super) async fn rules(&self) -> Vec<String> {
        let answer = self.prometheus.get("rules", &[]).await.unwrap();
        let rules = list(&answer["groups"]).iter().flat_map(|group| list(&group["rules"]));
        rules.map(|rule| text(&rule["query"]).to_owned()).collect()
    }

    pub(super) async fn end(self) {
        self.exporter.stop().await;
    }
}

/// With one exporter under two names, and growth looked at each second instead of each quarter of an hour.
async fn prometheus(port: &str) -> Prometheus {
    let dir = tempfile::tempdir().unwrap();
    history::write(dir.path(), now()).await;
    let shipped = shipped_text();
    let rules = shipped.replace("interval: 15m", "interval: 1s");
    assert_ne!(rules, shipped, "growth is looked at rarely");
    fs::write(dir.path().join("rules.yml"), rules).unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: [rules.yml]\n\
         scrape_configs:\n  - job_name: wechat\n    scheme: https\n    tls_config: {{insecure_skip_verify: true}}\n    \
         static_configs: [{{targets: ['127.0.0.1:{port}', 'localhost:{port}']}}]\n"
    );
    Prometheus::configured(dir, &config).await
}
