//! What a running configuration decides: who keeps an account, what goes on of a broken file, and
//! which accounts count as changed.

use std::fs;
use std::sync::Arc;

use super::account_files::{Files, MAIN, TWICE, entries, owned};
use super::set_mode;

#[test]
fn a_running_account_stays_with_its_file() {
    let mut files = Files::new(MAIN);
    files.write_accounts("d/b.yaml", &[("b", '1', "")]);
    files.load().has("b main", &[]);
    files.write_accounts("d/a.yaml", &[("b", '1', ", interval: 20m")]);
    let fault = format!("d/a.yaml: accounts.b: an account of `d/b.yaml` too: {TWICE}");
    files.load().has("b main", &[&fault]);
    files.write_accounts("d/b.yaml", &[("b", '1', ", interval: 30m")]);
    files.load().has("b main", &[&fault]);
    assert_eq!(files.interval("b"), Some(30));
    fs::remove_file(files.path("d/b.yaml")).unwrap();
    files.load().has("b main", &[]);
    assert_eq!(files.interval("b"), Some(20), "it has moved");
}

#[test]
fn running_accounts_of_a_broken_file_go_on_as_they_were() {
    let mut files = Files::new(&format!("info_labels: [team, region]\n{MAIN}"));
    files.write_accounts(
        "d/a.yaml",
        &[("a", '1', ", interval: 20m, labels: {team: x, region: y}"), ("b", '2', "")],
    );
    files.load().has("a b main", &[]);
    let before = Arc::clone(&files.running().accounts[0]);
    for broken in ["accounts: {", "accounts: {a: {app_id: wx0000000000000001, interval: 5}}"] {
        files.write("d/a.yaml", broken);
        let seen = files.load();
        assert_eq!(seen.accounts, ["a", "b", "main"]);
        assert_eq!(seen.files, owned(&[("d/a.yaml", "a b")]));
        assert_eq!(seen.broken, [("d/a.yaml".to_owned(), 1)]);
        assert!(Arc::ptr_eq(&files.running().accounts[0], &before), "the same as before");
    }
    let mut main = String::from("info_labels: [region, city]\npoll: {interval: 30m}\n");
    main.push_str(MAIN);
    files.write_main(&["d/*.yaml"], &main);
    files.load();
    let labels: Vec<&str> = files.running().accounts[0].info_labels.iter().map(|label| &**label).collect();
    assert_eq!(labels, ["y", ""], "in the new order");
    assert_eq!(
        (files.interval("a"), files.interval("b"), files.interval("main")),
        (Some(20), Some(10), Some(30))
    );
    files.write_accounts("d/a.yaml", &[("a", '1', "")]);
    files.load().has("a main", &[]);
}

#[test]
fn a_running_account_of_a_broken_file_keeps_its_place_among_files_but_yields_to_the_main_file() {
    let mut files = Files::new(MAIN);
    files.write_accounts("d/b.yaml", &[("a", '1', ""), ("b", '2', ""), ("c", '3', "")]);
    files.load();
    files.write("d/b.yaml", "accounts: {");
    files.write_accounts("d/a.yaml", &[("a", '1', "")]);
    let main = format!(
        "accounts:\n{}",
        entries(&[("main", '0', ""), ("b", '8', ", interval: 20m"), ("new", '3', "")])
    );
    files.write_main(&["d/*.yaml"], &main);
    let seen = files.load();
    assert_eq!(seen.accounts, ["a", "b", "main", "new"]);
    assert_eq!(seen.files, owned(&[("d/b.yaml", "a")]));
    assert_eq!(seen.faults[0], format!("d/a.yaml: accounts.a: an account of `d/b.yaml` too: {TWICE}"));
    assert_eq!(files.interval("b"), Some(20));
}

#[test]
fn an_account_that_goes_on_holds_on_to_its_name_even_if_its_file_has_dropped_it() {
    let mut files = Files::new(MAIN);
    files.write_accounts("d/b.yaml", &[("b", '1', ""), ("c", '2', "")]);
    files.load();
    // `c` moves to another file, but `d/b.yaml` breaks at the same time.
    files.write_accounts("d/a.yaml", &[("c", '2', ", interval: 20m")]);
    files.write_accounts("d/b.yaml", &[("b", '1', ""), ("main", '3', "")]);
    files.load().has(
        "b c main",
        &[
            &format!("d/a.yaml: accounts.c: an account of `d/b.yaml` too: {TWICE}"),
            &format!("d/b.yaml: accounts.main: an account of `main.yaml` too: {TWICE}"),
        ],
    );
    assert_eq!(files.interval("c"), Some(10));
    files.write_accounts("d/b.yaml", &[("b", '1', "")]);
    files.load().has("b c main", &[]);
    assert_eq!(files.interval("c"), Some(20));
}

#[test]
fn an_account_whose_platform_is_gone_does_not_go_on() {
    let platform = "platforms: {open: {component_app_id: wxa000000000000000, component_token: {source: file, path: c}, \
                    authorizer_token: {source: file, path: '{app_id}'}}}\n";
    let mut files = Files::new(&format!("{platform}{MAIN}"));
    let account =
        "accounts:\n  a: {app_id: wx0000000000000001, token: {source: authorizer, platform: open}}\n";
    files.write("d/a.yaml", &format!("{account}{}", entries(&[("b", '2', "")])));
    files.load().has("a b main", &[]);
    files.write("d/a.yaml", "accounts: 5");
    files.write_main(&["d/*.yaml"], MAIN);
    files.load().has(
        "b main",
        &[
            "d/a.yaml: accounts: one value, not a map: write each account's name as a key below it",
            "d/a.yaml: accounts.a.token.platform: polled until now through a platform that is gone: name one under `platforms`",
        ],
    );
}

#[test]
fn another_secret_in_a_file_makes_another_account() {
    let mut files = Files::new("");
    let secret = files.path("secret");
    let write = |text: &str| {
        fs::write(&secret, text).unwrap();
        set_mode(&secret, 0o600);
    };
    let account = format!("app_id: wx0000000000000001, token: {{app_secret_file: '{}'}}", secret.display());
    files.write("d/a.yaml", &format!("accounts: {{a: {{{account}}}}}\n"));
    write("canary-one");
    files.load();
    let before = files.running().clone();
    write("canary-one\n");
    files.load();
    assert_eq!(*files.running(), before, "the line break is not part of it");
    write("canary-two");
    files.load();
    assert_ne!(files.running().accounts[0], before.accounts[0]);
    assert_ne!(files.running().accounts[0].token, before.accounts[0].token);
    assert_eq!(format!("{:?}", files.running()), format!("{before:?}"), "nothing of it is printed");
}
