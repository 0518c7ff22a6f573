//! Third-party platforms that come and go, and accounts that change hands with them.

use std::time::Duration;

use tokio::time::Instant;
use wechat_material_exporter::simulator::Endpoint;
use wechat_material_exporter::simulator::scenario::Scenario;

use super::{Exporter, Metrics, Site, accounts, app_id, entry};

const DISCOVERED: u32 = 3;

async fn site() -> Site {
    site_of(DISCOVERED).await
}

/// The simulated accounts are all authorizers of one platform but for the last.
async fn site_of(discovered: u32) -> Site {
    let mut scenario = Scenario::generated_platform(discovered + 1);
    scenario.platforms[0].authorizers.truncate(discovered as usize);
    let site = Site::of(scenario).await;
    site.write("ticket", "ticket@@@simulated\n");
    site
}

/// The map of platforms with that one, and more keys.
fn platform(site: &Site, more: &str) -> String {
    let ticket = site.path("ticket");
    format!(
        "platforms:
  agency:
    component_app_id: wxffffffffffffffff
    component_token:
      source: verify_ticket
      component_app_secret: simulated-component-secret
      ticket: {{source: file, path: '{}'}}
      accept_token_takeover: true
    authorizer_token: {{source: api_authorizer_token, accept_token_takeover: true}}
    discover: true
    {more}
",
        ticket.display()
    )
}

fn names() -> [String; DISCOVERED as usize] {
    [0, 1, 2].map(|n| app_id(n).as_str().to_owned())
}

async fn wait_for_all(exporter: &Exporter) -> Metrics {
    let names = names();
    exporter.wait_for_up(&names.each_ref().map(String::as_str)).await
}

fn authorizers(page: &Metrics, state: &str) -> Option<String> {
    let series = format!("wechat_platform_authorizers{{platform=\"agency\",state=\"{state}\"}}");
    page.value(&series).map(str::to_owned)
}

#[tokio::test]
async fn a_platform_that_is_added_finds_its_accounts_and_takes_them_away_with_it() {
    let site = site().await;
    let by_hand = accounts(&[entry("main", DISCOVERED, "")]);
    site.configure(&by_hand);
    let exporter = site.serve().await;
    let before = exporter.wait_for_up(&["main"]).await;
    assert!(!before.0.contains("platform=\"agency\""), "{}", before.0);
    site.configure(&format!("{}{by_hand}", platform(&site, "")));
    exporter.reload().await;
    wait_for_all(&exporter).await;
    let page = exporter.wait_for(|page| authorizers(page, "polled").as_deref() == Some("3")).await;
    assert_eq!(page.about("main"), before.about("main"));
    site.configure(&by_hand);
    exporter.reload().await;
    let page = exporter.page().await;
    assert!(!page.0.contains("platform=\"agency\""), "{}", page.0);
    for name in names() {
        assert_eq!(page.about(&name), [""; 0]);
    }
    assert_eq!(page.about("main"), before.about("main"));
    site.end(exporter).await;
}

#[tokio::test]
async fn a_platform_that_stays_goes_on_with_its_accounts_and_tokens() {
    let site = site().await;
    site.configure(&platform(&site, ""));
    let exporter = site.serve().await;
    wait_for_all(&exporter).await;
    let before = exporter.wait_for(|page| authorizers(page, "polled").as_deref() == Some("3")).await;
    let calls = |endpoint| site.simulated.simulator.total_calls(endpoint);
    let component = [Endpoint::ComponentToken, Endpoint::AuthorizerList, Endpoint::AuthorizerInfo];
    let called = component.map(calls);
    site.configure(&format!("{}{}", platform(&site, ""), accounts(&[entry("main", DISCOVERED, "")])));
    exporter.reload().await;
    let page = exporter.wait_for_up(&["main"]).await;
    for name in names() {
        assert_eq!(page.about(&name), before.about(&name));
    }
    assert_eq!(component.map(calls), called);
    // Other settings of the discovered accounts reach them without a new question.
    site.configure(&platform(&site, "interval: 30m"));
    exporter.reload().await;
    let slower = |page: &Metrics| {
        let interval = |name: &String| page.of("wechat_account_poll_interval_seconds", name);
        names().iter().all(|name| interval(name) == Some("1800"))
    };
    exporter.wait_for(slower).await;
    assert_eq!(component.map(calls), called);
    assert_eq!([0, 1, 2].map(|n| site.calls(n, Endpoint::MaterialCount)), [1; 3]);
    site.end(exporter).await;
}

#[tokio::test]
async fn a_discovered_account_that_is_listed_by_hand_is_one_account() {
    let site = site().await;
    site.configure(&platform(&site, ""));
    let exporter = site.serve().await;
    wait_for_all(&exporter).await;
    exporter.wait_for(|page| authorizers(page, "polled").as_deref() == Some("3")).await;
    let [first, ..] = names();
    for name in ["brand", &first] {
        site.configure(&format!("{}{}", platform(&site, ""), accounts(&[entry(name, 0, "display_name: H")])));
        exporter.reload().await;
        let once = |page: &Metrics| {
            page.of("wechat_account_up", name) == Some("1")
                && authorizers(page, "duplicate").as_deref() == Some("1")
                && authorizers(page, "polled").as_deref() == Some("2")
        };
        let page = exporter.wait_for(once).await;
        assert!(page.info(name).contains("display_name=\"H\""), "{}", page.info(name));
        let info = format!("app_id=\"{first}\"");
        assert_eq!(page.0.lines().filter(|line| line.contains(&info)).count(), 1, "{}", page.0);
    }
    assert_eq!(site.polls(0), (2, 3), "by the platform, then by hand under each name");
    site.configure(&platform(&site, ""));
    exporter.reload().await;
    exporter.wait_for(|page| authorizers(page, "polled").as_deref() == Some("3")).await;
    let page = wait_for_all(&exporter).await;
    assert_eq!(page.about("brand"), [""; 0]);
    assert!(page.info(&first).contains("platform=\"agency\""), "{}", page.info(&first));
    site.end(exporter).await;
}

#[tokio::test]
async fn discovery_keeps_to_the_rate_that_is_in_force() {
    const MANY: u32 = 30;
    let site = site_of(MANY).await;
    let by_hand = accounts(&[entry("main", MANY, "")]);
    site.configure_with("requests_per_second: 1", &by_hand);
    let exporter = site.serve().await;
    exporter.wait_for_up(&["main"]).await;
    site.configure_with("requests_per_second: 2000", &format!("{}{by_hand}", platform(&site, "")));
    let began = Instant::now();
    exporter.reload().await;
    exporter.wait_for(|page| authorizers(page, "polled").as_deref() == Some("30")).await;
    assert!(began.elapsed() < Duration::from_secs(30), "a minute at the old rate: {:?}", began.elapsed());
    site.end(exporter).await;
}
