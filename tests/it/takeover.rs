//! The only tests in which `/cgi-bin/token` is called: a second program that fights over it, and
//! the opt-in source that uses it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use wechat_material_exporter::config::{Account, ApiConfig, AppId, TokenSource};
use wechat_material_exporter::secret::{Secret, SecretSource};
use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::Scenario;
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::app::{Exporter, Simulated};
use crate::harness::{APP_SECRET, Poller, account, api_config, outcome};

/// Another program of the account's owner: fetches a plain token, as often as it is told.
struct SecondProgram {
    url: String,
    app_id: AppId,
    secret: String,
}

impl SecondProgram {
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let request = reqwest::Client::new().get(format!("{}{path}", self.url)).query(query);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn fetch(&self) -> String {
        let query =
            [("grant_type", "client_credential"), ("appid", self.app_id.as_str()), ("secret", &self.secret)];
        let answer = self.get("/cgi-bin/token", &query).await;
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    async fn works_with(&self, token: &str) -> bool {
        let answer = self.get("/cgi-bin/material/get_materialcount", &[("access_token", token)]).await;
        answer.get("voice_count").is_some()
    }
}

/// One account, whose plain tokens die at once when another is fetched.
fn contested() -> Scenario {
    Scenario { token_overlap: Duration::ZERO, ..Scenario::generated(1) }
}

async fn start(change: impl Fn(&mut Account)) -> (Exporter, Simulated, SecondProgram) {
    let scenario = contested();
    let simulated = Simulated::start(scenario.clone()).await;
    let one = &scenario.accounts[0];
    let mut account = simulated.account(one, Duration::from_millis(20));
    change(&mut account);
    let second =
        SecondProgram { url: simulated.url.clone(), app_id: one.app_id.clone(), secret: one.secret.clone() };
    (Exporter::start(vec![account]).await, simulated, second)
}

#[tokio::test]
async fn the_default_source_neither_suffers_from_a_fight_nor_joins_it() {
    let (exporter, simulated, second) = start(|_| {}).await;
    let mut token = second.fetch().await;
    for round in 1..=20 {
        // Between two fetches of the other program we poll, and its token still works.
        exporter.wait_for(|readings| readings.polls >= round * 2).await;
        assert!(second.works_with(&token).await, "round {round}");
        token = second.fetch().await;
    }
    exporter.wait_for(|readings| readings.failures == 0 && readings.token_rejections == 0).await;
    exporter.wait_for(|readings| readings.token_refreshes == 1).await;
    assert_eq!(simulated.simulator.calls(&second.app_id, Endpoint::Token), 21, "the other program's alone");
    assert_eq!(simulated.simulator.calls(&second.app_id, Endpoint::StableToken), 1);
    exporter.end().await;
}

#[tokio::test]
async fn the_opt_in_source_never_loops() {
    let (exporter, simulated, second) = start(|account| {
        let TokenSource::StableToken { app_secret } = account.token.clone() else { panic!("the default") };
        account.token = TokenSource::Token { app_secret };
    })
    .await;
    exporter.wait_for(|readings| readings.polls >= 1).await;
    let mut theirs = 0;
    // The other program retires our token again and again, and again.
    while simulated.simulator.calls(&second.app_id, Endpoint::MaterialCount) < 8 {
        second.fetch().await;
        theirs += 1;
    }
    let ours = simulated.simulator.calls(&second.app_id, Endpoint::Token) - theirs;
    assert!((1..=2).contains(&ours), "the first fetch and one after a rejection, not {ours}");
    exporter.wait_for(|readings| readings.token_refreshes == 2 && readings.token_rejections >= 2).await;
    exporter.end().await;
}

#[tokio::test]
async fn the_opt_in_source_asks_as_documented() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/cgi-bin/token"))
        .and(query_param("grant_type", "client_credential"))
        .and(query_param("appid", "wx0123456789abcdef"))
        .and(query_param("secret", APP_SECRET))
        .respond_with(
            ResponseTemplate::new(200).set_body_json(json!({"access_token": "t", "expires_in": 7200})),
        )
        .expect(1)
        .mount(&server)
        .await;
    let counts = json!({"voice_count": 5, "video_count": 3, "image_count": 10, "news_count": 7});
    let answer = ResponseTemplate::new(200).set_body_json(counts);
    Mock::given(path("/cgi-bin/material/get_materialcount")).respond_with(answer).mount(&server).await;
    let token = TokenSource::Token { app_secret: SecretSource::Inline(Secret::new(APP_SECRET.into())) };
    let mut poller = Poller::new(Account { token, ..account(&server.uri()) }, &api_config());
    for _ in 0..3 {
        assert!(outcome(&poller.poll().await).is_ok());
    }
}

#[tokio::test]
async fn a_fetch_whose_answer_is_late_or_unreadable_is_not_repeated_at_once() {
    let late = ResponseTemplate::new(200).set_delay(Duration::from_secs(5));
    let unreadable = ResponseTemplate::new(200).set_body_string("<html>");
    for (answer, class) in [(late, "network"), (unreadable, "decode")] {
        let server = MockServer::start().await;
        Mock::given(path("/cgi-bin/token")).respond_with(answer).expect(1).mount(&server).await;
        let token = TokenSource::Token { app_secret: SecretSource::Inline(Secret::new(APP_SECRET.into())) };
        let api = ApiConfig { timeout: Duration::from_millis(200), ..api_config() };
        let mut poller = Poller::new(Account { token, ..account(&server.uri()) }, &api);
        for _ in 0..4 {
            let report = poller.poll().await;
            assert_eq!(outcome(&report).unwrap_err().class().row().label, class);
        }
    }
}

/// Every other mock of the API is made by `harness::api_server`, which refuses such calls. The other servers stand in for
/// somebody else: receivers of notifications, and an exporter that is asked for its health.
#[test]
fn no_other_test_has_a_server_without_guards() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let unguarded = |path: &Path| std::fs::read_to_string(path).unwrap().contains("MockServer::start()");
    let mut files = vec![tests];
    let mut found = Vec::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") && unguarded(&path) {
            found.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    assert_eq!(found, ["alertmanager.rs", "harness.rs", "health.rs", "takeover.rs", "watch.rs"]);
}

/// The words of calls that retire tokens or quotas do not even occur in what we send.
#[test]
fn nothing_in_the_code_can_force_a_refresh_or_clear_a_quota() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for part in ["wechat", "token", "platform", "poll"] {
        let mut files = vec![source.join(part)];
        while let Some(path) = files.pop() {
            if path.is_dir() {
                files.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code {
                assert!(
                    !line.contains("\"force_refresh\"") && !line.contains("clear_quota"),
                    "{}: {line}",
                    path.display()
                );
            }
        }
    }
}
