//! The systemd units, by systemd's own judgement, and what they start.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

use crate::program::{command, text, within};

const PLAIN: &str = "wechat-material-exporter.service";
const TEMPLATE: &str = "wechat-material-exporter@.service";
const SHARD: &str = "wechat-material-exporter@3.service";
const BINARY: &str = "/usr/bin/wechat-material-exporter";
const CONFIGURATION: &str = "/etc/wechat-material-exporter/wechat-material-exporter.yaml";

fn shipped(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn unit(name: &str) -> String {
    shipped(&format!("systemd/{name}"))
}

/// The units as they are installed, only that the binary is where it was built.
fn installed(change: impl Fn(&str) -> String) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| fs::write(dir.path().join(path), text).unwrap();
    for (source, name) in [(PLAIN, PLAIN), (TEMPLATE, TEMPLATE), (TEMPLATE, SHARD)] {
        let text = change(&unit(source));
        write(name, &text.replace(BINARY, env!("CARGO_BIN_EXE_wechat-material-exporter")));
    }
    fs::create_dir(dir.path().join(format!("{PLAIN}.d"))).unwrap();
    write(&format!("{PLAIN}.d/credentials.conf"), &unit("credentials.conf"));
    dir
}

/// Whether systemd-analyze is content, and what it says.
async fn analyze(args: &[&str], dir: &Path, unit: &str) -> (bool, String) {
    let mut command = Command::new("systemd-analyze");
    command.args(args).arg(dir.join(unit)).env("SYSTEMD_LOG_LEVEL", "warning");
    let output = within("systemd-analyze", command.output()).await.expect("systemd-analyze, see `make test`");
    (output.status.success(), text(&[output.stdout, output.stderr].concat()))
}

#[tokio::test]
async fn systemd_finds_nothing_to_say_about_the_units() {
    let dir = installed(str::to_owned);
    for unit in [PLAIN, TEMPLATE, SHARD] {
        let said = analyze(&["verify", "--man=no"], dir.path(), unit).await;
        assert_eq!(said, (true, String::new()), "{unit}");
    }
}

#[tokio::test]
async fn a_misspelt_key_of_a_unit_is_found() {
    let dir = installed(|text| text.replace("ProtectHome", "ProtectHme"));
    for unit in [PLAIN, TEMPLATE] {
        // Its exit code is 0 all the same.
        let (_, said) = analyze(&["verify", "--man=no"], dir.path(), unit).await;
        assert!(said.contains("ProtectHme"), "{unit}: {said}");
    }
}

#[tokio::test]
async fn the_units_are_exposed_to_less_than_2_of_10() {
    let rate = &["security", "--offline=true", "--no-pager", "--threshold=19"];
    let dir = installed(str::to_owned);
    for unit in [PLAIN, SHARD] {
        let (is_below, said) = analyze(rate, dir.path(), unit).await;
        assert!(is_below && said.contains("Overall exposure level"), "{unit}: {said}");
    }
    let dir = installed(|text| text.replace("CapabilityBoundingSet=\n", "").replace("User=", "#"));
    assert!(!analyze(rate, dir.path(), PLAIN).await.0);
}

/// `KEY=VALUE` lines, without those that a shard has for itself.
fn shared_settings(unit: &str) -> Vec<&str> {
    let own = ["Description=", "Conflicts=", "ExecStart=", "Environment=", "EnvironmentFile="];
    let is_shared = |line: &&str| !line.starts_with('#') && !own.iter().any(|key| line.starts_with(key));
    unit.lines().filter(|line| line.contains('=')).filter(is_shared).collect()
}

#[test]
fn a_shard_is_run_as_the_whole_is() {
    let (plain, template) = (unit(PLAIN), unit(TEMPLATE));
    assert!(shared_settings(&plain).len() > 40);
    assert_eq!(shared_settings(&plain), shared_settings(&template));
}

#[tokio::test]
async fn the_user_of_the_units_can_be_made() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd/wechat-material-exporter.sysusers");
    let mut command = Command::new("systemd-sysusers");
    command.arg("--root").arg(root.path()).arg("--dry-run").arg(file);
    let output = within("systemd-sysusers", command.output()).await.unwrap();
    let said = text(&[output.stdout, output.stderr].concat());
    assert!(output.status.success(), "{said}");
    let user = unit(PLAIN).lines().find_map(|line| line.strip_prefix("User=")).unwrap().to_owned();
    assert!(said.contains(&format!("Creating user '{user}'")), "{said}");
}

/// A directory of the packaged configuration: as it is shipped, or as its comments say.
fn configuration(is_filled_in: bool) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let text = shipped("debian/wechat-material-exporter.yaml");
    let (comments, keys) = text.split_once("accounts:\n").unwrap();
    let keys = if is_filled_in { keys.replace("\n#", "\n").replacen('#', "", 1) } else { keys.to_owned() };
    let path = dir.path().join("wechat-material-exporter.yaml");
    fs::write(&path, format!("{comments}accounts:\n{keys}")).unwrap();
    fs::create_dir(dir.path().join("secrets")).unwrap();
    fs::write(dir.path().join("secrets/brand-main"), "a-secret\n").unwrap();
    (dir, path)
}

/// What the program makes of a unit's command line, without serving.
async fn check(arguments: &str, (dir, path): &(TempDir, PathBuf)) -> (Option<i32>, String) {
    let arguments = arguments.replace(CONFIGURATION, path.to_str().unwrap());
    let mut command = command(&arguments.split_whitespace().collect::<Vec<_>>());
    command.arg("--config.check").current_dir(dir);
    for (name, value) in variables() {
        command.env(name, value);
    }
    let output = within("the check", command.output()).await.unwrap();
    (output.status.code(), text(&[output.stdout, output.stderr].concat()))
}

/// All that `/etc/default` proposes.
fn variables() -> BTreeMap<String, String> {
    let proposed = shipped("debian/wechat-material-exporter.default");
    let lines = proposed.lines().filter_map(|line| line.strip_prefix('#')?.split_once('='));
    lines
        .filter(|(name, _)| name.starts_with("WECHAT_"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn arguments(unit: &str) -> String {
    let start = format!("ExecStart={BINARY} ");
    unit.lines().find_map(|line| line.strip_prefix(&start)).unwrap().replace("%i", "3")
}

#[tokio::test]
async fn what_the_units_start_takes_the_packaged_configuration_once_an_account_is_named() {
    assert!(variables().len() >= 4);
    for name in [PLAIN, TEMPLATE] {
        let arguments = arguments(&unit(name));
        let (code, said) = check(&arguments, &configuration(true)).await;
        assert_eq!(code, Some(0), "{name}: {said}");
        assert!(said.contains("valid, 1 account,"), "{said}");
        let (code, said) = check(&arguments, &configuration(false)).await;
        assert_eq!((code, said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.contains("name at least one account"), "{said}");
    }
}
