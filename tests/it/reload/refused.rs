//! Reloads that are refused: bad files, and programs that were not told to allow them.

use reqwest::{Method, StatusCode};

use super::{Exporter, SUCCEEDED_AT, SUCCESSFUL, Site, accounts, entry, entry_with};

#[tokio::test]
async fn a_bad_file_is_answered_with_every_fault_and_changes_nothing() {
    let site = Site::start(2).await;
    site.configure(&accounts(&[entry("a", 0, "")]));
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["a"]).await;
    let bad = accounts(&[
        entry("a", 0, "interval: 5 parsecs"),
        entry("B", 1, ""),
        entry_with("c", 1, "app_secre: canary-misspelt", ""),
    ]);
    site.configure(&format!("pol: {{}}\n{bad}"));
    let text = exporter.fail_to_reload().await;
    for wanted in ["pol: ", "accounts.a.interval: ", "accounts.B: ", "accounts.c.token", "stays in force"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let refused = exporter.page().await;
    assert_eq!(refused.value(SUCCESSFUL), Some("0"));
    assert_eq!(refused.value(SUCCEEDED_AT), before.value(SUCCEEDED_AT));
    assert_eq!(refused.about("a"), before.about("a"));
    assert_eq!(refused.value("wechat_exporter_accounts_configured"), Some("1"));
    let status = exporter.ask(Method::GET, "/").await.text;
    assert!(status.contains("accounts.a.interval"), "{status}");

    site.configure(&accounts(&[entry("a", 0, ""), entry("b", 1, "")]));
    exporter.reload().await;
    let good = exporter.wait_for_up(&["a", "b"]).await;
    assert_eq!(good.value(SUCCESSFUL), Some("1"));
    assert!(good.number(SUCCEEDED_AT) > before.number(SUCCEEDED_AT));
    assert_eq!(good.about("a"), before.about("a"));
    let status = exporter.ask(Method::GET, "/").await.text;
    assert!(!status.contains("accounts.a.interval"), "{status}");
    site.end(exporter).await;
}

#[tokio::test]
async fn a_signal_with_a_bad_file_leaves_faults_in_the_log_and_the_program_alive() {
    let site = Site::start(1).await;
    site.configure(&accounts(&[entry("a", 0, "")]));
    let mut exporter = site.serve().await;
    let before = exporter.wait_for_up(&["a"]).await;
    for (bad, fault) in [
        ("accounts: [canary-in-a-list]", "accounts: "),
        ("accounts: {a: {app_id: canary'", "line "),
        ("accounts: {a: {app_id: x, token: {app_secret_file: /nowhere/canary-path}}}", "accounts.a.app_id: "),
    ] {
        site.configure(bad);
        exporter.serving.signal("HUP");
        let line = exporter.serving.wait_for_line(fault).await;
        assert!(line.contains("main.yaml"), "{line}");
        exporter.serving.wait_for_line("configuration not reloaded").await;
        let page = exporter.page().await;
        assert_eq!(page.value(SUCCESSFUL), Some("0"));
        assert_eq!(page.about("a"), before.about("a"));
    }
    site.configure_with("ca_file: /nowhere", &accounts(&[entry("b", 0, "")]));
    exporter.hang_up("ca_file").await;
    exporter.serving.wait_for_line("configuration not reloaded").await;
    assert_eq!(exporter.page().await.about("a"), before.about("a"));
    std::fs::remove_file(site.path("main.yaml")).unwrap();
    exporter.hang_up("configuration not reloaded").await;
    site.configure(&accounts(&[entry("a", 0, "")]));
    exporter.hang_up("configuration reloaded").await;
    assert_eq!(exporter.page().await.value(SUCCESSFUL), Some("1"));
    site.end(exporter).await;
}

#[tokio::test]
async fn nothing_is_reloaded_or_polled_by_request_without_the_flag() {
    let site = Site::start(2).await;
    site.configure(&accounts(&[entry("a", 0, "")]));
    let mut exporter = Exporter::start(&site.path("main.yaml"), &[]).await;
    exporter.wait_for_up(&["a"]).await;
    site.configure(&accounts(&[entry("a", 0, ""), entry("b", 1, "")]));
    for path in ["/-/reload", "/-/poll?account=a", "/-/poll?account=nobody"] {
        let answer = exporter.post(path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.text.contains("--web.enable-lifecycle"), "{}", answer.text);
        assert_eq!(exporter.ask(Method::GET, path).await.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    let page = exporter.page().await;
    assert_eq!((page.about("b"), site.polls(0)), (vec![], (1, 1)));
    // The signal needs no flag.
    exporter.hang_up("configuration reloaded").await;
    exporter.wait_for_up(&["b"]).await;
    site.end(exporter).await;
}

#[tokio::test]
async fn reading_the_address_of_a_request_does_nothing() {
    let site = Site::start(2).await;
    site.configure(&accounts(&[entry("a", 0, "")]));
    let exporter = site.serve().await;
    exporter.wait_for_up(&["a"]).await;
    site.configure(&accounts(&[entry("b", 1, "")]));
    for path in ["/-/reload", "/-/poll?account=a"] {
        for method in [Method::GET, Method::HEAD, Method::PUT] {
            assert_eq!(exporter.ask(method, path).await.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        }
    }
    let page = exporter.page().await;
    assert_eq!((page.about("b"), site.polls(0)), (vec![], (1, 1)));
    assert!(!page.about("a").is_empty());
    site.end(exporter).await;
}

#[tokio::test]
async fn a_fleet_is_never_reloaded_to_nothing() {
    let site = Site::start(1).await;
    site.configure(&accounts(&[entry("a", 0, "")]));
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["a"]).await;
    for nothing in ["accounts: {}", "accounts:", "", "account_files: []"] {
        site.configure(nothing);
        let text = exporter.fail_to_reload().await;
        assert!(text.contains("accounts: none"), "{text}");
        assert_eq!(exporter.page().await.about("a"), before.about("a"));
    }
    site.end(exporter).await;
}

#[tokio::test]
async fn names_that_differ_in_case_only_are_not_two_accounts() {
    let site = Site::start(3).await;
    site.configure(&accounts(&[entry("brand", 0, "")]));
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["brand"]).await;
    site.configure(&accounts(&[entry("brand", 0, ""), entry("Brand", 1, ""), entry("BRAND", 2, "")]));
    let text = exporter.fail_to_reload().await;
    assert!(text.contains("accounts.Brand: ") && text.contains("accounts.BRAND: "), "{text}");
    assert!(!text.contains("accounts.brand"), "{text}");
    assert_eq!(exporter.page().await.about("brand"), before.about("brand"));
    let status = exporter.post("/-/poll?account=Brand").await.status;
    assert_eq!(status, StatusCode::NOT_FOUND);
    site.end(exporter).await;
}
