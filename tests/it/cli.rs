//! The command line as a user meets it: exit codes, messages, signals.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;

use crate::program::{PATIENCE, Serving, command, run, text, within};

fn config_file(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exporter.yaml");
    fs::write(&path, text).unwrap();
    (dir, path)
}

/// One account against a port where nobody answers.
const LONELY: &str = "
api: {base_url: 'http://127.0.0.1:1'}
accounts:
  brand: {app_id: wx0123456789abcdef, token: {app_secret: canary-secret}}
";

#[tokio::test]
async fn version_and_help_go_to_stdout_and_exit_0() {
    let version = run(&["--version"]).await;
    assert_eq!((version.status.code(), version.stderr.len()), (Some(0), 0));
    let revision = option_env!("BUILD_REVISION").map(|revision| format!(" (revision {revision})"));
    let name = concat!("wechat-material-exporter ", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&version.stdout), format!("{name}{}\n", revision.unwrap_or_default()));
    let help = run(&["--help"]).await;
    assert_eq!((help.status.code(), help.stderr.len()), (Some(0), 0));
    assert_eq!(help.stdout, run(&["-h"]).await.stdout);
}

#[tokio::test]
async fn help_is_grouped_and_fits_the_terminal() {
    for (columns, width) in [("80", 80), ("100", 100), ("300", 100)] {
        for args in [&["--help"][..], &["demo", "--help"], &["simulate", "--help"], &["doctor", "--help"]] {
            let help = text(&command(args).env("COLUMNS", columns).output().await.unwrap().stdout);
            let longest = help.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= width, "{args:?} at {columns} columns:\n{help}");
            // Variables are told of once, below.
            assert!(!help.contains("[env"), "{help}");
            assert_eq!(help.contains("WECHAT_EXPORTER_LOG_LEVEL"), args.len() == 1, "{help}");
            assert!(!help.contains("\n\n\n"), "{help}");
        }
    }
    let headings = |help: String| -> Vec<String> {
        let is_heading = |line: &&str| line.ends_with(':') && !line.starts_with(' ');
        help.lines().filter(is_heading).map(str::to_owned).collect()
    };
    let help = |args: &'static [&str]| async { headings(text(&run(args).await.stdout)) };
    let notes = ["Environment:", "Signals:", "Exit codes:"];
    let groups = ["Commands:", "Options:", "Configuration:", "State and shards:", "Web:", "Logging:"];
    assert_eq!(help(&["--help"]).await, [&groups[..], &notes].concat());
    assert_eq!(help(&["demo", "--help"]).await, ["Options:", "Web:", "Logging:"]);
    assert_eq!(help(&["simulate", "--help"]).await, ["Options:", "Logging:"]);
    let doctor = ["Arguments:", "Options:", "Configuration:", "Logging:"];
    assert_eq!(help(&["doctor", "--help"]).await, doctor);
}

#[tokio::test]
async fn wrong_usage_exits_2_with_a_hint() {
    for args in [&["--config.fil", "x"][..], &["serve"], &["--log.level", "loud"], &["simulate"]] {
        let output = run(args).await;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{args:?}");
        assert!(!output.stderr.is_empty());
    }
    let typo = run(&["--config.fil", "x"]).await;
    assert!(text(&typo.stderr).contains("--config.file"), "{}", text(&typo.stderr));
    let unknown = command(&[]).env("WECHAT_EXPORTER_STATE_FIL", "x").output().await.unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}

#[tokio::test]
async fn a_check_says_what_is_planned_or_prints_every_fault() {
    let (_dir, path) = config_file(LONELY);
    let good = run(&["--config.check", "--config.file", path.to_str().unwrap()]).await;
    assert_eq!((good.status.code(), text(&good.stderr).as_str()), (Some(0), ""));
    assert!(text(&good.stdout).contains("valid, 1 account,"), "{}", text(&good.stdout));

    let (_dir, path) = config_file("pol: {}\npoll: {interval: 5 parsecs}\naccounts:\n  A: {app_id: x}\n");
    let bad = run(&["--config.check", "--config.file", path.to_str().unwrap()]).await;
    assert_eq!((bad.status.code(), bad.stdout.len()), (Some(1), 0));
    let faults = text(&bad.stderr);
    assert!(faults.lines().count() >= 4, "{faults}");
    assert!(faults.lines().all(|line| line.starts_with(path.to_str().unwrap())), "{faults}");
    // Serving refuses the same file in the same words.
    let serving = run(&["--config.file", path.to_str().unwrap()]).await;
    assert_eq!((serving.status.code(), text(&serving.stderr)), (Some(1), faults));
}

#[tokio::test]
async fn a_file_that_is_not_there_is_one_clear_line() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.yaml");
    for path in [missing.as_path(), dir.path()] {
        let output = run(&["--config.file", path.to_str().unwrap()]).await;
        let message = text(&output.stderr);
        assert_eq!((output.status.code(), message.lines().count()), (Some(1), 1), "{message}");
        assert!(message.contains(path.to_str().unwrap()), "{message}");
    }
}

#[tokio::test]
async fn a_taken_port_ends_with_exit_1_and_nothing_half_started() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (_dir, path) = config_file(LONELY);
    let file = path.to_str().unwrap();
    for args in [
        &["--config.file", file, "--web.listen-address", &address][..],
        &["demo", "--web.listen-address", "127.0.0.1:0", "--web.listen-address", &address],
        &["simulate", "--accounts", "1", "--listen", &address],
    ] {
        let output = run(args).await;
        let message = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{message}");
        assert!(message.contains(&address) && message.contains("in use"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[tokio::test]
async fn the_environment_goes_over_the_file() {
    let (_dir, path) = config_file(LONELY);
    let mut command = command(&["--config.file", path.to_str().unwrap()]);
    command
        .env("WECHAT_EXPORTER__POLL__INTERVAL", "15m")
        .env("WECHAT_EXPORTER_WEB_TELEMETRY_PATH", "/numbers");
    let exporter = Serving::spawn(command).await;
    let page = exporter.page("/numbers").await;
    assert!(page.contains("wechat_account_poll_interval_seconds{account=\"brand\"} 900\n"), "{page}");
    let output = self::command(&["--config.check", "--config.file", path.to_str().unwrap()])
        .env("WECHAT_EXPORTER__POL__INTERVAL", "15m")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_configuration_may_come_through_a_pipe() {
    let mut command = command(&["--config.check", "--config.file", "/dev/stdin"]);
    command.stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut pipe, LONELY.as_bytes()).await.unwrap();
    drop(pipe);
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_result_that_cannot_be_written_is_an_error_and_a_reader_that_left_is_none() {
    let (_dir, path) = config_file(LONELY);
    let check = ["--config.check", "--config.file", path.to_str().unwrap()];
    let ended = async |stdout: Stdio| {
        let child = command(&check).stdout(stdout).spawn().unwrap();
        let output = within("the check", child.wait_with_output()).await.unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let said = "cannot write to standard output: No space left on device (os error 28)\n".to_owned();
    assert_eq!(ended(full.into()).await, (Some(1), said));

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_eq!(ended(writer.into()).await, (Some(1), String::new()));
}

#[tokio::test]
async fn sigterm_and_sigint_end_it_cleanly() {
    let (_dir, path) = config_file(LONELY);
    for signal in ["TERM", "INT"] {
        let exporter = Serving::start(&["--config.file", path.to_str().unwrap()]).await;
        exporter.signal(signal);
        let (code, _, log) = exporter.ended().await;
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stopped"), "{log}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    // A server that accepts and never answers keeps the poll, and so the first stop, waiting.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_dir, path) = config_file(&LONELY.replace("127.0.0.1:1", &silent.local_addr().unwrap().to_string()));
    let exporter = Serving::start(&["--config.file", path.to_str().unwrap()]).await;
    let _call = tokio::time::timeout(PATIENCE, silent.accept()).await.expect("it polls").unwrap();
    exporter.signal("TERM");
    exporter.wait_for_end_of_service().await;
    exporter.signal("TERM");
    let (code, _, log) = exporter.ended().await;
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("second signal"), "{log}");
}

#[tokio::test]
async fn the_demo_shows_every_account_once_and_numbers_that_move() {
    let mut exporter = Serving::start(&["demo", "--log.level", "info"]).await;
    let ratio = |page: &str, account: &str| {
        let series = format!("wechat_material_items{{account=\"{account}\",kind=\"image\"}} ");
        page.lines().find_map(|line| line.strip_prefix(&series)?.parse::<f64>().ok())
    };
    let first = exporter.wait_for("/metrics", |page| ratio(page, "growing").is_some()).await;
    let before = ratio(&first, "growing").unwrap();
    exporter.wait_for("/metrics", |page| ratio(page, "growing").is_some_and(|now| now > before)).await;
    exporter.wait_for("/-/ready", |page| !page.contains("not")).await;
    exporter.wait_for_output("Ctrl-C").await;
    exporter.signal("INT");
    let (code, out, log) = exporter.ended().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!out.contains('\x1b'), "colour is for terminals only: {out}");
    for account in
        ["healthy", "nearly-full", "full", "growing", "secret-wrong", "ip-refused", "quota-used-up", "slow"]
    {
        let lines = out.lines().filter(|line| line.split_whitespace().nth(1) == Some(account)).count();
        assert_eq!(lines, 1, "{account}:\n{out}");
    }
    for wanted in ["http://127.0.0.1:", "/metrics", "Ctrl-C", "203.0.113.8"] {
        assert!(out.contains(wanted), "{wanted}:\n{out}");
    }
}

#[tokio::test]
async fn a_larger_demo_tells_its_generated_accounts_as_one_and_stands_still_at_speed_0() {
    let mut exporter = Serving::start(&["demo", "--accounts=30", "--speed=0", "--log.level=info"]).await;
    let count = |page: &str, series: &str| page.lines().filter(|line| line.starts_with(series)).count();
    let is_told = |page: &str| count(page, "wechat_account_up{") == 41;
    exporter.wait_for("/metrics", is_told).await;
    let items = |page: &str| -> Vec<String> {
        page.lines().filter(|line| line.starts_with("wechat_material_items{")).map(str::to_owned).collect()
    };
    let polls = "wechat_account_polls_total{account=\"simulated-0\"} ";
    let polled = |page: &str| page.lines().find_map(|line| line.strip_prefix(polls)?.parse::<u64>().ok());
    let first = exporter.page("/metrics").await;
    let again = exporter.wait_for("/metrics", |page| polled(page) > polled(&first)).await;
    assert_eq!((items(&first), items(&first).len()), (items(&again), 4 * (41 - 5)), "{again}");
    exporter.wait_for_output("Ctrl-C").await;
    exporter.signal("INT");
    let (code, out, log) = exporter.ended().await;
    assert_eq!(code, Some(0), "{log}");
    let told: Vec<_> = out.lines().filter(|line| line.contains("simulated-")).collect();
    assert_eq!(told, ["  ok   simulated-*        28 fine, failing: 1 ip, 1 secret"], "{out}");
}
