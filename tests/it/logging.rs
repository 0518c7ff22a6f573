//! The log as its readers meet it: every line in its format, one line for each change of an account,
//! every event in docs/logging.md.

mod document;
mod events;

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use serde_json::{Map, Value};
use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::{Calls, Fault, Scenario};

use crate::installed::Installed;
use crate::program::{Serving, command, eventually, text, within};

/// The log, as JSON, of an exporter one of whose two accounts fails, in two ways of one class and in one
/// of another, at several polls each, and recovers.
async fn log_of_a_life() -> String {
    let installed = Installed::new(Scenario::generated(2), "1s").await;
    installed.strike(0, Calls::Material, Fault::Garbage);
    let mut command = installed.stateless();
    command.args(["--log.level=debug", "--log.format=json"]);
    let mut exporter = Serving::spawn(command).await;
    exporter.wait_for_line("account failing").await;
    polled_again(&installed).await;
    installed.strike(0, Calls::Material, Fault::Html);
    polled_again(&installed).await;
    installed.strike(0, Calls::Material, Fault::Errcode(47001));
    exporter.wait_for_line("account failing").await;
    polled_again(&installed).await;
    installed.simulator().clear_fault(installed.app_id(0)).unwrap();
    exporter.wait_for_line("account recovered").await;
    exporter.stop().await
}

/// Waits for two more polls of the first account.
async fn polled_again(installed: &Installed) {
    let calls = || installed.calls(0, Endpoint::MaterialCount);
    let before = calls();
    eventually("two more polls", || calls() >= before + 2).await;
}

fn json(line: &str) -> Map<String, Value> {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[tokio::test]
async fn every_line_is_json_and_a_failing_account_is_one_line_a_change() {
    let log = log_of_a_life().await;
    let lines: Vec<_> = log.lines().map(json).collect();
    let of_account = |message: &str| -> Vec<&Map<String, Value>> {
        let is_wanted = |line: &&Map<String, Value>| {
            line["message"].as_str().unwrap().starts_with(message) && line["account"] == "simulated-0"
        };
        lines.iter().filter(is_wanted).collect()
    };
    let failing = of_account("account failing: ");
    let classes: Vec<_> = failing.iter().map(|line| line["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["decode", "request"], "{log}");
    for line in failing {
        assert!(line["remedy"].as_str().unwrap().ends_with('.'), "{line:?}");
        assert_eq!((&line["level"], &line["collector"]), (&"WARN".into(), &"material".into()));
    }
    assert_eq!(of_account("account recovered").len(), 1, "{log}");
    assert!(of_account("poll ended").len() >= 6, "the polls themselves are for debugging: {log}");
    for line in &lines {
        let level = line["level"].as_str().unwrap();
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line:?}");
        assert!(line["target"].as_str().unwrap().starts_with("wechat_material_exporter"), "{line:?}");
        document::check(&level.to_lowercase(), line["message"].as_str().unwrap());
    }
}

/// What `--once` writes to stderr, of which the environment says that it is the stream `named`.
async fn once(config: &str, format: &str, named: impl FnOnce(u64, u64) -> String) -> Vec<String> {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let stderr = File::from(OwnedFd::from(writer));
    let stream = stderr.metadata().unwrap();
    let mut command = command(&["--once", "--config.file", config, "--log.format", format]);
    command.env("JOURNAL_STREAM", named(stream.dev(), stream.ino()));
    command.stdout(Stdio::null()).stderr(Stdio::from(stderr));
    assert_eq!(within("its end", command.status()).await.unwrap().code(), Some(1));
    // With it goes our end of the pipe.
    drop(command);
    let mut written = Vec::new();
    reader.read_to_end(&mut written).unwrap();
    text(&written).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn the_journal_gets_priorities_and_nobody_else_does() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    let config = path.to_str().unwrap();
    let account = "accounts: {brand: {app_id: wx0123456789abcdef, token: {app_secret: canary-secret}}}";
    std::fs::write(&path, format!("api: {{base_url: 'http://127.0.0.1:1'}}\n{account}\n")).unwrap();

    let journal = |device, inode| format!("{device}:{inode}");
    let (json_lines, logfmt_lines, elsewhere) = tokio::join!(
        once(config, "json", journal),
        once(config, "logfmt", journal),
        // stderr was pointed elsewhere since systemd set the variable.
        once(config, "logfmt", |device, inode| format!("{device}:{}", inode + 1)),
    );
    let [failing, failed] = &json_lines[..] else { panic!("{json_lines:?}") };
    for (line, prefix, message) in
        [(failing, "<4>", "account failing: "), (failed, "<3>", "not all accounts")]
    {
        let fields = json(line.strip_prefix(prefix).unwrap());
        assert!(fields["message"].as_str().unwrap().starts_with(message), "{line}");
        assert!(!fields.contains_key("timestamp"), "{line}");
    }
    assert!(logfmt_lines[0].starts_with("<4>level=warn target="), "{logfmt_lines:?}");
    for line in elsewhere {
        let keys: Vec<_> = line.split(' ').take(4).map(|pair| pair.split_once('=').unwrap().0).collect();
        assert_eq!(keys, ["ts", "level", "target", "message"], "{line}");
    }

    std::fs::write(&path, "pol: {}\naccounts: {}\n").unwrap();
    let lines = once(config, "logfmt", journal).await;
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.starts_with(&format!("<3>{config}: "))), "{lines:?}");
}
