//! Another configuration for the program that runs: the real binary against the simulator, with
//! files that change under it. Nothing of what it wrote or answered meanwhile holds a secret.

mod accounts;
mod api;
mod burst;
mod files;
mod parks;
mod platforms;
mod refused;
mod start;
mod wishes;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use tempfile::TempDir;
use wechat_material_exporter::config::AppId;
use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::{Calls, Fault, Latency, Scenario};

use crate::app::Simulated;
use crate::program::{Serving, command, eventually};

/// Part of every secret in these tests, those of the simulator's accounts included.
const SECRETS: [&str; 3] = ["simulated-secret", "simulated-component-secret", "canary"];
const SUCCESSFUL: &str = "wechat_exporter_config_last_reload_successful";
const SUCCEEDED_AT: &str = "wechat_exporter_config_last_reload_success_timestamp_seconds";

/// The simulator, and the files that tell an exporter to poll it.
struct Site {
    dir: TempDir,
    simulated: Simulated,
    scenario: Scenario,
}

impl Site {
    /// With this many simulated accounts, by number.
    async fn start(accounts: u32) -> Self {
        Self::of(Scenario::generated(accounts)).await
    }

    async fn of(scenario: Scenario) -> Self {
        let simulated = Simulated::start(scenario.clone()).await;
        Self { dir: tempfile::tempdir().unwrap(), simulated, scenario }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file as one: nobody reads half of it.
    fn write(&self, name: &str, text: &str) {
        let (new, path) = (self.path("new"), self.path(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&new, text).unwrap();
        fs::rename(&new, &path).unwrap();
    }

    /// Writes the main file: all but the settings that every test needs.
    fn configure(&self, rest: &str) {
        self.configure_with("", rest);
    }

    /// As [`Site::configure`], with more keys of `api`.
    fn configure_with(&self, api: &str, rest: &str) {
        self.write("main.yaml", &self.main(api, rest));
    }

    fn main(&self, api: &str, rest: &str) -> String {
        format!("api: {{base_url: '{}', {api}}}\n{rest}", self.simulated.url)
    }

    async fn serve(&self) -> Exporter {
        Exporter::start(&self.path("main.yaml"), &["--web.enable-lifecycle"]).await
    }

    fn calls(&self, n: u32, endpoint: Endpoint) -> u64 {
        self.simulated.simulator.calls(&app_id(n), endpoint)
    }

    /// Calls so far for the token and for the counts of an account.
    fn polls(&self, n: u32) -> (u64, u64) {
        (self.calls(n, Endpoint::StableToken), self.calls(n, Endpoint::MaterialCount))
    }

    async fn wait_for_polls(&self, n: u32, polls: (u64, u64)) {
        let what = format!("{polls:?} calls for account {n}");
        eventually(&what, || self.polls(n) == polls).await;
    }

    fn strike(&self, n: u32, calls: Calls, fault: Fault) {
        self.simulated.simulator.set_fault(&app_id(n), calls, fault).unwrap();
    }

    /// Ends the exporter in order and looks for secrets and tokens in all it ever said.
    async fn end(&self, exporter: Exporter) -> String {
        exporter.serving.signal("TERM");
        let (code, out, log) = exporter.serving.ended().await;
        assert_eq!(code, Some(0), "{log}");
        let said = exporter.said.into_inner() + &out + &log;
        for secret in SECRETS {
            assert!(!said.contains(secret), "`{secret}` was said:\n{said}");
        }
        for account in &self.scenario.accounts {
            let token = self.simulated.simulator.stable_token_of(&account.app_id).unwrap();
            assert!(!said.contains(&token), "the token of {} was said:\n{said}", account.name);
        }
        log
    }
}

/// The binary at work.
struct Exporter {
    serving: Serving,
    /// All pages and answers so far.
    said: RefCell<String>,
}

/// An answer of the exporter.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    retry_after: Option<u64>,
    text: String,
}

impl Exporter {
    async fn start(config: &Path, flags: &[&str]) -> Self {
        let mut command = command(&["--log.level=debug", "--config.file"]);
        command.arg(config).args(flags);
        Self::over(Serving::spawn(command).await)
    }

    fn over(serving: Serving) -> Self {
        Self { serving, said: RefCell::default() }
    }

    async fn ask(&self, method: Method, path: &str) -> Answer {
        let request = reqwest::Client::new().request(method, format!("{}{path}", self.serving.url));
        let answer = Answer::of(request.send().await.unwrap()).await;
        self.said.borrow_mut().push_str(&answer.text);
        answer
    }

    async fn post(&self, path: &str) -> Answer {
        self.ask(Method::POST, path).await
    }

    /// Reloads by request, which goes well; what it changed.
    async fn reload(&self) -> String {
        let answer = self.post("/-/reload").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.text
    }

    /// Reloads by request, which does not go well; what is said of it.
    async fn fail_to_reload(&self) -> String {
        let answer = self.post("/-/reload").await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{}", answer.text);
        answer.text
    }

    /// Reloads by signal; the next line of the log that holds `wanted`. One that an earlier reload by
    /// request left there must not.
    async fn hang_up(&mut self, wanted: &str) -> String {
        self.serving.signal("HUP");
        self.serving.wait_for_line(wanted).await
    }

    async fn page(&self) -> Metrics {
        Metrics(self.ask(Method::GET, "/metrics").await.text)
    }

    async fn wait_for(&self, wanted: impl Fn(&Metrics) -> bool) -> Metrics {
        let page = Metrics(self.serving.wait_for("/metrics", |page| wanted(&Metrics(page.to_owned()))).await);
        self.said.borrow_mut().push_str(&page.0);
        page
    }

    /// Waits until all these accounts are well.
    async fn wait_for_up(&self, names: &[&str]) -> Metrics {
        self.wait_for(|page| names.iter().all(|name| page.of("wechat_account_up", name) == Some("1"))).await
    }
}

impl Answer {
    async fn of(response: Response) -> Self {
        let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().parse());
        let retry_after = retry_after.transpose().unwrap();
        Self { status: response.status(), retry_after, text: response.text().await.unwrap() }
    }
}

/// The metrics page.
struct Metrics(String);

impl Metrics {
    /// The value of a series, as it is written.
    fn value(&self, series: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
    }

    /// The value of a family whose only label is the account.
    fn of(&self, family: &str, account: &str) -> Option<&str> {
        self.value(&format!("{family}{{account=\"{account}\"}}"))
    }

    /// All lines about an account.
    fn about(&self, account: &str) -> Vec<&str> {
        let label = format!("{{account=\"{account}\"");
        self.0.lines().filter(|line| line.contains(&label)).collect()
    }

    /// The line of `wechat_account_info`.
    fn info(&self, account: &str) -> &str {
        let series = format!("wechat_account_info{{account=\"{account}\",");
        self.0.lines().find(|line| line.starts_with(&series)).expect("it is on the page")
    }

    fn number(&self, series: &str) -> f64 {
        self.value(series).expect("it is on the page").parse().unwrap()
    }
}

/// An answer that takes so long.
fn late(time: Duration) -> Fault {
    Fault::Latency(Latency { least: time, most: time })
}

fn app_id(n: u32) -> AppId {
    AppId::parse(&format!("wx{n:016x}")).unwrap()
}

/// The entry of simulated account `n`, whose secret is right, with more keys.
fn entry(name: &str, n: u32, more: &str) -> String {
    entry_with(name, n, &format!("app_secret: simulated-secret-{n}"), more)
}

/// As [`entry`], with these keys of `token`.
fn entry_with(name: &str, n: u32, token: &str, more: &str) -> String {
    format!("  {name}: {{app_id: {}, token: {{{token}}}, {more}}}\n", app_id(n).as_str())
}

/// A map of accounts.
fn accounts(entries: &[String]) -> String {
    entries.iter().fold("accounts:\n".to_owned(), |mut text, entry| {
        text.write_str(entry).unwrap();
        text
    })
}
