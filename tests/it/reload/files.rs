//! Account files that come, change, break and go.

use std::fs;

use reqwest::Method;

use super::{SUCCESSFUL, Site, accounts, entry};

const BROKEN: &str = "wechat_exporter_accounts_broken";

/// A main file that names `d/*.yaml`, with `rest` below.
fn main_with_files(site: &Site, rest: &str) {
    site.configure(&format!("account_files: ['{}']\n{rest}", site.path("d/*.yaml").display()));
}

#[tokio::test]
async fn an_account_file_comes_changes_and_goes() {
    let site = Site::start(3).await;
    main_with_files(&site, &accounts(&[entry("main", 0, "")]));
    let mut exporter = site.serve().await;
    let before = exporter.wait_for_up(&["main"]).await;
    site.write("d/shop.yaml", &accounts(&[entry("x", 1, ""), entry("y", 2, "")]));
    assert_eq!(exporter.reload().await, "added 2: x, y\nchanged 0\nremoved 0\n");
    exporter.wait_for_up(&["x", "y"]).await;
    site.write("d/shop.yaml", &accounts(&[entry("x", 1, "display_name: X"), entry("y", 2, "")]));
    assert_eq!(exporter.reload().await, "added 0\nchanged 1: x\nremoved 0\n");
    let page = exporter.page().await;
    assert!(page.info("x").contains("display_name=\"X\""), "{}", page.info("x"));
    fs::remove_file(site.path("d/shop.yaml")).unwrap();
    exporter.hang_up("removed=2").await;
    let page = exporter.page().await;
    assert_eq!((page.about("x"), page.about("y")), (vec![], vec![]));
    assert_eq!(page.about("main"), before.about("main"));
    assert_eq!([0, 1, 2].map(|n| site.polls(n)), [(1, 1); 3]);
    site.end(exporter).await;
}

#[tokio::test]
async fn a_file_that_breaks_disables_nothing_that_runs_and_holds_nothing_else_up() {
    let site = Site::start(5).await;
    main_with_files(&site, &accounts(&[entry("main", 0, "")]));
    site.write("d/shop.yaml", &accounts(&[entry("x", 1, ""), entry("y", 2, "")]));
    site.write("d/well.yaml", &accounts(&[entry("w", 3, "")]));
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["main", "w", "x", "y"]).await;
    assert_eq!(before.value(BROKEN), Some("0"));

    main_with_files(&site, &accounts(&[entry("main", 0, "display_name: M"), entry("new", 4, "")]));
    site.write("d/well.yaml", &accounts(&[entry("w", 3, "display_name: W")]));
    let broken =
        [entry("x", 1, "interval: canary-word"), entry("y", 2, "display_name: Y"), entry("z", 9, "")];
    site.write("d/shop.yaml", &accounts(&broken));
    let text = exporter.fail_to_reload().await;
    for wanted in [
        "d/shop.yaml: accounts.x.interval: ",
        "All but the broken files was taken over.",
        "added 1: new\nchanged 2: main, w\nremoved 0\n",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let page = exporter.wait_for_up(&["new"]).await;
    assert_eq!((page.value(BROKEN), page.value(SUCCESSFUL)), (Some("3"), Some("1")));
    assert_eq!(page.value("wechat_exporter_accounts_configured"), Some("5"));
    for name in ["x", "y"] {
        assert_eq!(page.about(name), before.about(name), "as it was");
    }
    assert_eq!(page.about("z"), [""; 0]);
    let status = exporter.ask(Method::GET, "/").await.text;
    assert!(status.contains("accounts.x.interval"), "{status}");

    site.write("d/shop.yaml", &accounts(&[entry("x", 1, ""), entry("y", 2, "display_name: Y")]));
    assert_eq!(exporter.reload().await, "added 0\nchanged 1: y\nremoved 0\n");
    let page = exporter.page().await;
    assert_eq!(page.value(BROKEN), Some("0"));
    assert_eq!(page.about("x"), before.about("x"));
    assert!(page.info("y").contains("display_name=\"Y\""), "{}", page.info("y"));
    let status = exporter.ask(Method::GET, "/").await.text;
    assert!(!status.contains("accounts.x.interval"), "{status}");
    assert_eq!([0, 1, 2, 3, 4].map(|n| site.polls(n)), [(1, 1); 5]);
    site.end(exporter).await;
}

#[tokio::test]
async fn a_program_can_start_with_a_broken_file_and_take_it_over_later() {
    let site = Site::start(2).await;
    main_with_files(&site, &accounts(&[entry("main", 0, "")]));
    site.write("d/shop.yaml", "accounts: {x: {app_id: canary");
    let mut exporter = site.serve().await;
    let page = exporter.wait_for_up(&["main"]).await;
    assert_eq!(page.value(BROKEN), Some("1"));
    let status = exporter.ask(Method::GET, "/").await.text;
    assert!(status.contains("d/shop.yaml"), "{status}");
    site.write("d/shop.yaml", &accounts(&[entry("x", 1, "")]));
    exporter.hang_up("configuration reloaded").await;
    let page = exporter.wait_for_up(&["main", "x"]).await;
    assert_eq!(page.value(BROKEN), Some("0"));
    site.end(exporter).await;
}

#[tokio::test]
async fn of_two_files_the_running_one_keeps_an_account_and_the_main_file_takes_it_from_both() {
    let site = Site::start(4).await;
    main_with_files(&site, &accounts(&[entry("main", 0, "")]));
    site.write("d/m.yaml", &accounts(&[entry("x", 1, "display_name: running")]));
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["main", "x"]).await;
    // Before it in name order, by the name; after it, by the app id.
    site.write("d/a.yaml", &accounts(&[entry("x", 2, "display_name: first"), entry("p", 2, "")]));
    site.write("d/z.yaml", &accounts(&[entry("other", 1, "display_name: last")]));
    let text = exporter.fail_to_reload().await;
    for wanted in ["d/a.yaml: accounts.x: an account of `", "d/z.yaml: accounts.other.app_id: the app id of"]
    {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(text.contains("added 0\nchanged 0\nremoved 0\n"), "{text}");
    let page = exporter.page().await;
    assert_eq!(page.about("x"), before.about("x"));
    assert_eq!((page.about("p"), page.about("other")), (vec![], vec![]));

    main_with_files(&site, &accounts(&[entry("main", 0, ""), entry("x", 1, "display_name: main's")]));
    let text = exporter.fail_to_reload().await;
    assert!(text.contains("d/m.yaml: accounts.x: an account of `"), "{text}");
    assert!(text.contains("added 0\nchanged 1: x\nremoved 0\n"), "{text}");
    let page = exporter.page().await;
    assert!(page.info("x").contains("display_name=\"main's\""), "{}", page.info("x"));
    assert_eq!(page.of("wechat_account_polls_total", "x"), Some("1"), "the same account goes on");
    assert_eq!(site.polls(1), (1, 1));
    site.end(exporter).await;
}
