//! The sub-command `doctor` as its user meets it: the real binary against the simulator or a mock
//! server.

mod network;

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::Scenario;
use wiremock::matchers::{path, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::app::Simulated;
use crate::harness::api_server;
use crate::program::{PATIENCE, command, text};

/// What a doctor said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// The line of a step of the only account or route that has it, without its column.
    fn step(&self, step: &str) -> &str {
        let mut lines = self.out.lines().filter_map(|line| line.trim().strip_prefix(step)?.strip_prefix(' '));
        let line = lines.next().unwrap_or_else(|| panic!("no {step} in:\n{}", self.out));
        assert_eq!(lines.next(), None, "more than one {step} in:\n{}", self.out);
        line.trim()
    }

    fn document(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}:\n{}", self.out))
    }
}

async fn doctor(configuration: &str, args: &[&str]) -> Said {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("exporter.yaml");
    fs::write(&file, configuration).unwrap();
    let mut command = command(&["doctor", "--config.file", file.to_str().unwrap()]);
    let output = command.args(args).env("LC_ALL", "C").output();
    let output = tokio::time::timeout(PATIENCE, output).await.expect("it ends").unwrap();
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// One account `brand` with a stable token, and `more` keys.
fn brand(base_url: &str, more: &str) -> String {
    let token = "token: {app_secret: 0123456789abcdef}";
    format!("accounts:\n  brand: {{app_id: wx0123456789abcdef, base_url: '{base_url}', {token}{more}}}\n")
}

fn answer(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn counts() -> ResponseTemplate {
    answer(json!({"voice_count": 5, "video_count": 3, "image_count": 10, "news_count": 7}))
}

fn quota(limit: u64, used: u64) -> ResponseTemplate {
    answer(json!({"quota": {"daily_limit": limit, "used": used, "remain": limit - used}, "rate_limit": {}}))
}

/// A server on which everything is well, except for what was mounted before.
async fn well(server: &MockServer) {
    let token = answer(json!({"access_token": "15_token", "expires_in": 7200}));
    for (end, answer) in [
        ("stable_token", token),
        ("get_materialcount", counts()),
        ("draft/count", answer(json!({"total_count": 4}))),
        ("quota/get", quota(1_000, 3)),
    ] {
        Mock::given(path_regex(format!("/{end}$"))).respond_with(answer).mount(server).await;
    }
}

/// The last part of each path that was called, in order.
async fn calls(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let last = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    requests.iter().map(|request| last(request.url.path())).collect()
}

#[tokio::test]
async fn a_healthy_account_is_told_step_by_step() {
    let server = api_server().await;
    well(&server).await;
    let said = doctor(&brand(&server.uri(), ", collect: [draft]"), &[]).await;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
    assert_eq!(calls(&server).await, ["stable_token", "get_materialcount", "count", "get"]);
    let heads: Vec<_> = said.out.lines().filter(|line| !line.starts_with(' ')).collect();
    let uri = server.uri();
    assert!(
        heads[0].starts_with("configuration  ok       ") && heads[0].ends_with(": 1 account"),
        "{heads:?}"
    );
    assert_eq!(heads[1..], [&uri, "brand (wx0123456789abcdef)", &uri, "1 account: 1 fine"]);
    assert!(said.step("dns").starts_with("ok       127.0.0.1: 1 address in "), "{}", said.out);
    let address = uri.strip_prefix("http://").unwrap();
    assert!(said.step("tcp").starts_with(&format!("ok       {address} in ")), "{}", said.out);
    for (step, expected) in [
        ("tls", "skipped  the base URL is `http`"),
        ("token", "ok       stable_token: fetched, expires in 7200 s"),
        ("data", "ok       voice 5, video 3, image 10, news 7"),
        ("draft", "ok       4 drafts"),
        ("quota", "ok       get_materialcount: used 3 of 1000 today, 997 left"),
        ("clock", "ok       as the API's"),
    ] {
        assert_eq!(said.step(step), expected);
    }
}

#[tokio::test]
async fn each_trouble_of_an_account_has_its_remedy_and_touches_no_other() {
    let scenario = "accounts:
  fine: {app_id: wx0000000001, secret: secret-1}
  refused: {app_id: wx0000000002, secret: secret-2, refused_ip: 203.0.113.8}
  used-up: {app_id: wx0000000003, secret: secret-3, daily_calls: 10, used_today: 10}
  wrong: {app_id: wx0000000004, secret: secret-4}";
    let scenario = Scenario::from_yaml(scenario, "test").unwrap();
    let simulated = Simulated::start(scenario.clone()).await;
    let mut yaml = format!("api: {{base_url: '{}'}}\naccounts:\n", simulated.url);
    for one in &scenario.accounts {
        let secret = if one.name == "wrong" { "another-secret" } else { &one.secret };
        let app_id = one.app_id.as_str();
        writeln!(yaml, "  {}: {{app_id: {app_id}, token: {{app_secret: {secret}}}}}", one.name).unwrap();
    }
    let said = doctor(&yaml, &["--json"]).await;
    assert_eq!(said.code, Some(1), "{}", said.err);
    let document = said.document();
    let counted = json!({"checked": 4, "fine": 1, "warning": 0, "failed": 3, "skipped": 0});
    assert_eq!((&document["accounts"], &document["ok"]), (&counted, &json!(false)));
    let steps = document["steps"].as_array().unwrap();
    let find = |subject: &str, step: &str| {
        let found = steps.iter().find(|found| found["subject"] == subject && found["step"] == step);
        found.unwrap_or_else(|| panic!("no {step} of {subject}:\n{}", said.out))
    };
    for (subject, step, class, errcode) in [
        ("refused", "token", "ip", json!(40164)),
        ("used-up", "data", "quota_day", json!(45009)),
        ("used-up", "quota", "quota_day", Value::Null),
        ("wrong", "token", "secret", json!(40125)),
    ] {
        let found = find(subject, step);
        assert_eq!((&found["outcome"], &found["class"]), (&json!("failed"), &json!(class)), "{found}");
        assert_eq!(found["errcode"], errcode, "{found}");
        assert!(found["remedy"].as_str().is_some_and(|remedy| remedy.len() > 20), "{found}");
    }
    assert_eq!(find("refused", "token")["seen_ip"], "203.0.113.8");
    assert_eq!(find("refused", "data")["outcome"], "skipped");
    assert_eq!(find("fine", "data")["outcome"], "ok");
    // In lines the same, for one account by name.
    let said = doctor(&yaml, &["refused"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.step("token").contains("errcode 40164") && said.step("token").contains("(class ip)"));
    assert!(said.step("token").contains("WeChat saw 203.0.113.8"), "{}", said.out);
    assert!(said.step("remedy").contains("IP whitelist") && !said.out.contains("fine"), "{}", said.out);
}

#[tokio::test]
async fn nothing_is_repeated_after_a_refusal() {
    let server = api_server().await;
    let refusal = answer(json!({"errcode": 40001, "errmsg": "invalid credential"}));
    Mock::given(path("/cgi-bin/material/get_materialcount")).respond_with(refusal).mount(&server).await;
    well(&server).await;
    let said = doctor(&brand(&server.uri(), ", collect: [draft, quota]"), &[]).await;
    assert_eq!(said.code, Some(1));
    assert_eq!(calls(&server).await, ["stable_token", "get_materialcount"]);
    assert!(said.step("data").contains("(class token)"), "{}", said.out);
    assert_eq!(said.step("draft"), "skipped  it would fail as `data` did");
    let server = api_server().await;
    let busy = answer(json!({"errcode": -1, "errmsg": "system error"}));
    Mock::given(path("/cgi-bin/material/get_materialcount")).respond_with(busy).mount(&server).await;
    well(&server).await;
    let said = doctor(&brand(&server.uri(), ", collect: [draft, quota]"), &[]).await;
    assert_eq!(said.code, Some(1));
    assert_eq!(calls(&server).await, ["stable_token", "get_materialcount", "count", "get"]);
}

#[tokio::test]
async fn tokens_that_others_may_hold_are_not_fetched_and_kept_ones_are_read() {
    let server = api_server().await;
    well(&server).await;
    let dir = TempDir::new().unwrap();
    let kept = dir.path().join("kept");
    fs::write(&kept, "15_kept\n").unwrap();
    fs::write(dir.path().join("kept.wx0000000004"), "15_kept\n").unwrap();
    let (uri, kept) = (server.uri(), kept.display());
    let takeover = "accept_token_takeover: true";
    let ticket = format!(
        "component_token: {{source: verify_ticket, component_app_secret: a-secret, \
         ticket: {{source: file, path: '{kept}'}}, {takeover}}}"
    );
    let read = format!("{{source: file, path: '{kept}'}}");
    let read_each = format!("{{source: file, path: '{kept}.{{app_id}}'}}");
    let fetched = format!("{{source: api_authorizer_token, {takeover}}}");
    let yaml = format!(
        "api: {{base_url: '{uri}'}}
accounts:
  fetched: {{app_id: wx0000000001, token: {{source: authorizer, platform: fetched, refresh_token: r}}}}
  kept: {{app_id: wx0000000002, token: {read}}}
  plain: {{app_id: wx0000000003, token: {{source: token, app_secret: a-secret, {takeover}}}}}
  read: {{app_id: wx0000000004, token: {{source: authorizer, platform: read}}}}
  ticket: {{app_id: wx0000000005, token: {{source: authorizer, platform: ticket, refresh_token: r}}}}
platforms:
  fetched: {{component_app_id: wx0000000011, component_token: {read}, authorizer_token: {fetched}}}
  read: {{component_app_id: wx0000000012, {ticket}, authorizer_token: {read_each}}}
  ticket: {{component_app_id: wx0000000013, {ticket}, authorizer_token: {fetched}}}
"
    );
    let said = doctor(&yaml, &["--json"]).await;
    let document = said.document();
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let counted = json!({"checked": 5, "fine": 2, "warning": 0, "failed": 0, "skipped": 3});
    assert_eq!(document["accounts"], counted, "{}", said.out);
    for step in document["steps"].as_array().unwrap() {
        let subject = step["subject"].as_str().unwrap();
        if ["fetched", "plain", "ticket"].contains(&subject) {
            assert_eq!(step["outcome"], "skipped", "{step}");
        }
    }
    // The server of the harness fails the test at a call of /cgi-bin/token, too.
    let mut calls = calls(&server).await;
    calls.sort();
    assert_eq!(calls, ["get", "get", "get_materialcount", "get_materialcount"]);
}

#[tokio::test]
async fn the_cloud_has_no_quotas_and_its_errors_are_its_console_s() {
    let server = api_server().await;
    let missing = answer(json!({"errcode": 41001, "errmsg": "access_token missing"}));
    Mock::given(path("/no/cgi-bin/material/get_materialcount")).respond_with(missing).mount(&server).await;
    well(&server).await;
    let hosted = |base: &str| {
        format!(
            "accounts:\n  a: {{app_id: wx0000000001, base_url: '{base}', token: {{source: cloud_hosting}}}}\n"
        )
    };
    let said = doctor(&hosted(&server.uri()), &[]).await;
    assert_eq!(
        (said.code, calls(&server).await.as_slice()),
        (Some(0), &["get_materialcount".to_owned()][..])
    );
    assert_eq!(said.step("token"), "ok       cloud_hosting: the cloud adds the credential");
    assert_eq!(said.step("quota"), "skipped  the cloud has no API for quotas");
    let said = doctor(&hosted(&format!("{}/no", server.uri())), &[]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.step("data").contains("(class request)"), "{}", said.out);
    assert!(said.step("remedy").contains("WeChat Cloud Hosting"), "{}", said.out);
}

#[tokio::test]
async fn a_scarce_quota_and_a_wrong_clock_are_told() {
    let server = api_server().await;
    Mock::given(path("/cgi-bin/openapi/quota/get")).respond_with(quota(1_000, 950)).mount(&server).await;
    well(&server).await;
    let said = doctor(&brand(&server.uri(), ""), &[]).await;
    assert_eq!(said.code, Some(0), "a warning is no failure: {}", said.out);
    assert_eq!(said.step("quota"), "warning  get_materialcount: used 950 of 1000 today, 50 left");
    assert!(said.out.ends_with("\n1 account: 1 with warnings\n"), "{}", said.out);
    let server = api_server().await;
    let late = quota(0, 0).insert_header("date", "Tue, 14 Nov 2023 22:13:20 GMT");
    Mock::given(path("/cgi-bin/openapi/quota/get")).respond_with(late).mount(&server).await;
    well(&server).await;
    let said = doctor(&brand(&server.uri(), ""), &[]).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert_eq!(said.step("quota"), "ok       get_materialcount: used 0 today, the quota is unknown");
    let clock = said.step("clock");
    assert!(clock.starts_with("failed   at least ") && clock.ends_with(" s ahead of the API's"), "{clock}");
    assert!(said.step("remedy").contains("NTP"), "{}", said.out);
}

#[tokio::test]
async fn many_accounts_are_announced_and_only_troubles_are_told() {
    const COUNT: u32 = 200;
    let scenario = Scenario::generated(COUNT);
    let simulated = Simulated::start(scenario.clone()).await;
    let mut yaml = format!("api: {{base_url: '{}', requests_per_second: 10000}}\naccounts:\n", simulated.url);
    for (number, one) in scenario.accounts.iter().enumerate() {
        let secret = if number == 77 { "another-secret" } else { &one.secret };
        let (name, app_id) = (&one.name, one.app_id.as_str());
        writeln!(yaml, "  {name}: {{app_id: {app_id}, token: {{app_secret: {secret}}}}}").unwrap();
    }
    let said = doctor(&yaml, &[]).await;
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""));
    let lines: Vec<_> = said.out.lines().collect();
    let calls = "200 of stable_token, 200 of get_materialcount, 200 of quota_get";
    let announced = format!("200 accounts, at most 600 calls ({calls}), at 10000 a second: about 1 s");
    assert_eq!(lines[0], announced);
    assert_eq!(*lines.last().unwrap(), "200 accounts: 199 fine, 1 failed");
    let told: Vec<_> = lines.iter().filter(|line| line.contains("(wx")).collect();
    assert_eq!(told.len(), 1, "{}", said.out);
    assert!(told[0].starts_with("simulated-77 "), "{}", said.out);
    for (endpoint, expected) in
        [(Endpoint::StableToken, 200), (Endpoint::MaterialCount, 199), (Endpoint::QuotaGet, 199)]
    {
        assert_eq!(simulated.simulator.total_calls(endpoint), expected, "{endpoint:?}");
        for one in &scenario.accounts {
            assert!(simulated.simulator.calls(&one.app_id, endpoint) <= 1, "{endpoint:?} {}", one.name);
        }
    }
    let said = doctor(&yaml, &["--json"]).await;
    assert_eq!(said.err.trim_end(), announced);
    let document = said.document();
    let steps = document["steps"].as_array().unwrap();
    let mut names: Vec<_> =
        steps.iter().filter(|step| step["step"] == "data").map(|step| &step["subject"]).collect();
    assert_eq!(names.len(), 200, "programs are told everything");
    names.dedup();
    assert!(names.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str()), "in name order");
}

#[tokio::test]
async fn an_unknown_name_is_one_clear_line() {
    let said = doctor(&brand("http://127.0.0.1:1", ""), &["brand", "brant"]).await;
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""));
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(said.err.contains("`brant`") && said.err.contains("did you mean `brand`?"), "{}", said.err);
}

#[tokio::test]
async fn a_faulty_configuration_fails_the_first_step_with_every_fault() {
    let yaml = "pol: {}\naccounts:\n  A: {app_id: x}\n";
    let said = doctor(yaml, &[]).await;
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""));
    let faults = said.out.lines().filter(|line| line.starts_with("configuration  failed   ")).count();
    assert!(faults >= 3, "{}", said.out);
    assert!(said.out.contains("did you mean `poll`?"), "{}", said.out);
    assert!(said.out.ends_with("\nno account was checked\n"), "{}", said.out);
    let said = doctor(yaml, &["--json"]).await;
    let document = said.document();
    assert_eq!(document["steps"].as_array().unwrap().len(), faults);
    assert_eq!((said.code, &document["ok"]), (Some(1), &json!(false)));
}

#[tokio::test]
async fn an_interrupt_ends_it_cleanly_with_what_is_known() {
    // A server that accepts and never answers keeps it waiting.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("exporter.yaml");
    fs::write(&file, brand(&format!("http://{}", silent.local_addr().unwrap()), "")).unwrap();
    for args in [&["doctor"][..], &["doctor", "--json"]] {
        let child = command(args).args(["--config.file", file.to_str().unwrap()]).spawn().unwrap();
        // The connection of the step `tcp`, then that of the call.
        let mut held = Vec::new();
        for _ in 0..2 {
            let accepted = tokio::time::timeout(PATIENCE, silent.accept()).await.expect("it connects");
            held.push(accepted.unwrap());
        }
        let id = child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
        let output =
            tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
        let out = text(&output.stdout);
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{out}");
        if args.contains(&"--json") {
            let document: Value = serde_json::from_str(&out).unwrap();
            assert_eq!(document["interrupted"], json!(true));
        } else {
            assert!(out.ends_with("\ninterrupted after 0 of 1 account\n"), "{out}");
        }
    }
}
