//! The simulated fleet and the exporter that polls it. Faults come and go when the drill says so.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;
use wechat_material_exporter::config::AppId;
use wechat_material_exporter::simulator::scenario::{Calls, Fault, Scenario, SimulatedAccount};

use crate::app::Simulated;
use crate::program::Serving;

/// Accounts beside those of [`SCENARIO`]: enough that a few failing ones are no fault of the fleet, and
/// that one in five of them have failed long before the first is stale.
const OTHERS: u32 = 30;

/// `growing` comes into the band from 80 % to 95 % within ten seconds and leaves it after two and a half
/// minutes; the secret of `locked` is not what the exporter is told at first.
const SCENARIO: &str = "
speed: 600
accounts:
  growing:
    {app_id: wx00000000000d0001, secret: s1, display_name: 旅行小店, counts: {voice: 790}, growth_per_hour: {voice: 6}}
  full: {app_id: wx00000000000d0002, secret: s2, counts: {voice: 1000}}
  locked: {app_id: wx00000000000d0003, secret: right-at-last}
  unreachable: {app_id: wx00000000000d0004, secret: s4}
";

pub(super) struct Fleet {
    dir: TempDir,
    scenario: Scenario,
    simulated: Simulated,
    /// Nothing while it is stopped.
    exporter: Option<Serving>,
}

impl Fleet {
    /// All is well with it, but for the full account and the locked one.
    pub(super) async fn start() -> Self {
        let mut scenario = Scenario::from_yaml(SCENARIO, "the drill's scenario").unwrap();
        let healthy = |n: u32| {
            let app_id = AppId::parse(&format!("wx{n:016x}")).unwrap();
            SimulatedAccount::new(&format!("healthy-{n}"), app_id, &format!("h{n}"))
        };
        scenario.accounts.extend((0..OTHERS).map(healthy));
        let simulated = Simulated::start(scenario.clone()).await;
        let dir = tempfile::tempdir().unwrap();
        let mut fleet = Self { dir, scenario, simulated, exporter: None };
        fs::write(fleet.secret_file(), "wrong-at-first").unwrap();
        fleet.configure("");
        fleet.start_again().await;
        fleet
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = &SimulatedAccount> {
        self.scenario.accounts.iter()
    }

    /// Where Prometheus reads which target there is.
    pub(super) fn targets_file(&self) -> PathBuf {
        self.dir.path().join("targets.json")
    }

    fn config_file(&self) -> PathBuf {
        self.dir.path().join("config.yaml")
    }

    fn secret_file(&self) -> PathBuf {
        self.dir.path().join("locked-secret")
    }

    /// Writes the configuration, with more keys.
    fn configure(&self, more: &str) {
        let mut text = format!(
            "api: {{base_url: '{}', requests_per_second: 200}}\npoll: {{interval: 5s}}\nbudget: {{allow_over_budget: true}}\n\
             {more}accounts:\n",
            self.simulated.url
        );
        for SimulatedAccount { name, app_id, secret, display_name, .. } in self.accounts() {
            let secret = match name.as_str() {
                "locked" => format!("app_secret_file: {}", self.secret_file().display()),
                _ => format!("app_secret: {secret}"),
            };
            let app_id = app_id.as_str();
            let written = writeln!(
                text,
                "  {name}: {{app_id: {app_id}, display_name: '{display_name}', token: {{{secret}}}}}"
            );
            written.unwrap();
        }
        replace(&self.config_file(), &text);
    }

    /// Waits until every account but the locked one has been polled.
    pub(super) async fn succeeds(&self) {
        let expected = self.accounts().count() - 1;
        let exporter = self.exporter.as_ref().unwrap();
        let up = |line: &str| line.starts_with("wechat_account_up{") && line.ends_with(" 1");
        exporter.wait_for("/metrics", |page| page.lines().filter(|line| up(line)).count() == expected).await;
    }

    /// From now on the account's calls fail, all of them.
    pub(super) fn cut_off(&self, name: &str) {
        self.simulated.simulator.set_fault(&self.named(name).app_id, Calls::All, Fault::Http(503)).unwrap();
    }

    pub(super) fn reconnect(&self, name: &str) {
        self.simulated.simulator.clear_fault(&self.named(name).app_id).unwrap();
    }

    pub(super) fn each(&self, action: impl Fn(&Self, &str)) {
        self.accounts().for_each(|account| action(self, &account.name));
    }

    fn named(&self, name: &str) -> &SimulatedAccount {
        self.accounts().find(|account| account.name == name).unwrap()
    }

    /// What an operator does about a wrong secret and about limits that are larger than it was thought.
    pub(super) async fn correct_the_secret_and_raise_the_limits(&self) {
        fs::write(self.secret_file(), &self.named("locked").secret).unwrap();
        self.configure("limits: {voice: 2000}\n");
        let exporter = self.exporter.as_ref().unwrap();
        exporter.signal("HUP");
        let raised = "wechat_material_limit_items{account=\"full\",kind=\"voice\"} 2000";
        exporter.wait_for("/metrics", |page| page.contains(raised)).await;
    }

    pub(super) async fn stop(&mut self) {
        self.exporter.take().unwrap().stop().await;
    }

    /// Starts the exporter on another port, and tells Prometheus.
    pub(super) async fn start_again(&mut self) {
        let exporter = Serving::start(&["--config.file", self.config_file().to_str().unwrap()]).await;
        let target = exporter.url.strip_prefix("http://").unwrap();
        replace(&self.targets_file(), &json!([{"targets": [target]}]).to_string());
        self.exporter = Some(exporter);
    }
}

/// Writes a file as one: nobody reads half of it.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, path).unwrap();
}
