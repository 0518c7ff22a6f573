//! An exporter as it is installed: a directory with its configuration and its state file, and the
//! simulated API that it polls.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;
use wechat_material_exporter::config::AppId;
use wechat_material_exporter::simulator::scenario::{Calls, Fault, Latency, Scenario};
use wechat_material_exporter::simulator::{Endpoint, Simulator};

use crate::app::Simulated;
use crate::program::{PATIENCE, Serving, command, eventually};

pub(crate) struct Installed {
    pub(crate) scenario: Scenario,
    pub(crate) directory: TempDir,
    simulated: Simulated,
}

impl Installed {
    /// All accounts of `scenario` are listed, to be polled every `interval`.
    pub(crate) async fn new(scenario: Scenario, interval: &str) -> Self {
        let simulated = Simulated::start(scenario.clone()).await;
        let installed = Self { scenario, directory: tempfile::tempdir().unwrap(), simulated };
        installed.list(installed.scenario.accounts.len(), interval, "");
        installed
    }

    /// Lists the first `listed` accounts alone, the first of them with all that can be collected. With
    /// `more` lines of configuration.
    pub(crate) fn list(&self, listed: usize, interval: &str, more: &str) {
        let url = &self.simulated.url;
        let mut text = format!(
            "api: {{base_url: '{url}', requests_per_second: 5000}}\npoll: {{interval: {interval}}}\n\
             budget: {{allow_over_budget: true}}\n{more}accounts:\n"
        );
        for (i, account) in self.scenario.accounts[..listed].iter().enumerate() {
            let (name, app_id, secret) = (&account.name, account.app_id.as_str(), &account.secret);
            let collect = if i == 0 { "collect: [draft, quota], " } else { "" };
            writeln!(text, "  {name}: {{app_id: {app_id}, {collect}token: {{app_secret: '{secret}'}}}}")
                .unwrap();
        }
        fs::write(self.directory.path().join("config.yaml"), text).unwrap();
    }

    /// As [`Installed::list`], with the scenario's platform, whose other accounts are discovered.
    pub(crate) fn list_with_platform(&self, listed: usize, interval: &str) {
        let platform = &self.scenario.platforms[0];
        let ticket = self.directory.path().join("ticket");
        fs::write(&ticket, &platform.ticket).unwrap();
        let (app_id, secret, ticket) = (platform.app_id.as_str(), &platform.secret, ticket.display());
        let takeover = "accept_token_takeover: true";
        let more = format!(
            "platforms:\n  agency:\n    component_app_id: {app_id}\n    discover: true\n    component_token: \
             {{source: verify_ticket, component_app_secret: '{secret}', ticket: {{source: file, path: {ticket}}}, {takeover}}}\n    \
             authorizer_token: {{source: api_authorizer_token, {takeover}}}\n"
        );
        self.list(listed, interval, &more);
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// The exporter without a state file.
    pub(crate) fn stateless(&self) -> Command {
        command(&["--config.file", self.directory.path().join("config.yaml").to_str().unwrap()])
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = self.stateless();
        command.arg("--state.file").arg(self.state());
        command
    }

    pub(crate) async fn serve(&self) -> Serving {
        Serving::spawn(self.command()).await
    }

    /// Polls once.
    pub(crate) async fn once(&self) -> Output {
        ended(self.command().arg("--once")).await
    }

    pub(crate) fn simulator(&self) -> &Simulator {
        &self.simulated.simulator
    }

    pub(crate) fn app_id(&self, account: usize) -> &AppId {
        &self.scenario.accounts[account].app_id
    }

    pub(crate) fn calls(&self, account: usize, endpoint: Endpoint) -> u64 {
        self.simulator().calls(self.app_id(account), endpoint)
    }

    /// How often the counts of each account were asked for.
    pub(crate) fn polls(&self) -> Vec<u64> {
        (0..self.scenario.accounts.len()).map(|i| self.calls(i, Endpoint::MaterialCount)).collect()
    }

    pub(crate) fn strike(&self, account: usize, calls: Calls, fault: Fault) {
        self.simulator().set_fault(self.app_id(account), calls, fault).unwrap();
    }

    /// Answers the account's polls of material after `delay`.
    pub(crate) fn hold_back(&self, account: usize, delay: Duration) {
        self.strike(account, Calls::Material, Fault::Latency(Latency { least: delay, most: delay }));
    }

    /// What the state file says of each account last.
    pub(crate) fn saved(&self) -> BTreeMap<String, Value> {
        let text = fs::read_to_string(self.state()).unwrap_or_default();
        let mut saved = BTreeMap::new();
        for line in text.lines() {
            // The last line may not be written to its end yet.
            let mut line: Value = serde_json::from_str(line).unwrap_or_default();
            let account = line["account"].take();
            if let Some(name) = account["name"].as_str() {
                saved.insert(name.to_owned(), account);
            }
        }
        saved
    }

    /// Waits until the state file tells how the polls of so many accounts have ended.
    pub(crate) async fn are_saved(&self, accounts: usize) {
        let is_polled = |account: &&Value| account["material"]["last"] != "pending";
        eventually("the polls are saved", || self.saved().values().filter(is_polled).count() == accounts)
            .await;
    }
}

/// Runs `command` to its end.
pub(crate) async fn ended(command: &mut Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.expect("the program ends").unwrap()
}

/// Whether a page says that the last poll of all these accounts succeeded.
pub(crate) fn are_up(page: &str, accounts: std::ops::Range<usize>) -> bool {
    accounts
        .into_iter()
        .all(|i| page.contains(&format!("wechat_account_up{{account=\"simulated-{i}\"}} 1\n")))
}

/// Whether a page knows of so many accounts, and of their platform that all but one are polled by it.
pub(crate) fn are_listed_and_found(page: &str, accounts: usize) -> bool {
    let found =
        format!("wechat_platform_authorizers{{platform=\"agency\",state=\"polled\"}} {}\n", accounts - 1);
    page.contains(&found) && page.matches("\nwechat_account_info{").count() == accounts
}

/// Whether in addition the last poll of all of them succeeded.
pub(crate) fn up_with_platform(page: &str, accounts: usize) -> bool {
    let up =
        page.lines().filter(|line| line.starts_with("wechat_account_up{") && line.ends_with(" 1")).count();
    are_listed_and_found(page, accounts) && up == accounts
}

/// What a page says of the accounts, but for counters, which begin anew with each process.
pub(crate) fn known(page: &str) -> Vec<&str> {
    let is_known =
        |line: &&str| line.starts_with("wechat_") && line.contains("account=\"") && !line.contains("_total{");
    page.lines().filter(is_known).collect()
}

/// What a page says of the first accounts of a scenario.
pub(crate) fn known_of(page: &str, accounts: std::ops::Range<usize>) -> Vec<&str> {
    let names: Vec<_> = accounts.map(|i| format!("account=\"simulated-{i}\"")).collect();
    known(page).into_iter().filter(|line| names.iter().any(|name| line.contains(name))).collect()
}
