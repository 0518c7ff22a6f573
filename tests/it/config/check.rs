//! What `--config.check` prints of a configuration: the budget, or every fault of every file.

use std::fmt::Write as _;
use std::fs;

use tempfile::TempDir;

use super::{ONE, load_text};
use crate::program::{run, text};

/// A directory with these files.
fn files(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let text = text.replace("DIR", dir.path().to_str().unwrap());
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// The exit code, the lines of stdout and those of stderr.
async fn check(dir: &TempDir) -> (Option<i32>, Vec<String>, Vec<String>) {
    let output =
        run(&["--config.check", "--config.file", dir.path().join("main.yaml").to_str().unwrap()]).await;
    let lines = |bytes: &[u8]| -> Vec<String> {
        text(bytes)
            .replace(&format!("{}/", dir.path().display()), "")
            .lines()
            .map(ToOwned::to_owned)
            .collect()
    };
    (output.status.code(), lines(&output.stdout), lines(&output.stderr))
}

#[tokio::test]
async fn alike_plans_are_told_once_and_the_largest_group_first() {
    let mut main = String::from("account_files: [DIR/*.acc]\nplatforms:\n");
    let tokens = "authorizer_token: {source: api_authorizer_token, accept_token_takeover: true}, component_token: \
                  {source: verify_ticket, component_app_secret: x, ticket: {source: file, path: x}, accept_token_takeover: true}";
    writeln!(
        main,
        "  open: {{component_app_id: wxa000000000000000, {tokens}, discover: true, interval: 20m}}"
    )
    .unwrap();
    main.push_str("accounts:\n");
    main.push_str("  a: {app_id: wx0000000000000001, collect: [draft, quota], token: {app_secret: x}}\n");
    let mut more = String::from("accounts:\n");
    for i in 0..5 {
        writeln!(more, "  b{i}: {{app_id: wxb00000000000000{i}, token: {{source: file, path: x{i}}}}}")
            .unwrap();
    }
    let dir = files(&[("main.yaml", &main), ("more.acc", &more)]);
    let (code, out, err) = check(&dir).await;
    assert_eq!((code, err.as_slice()), (Some(0), &[][..]));
    let at = out.iter().position(|line| line.contains("valid")).unwrap();
    insta::assert_snapshot!(out[at..].join("\n"));
}

#[tokio::test]
async fn at_most_twenty_plans_are_told() {
    let mut main = String::from("accounts:\n");
    for i in 10..45 {
        writeln!(main, "  a{i}: {{app_id: wx00000000000000{i}, interval: {i}m, token: {{app_secret: x}}}}")
            .unwrap();
    }
    let (code, out, _) = check(&files(&[("main.yaml", &main)])).await;
    assert_eq!(code, Some(0));
    assert_eq!(out.iter().filter(|line| line.starts_with("budget a day for the account ")).count(), 20);
    assert_eq!(out.last().unwrap(), "15 more plans");
}

#[tokio::test]
async fn a_broken_account_file_fails_the_check_with_all_its_faults() {
    let main = "account_files: [DIR/a.yaml, DIR/b.yaml]\naccounts: {a: {app_id: wx0000000000000001, token: {app_secret: x}}}\n";
    let broken = "accounts: {b: {app_id: wx0000000000000002, interval: 1, colour: red, token: {app_secret: canary}}}\n";
    let dir = files(&[("main.yaml", main), ("a.yaml", broken), ("b.yaml", "accounts: {")]);
    let (code, out, err) = check(&dir).await;
    assert_eq!((code, out.as_slice()), (Some(1), &[][..]));
    let places: Vec<_> =
        err.iter().map(|line| line.splitn(3, ": ").take(2).collect::<Vec<_>>().join(": ")).collect();
    assert_eq!(
        places,
        ["a.yaml: accounts.b.interval", "a.yaml: accounts.b.colour", "b.yaml: line 1, column 11"]
    );
}

#[test]
fn a_name_that_looks_like_another_accounts_app_id_is_doubtful() {
    let of = |name: &str| {
        let text = ONE.replace("{a: ", &format!("{{{name}: "));
        load_text(&text, &[]).unwrap().warnings
    };
    assert_eq!(of("wx0123456789abcdef"), [""; 0], "its own");
    assert!(of("wx0123456789abcdee")[0].ends_with(
        "accounts.wx0123456789abcdee: named like the app id of another account, which cannot be discovered \
         then: give it a name of its own"
    ));
}
