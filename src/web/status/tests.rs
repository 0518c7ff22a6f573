use std::time::Duration;

use super::*;
use crate::config::{AccountName, AppId, BaseUrl, Budget, Endpoint, Limits, PerKind, TokenSource};
use crate::secret::SecretSource;
use crate::wechat::class::{CLASSES, ErrCode, ErrorClass};

const NOW: WallTime = WallTime::from_millis(1_795_420_800_000);

fn ago(seconds: i64) -> WallTime {
    WallTime::from_millis(NOW.millis() - seconds * 1_000)
}

fn account(name: &str, display_name: &str) -> Account {
    Account {
        name: AccountName::parse(name).unwrap(),
        app_id: AppId::parse("wx0123456789abcdef").unwrap(),
        display_name: display_name.into(),
        info_labels: Box::new([]),
        interval: Duration::from_secs(600),
        collect: crate::config::Collect::default(),
        hold: Duration::from_secs(72 * 3_600),
        limits: Limits::default(),
        budget: Budget::default(),
        shard: None,
        endpoint: Arc::new(Endpoint {
            base_url: BaseUrl::parse("https://api.weixin.qq.com").unwrap(),
            fallback: None,
            proxy: None,
        }),
        token: TokenSource::StableToken { app_secret: SecretSource::Env("UNUSED".to_owned()) },
    }
}

/// Polled `age` seconds ago with these counts of voice, video, image and news.
fn polled(account: Account, counts: [u64; 4], age: i64) -> Readings {
    let counts = PerKind::new(|kind| counts[kind as usize]);
    Readings {
        last_good: Some(LastGood { counts, at: ago(age) }),
        last_poll: LastPoll::Succeeded,
        ..Readings::new(Arc::new(account), ago(-300))
    }
}

fn failing(class: ErrorClass) -> LastPoll {
    let seen_ip = (class == ErrorClass::Ip).then(|| "203.0.113.7".parse().unwrap());
    LastPoll::Failed(Failing { class, errcode: Some(ErrCode(40_164)), seen_ip, source: None })
}

fn html_in(language: Language, readings: Vec<Readings>) -> String {
    let readings: Vec<_> = readings.into_iter().map(Arc::new).collect();
    let path = TelemetryPath::parse("/deep/metrics").unwrap();
    String::from_utf8(page(&readings, &[], NOW, language, &path).unwrap()).unwrap()
}

fn html(readings: Vec<Readings>) -> String {
    html_in(Language::En, readings)
}

/// What a reader sees: the tags go, and so do their line breaks.
fn text(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn order(html: &str) -> Vec<&str> {
    html.split("<h2>").skip(1).map(|rest| rest.split_once('<').unwrap().0).collect()
}

#[test]
fn a_healthy_account_shows_counts_limits_percents_and_times() {
    let html = html(vec![polled(account("brand", "品牌"), [312, 1_000, 99_999, 0], 190)]);
    let text = text(&html);
    for part in [
        "brand Healthy 品牌 wx0123456789abcdef",
        "Voice 31.2% 31.2% 312 / 1,000",
        "Video 100.0% 100.0% 1,000 / 1,000",
        "Image 99.9% 99.9% 99,999 / 100,000",
        "News 0.0% 0.0% 0 / 100,000",
        "Updated 3 min ago Next poll in 5 min",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(html.contains(r#"value="999" aria-label="brand: Image""#), "{html}");
    assert!(html.contains(r#"<time datetime="2026-11-23T07:56:50Z""#), "{html}");
}

#[test]
fn pooled_kinds_are_shown_against_their_shared_limit() {
    let mut pooled = account("pooled", "");
    pooled.limits.pooled = true;
    let text = text(&html(vec![polled(pooled, [100, 200, 50_000, 33_000], 1)]));
    assert!(text.contains("Image + news 83.0% 83.0% 83,000 / 100,000"), "{text}");
    assert!(text.contains("Voice + video 30.0% 30.0% 300 / 1,000"), "{text}");
}

#[test]
fn every_class_shows_its_summary_and_remedy_in_both_languages() {
    for row in &CLASSES {
        let mut readings = polled(account("x", ""), [1; 4], 60);
        readings.last_poll = failing(row.class);
        let unescaped = |language| {
            text(&html_in(language, vec![readings.clone()])).replace("&#39;", "'").replace("&#38;", "&")
        };
        let (en, zh) = (unescaped(Language::En), unescaped(Language::Zh));
        let label = row.label;
        assert!(en.contains(&format!("{} {label} errcode 40164", row.summary.en)), "{en}");
        assert!(en.contains(&format!("What to do {}", row.remedy.en)), "{en}");
        assert!(zh.contains(&format!("{} {label} 错误码 40164", row.summary.zh)), "{zh}");
        assert!(zh.contains(&format!("处理办法 {}", row.remedy.zh)), "{zh}");
        assert_eq!(en.contains("203.0.113.7"), row.class == ErrorClass::Ip);
    }
}

#[test]
fn values_of_a_failing_account_stay_until_the_hold_is_over() {
    let with_age = |age| {
        let mut readings = polled(account("x", ""), [5; 4], age);
        readings.last_poll = failing(ErrorClass::Network);
        text(&html(vec![readings]))
    };
    let hold = 72 * 3_600;
    assert!(with_age(hold).contains("5 / 1,000"));
    let past = with_age(hold + 1);
    assert!(!past.contains("5 / 1,000"), "{past}");
    assert!(past.contains("Nothing is shown: the last values came 3 d ago"), "{past}");
}

#[test]
fn states_without_values_say_why() {
    let fresh = Readings::new(Arc::new(account("fresh", "")), ago(10));
    let never = Readings { last_poll: failing(ErrorClass::Secret), ..fresh.clone() };
    let quiet = polled(account("quiet", ""), [1; 4], 80 * 3_600);
    let pending = text(&html(vec![fresh]));
    assert!(pending.contains("fresh Not yet polled"), "{pending}");
    assert!(pending.contains("Waiting for the first poll. Updated never Next poll due now"), "{pending}");
    assert!(text(&html(vec![never])).contains("no poll has succeeded yet"));
    assert!(text(&html(vec![quiet])).contains("quiet Stale"));
    assert!(text(&html(vec![])).contains("No accounts are configured."));
}

#[test]
fn accounts_are_in_order_of_trouble_then_fullness_then_name() {
    let full = polled(account("full", ""), [990, 0, 0, 0], 1);
    let half = |name| polled(account(name, ""), [500, 0, 0, 0], 1);
    let broken = |name, voice| Readings {
        last_poll: failing(ErrorClass::Busy),
        ..polled(account(name, ""), [voice, 0, 0, 0], 1)
    };
    let pending = Readings::new(Arc::new(account("pending", "")), NOW);
    let stale = polled(account("stale", ""), [1; 4], 80 * 3_600);
    let html = html(vec![
        broken("broken-empty", 0),
        broken("broken-full", 999),
        full,
        half("half-a"),
        half("half-b"),
        pending,
        stale,
    ]);
    let expected = ["broken-full", "broken-empty", "stale", "pending", "full", "half-a", "half-b"];
    assert_eq!(order(&html), expected);
    let text = text(&html);
    let summary = "Accounts7 Healthy3 Failing2 Not yet polled1 Stale1 90% full or more2";
    assert!(text.contains(summary), "{text}");
}

#[test]
fn at_most_500_accounts_are_listed_and_the_rest_is_counted() {
    let fleet =
        |count: usize| html((0..count).map(|i| polled(account(&format!("a{i}"), ""), [1; 4], 1)).collect());
    assert_eq!(order(&fleet(500)).len(), 500);
    assert!(!fleet(500).contains("are not listed"));
    let html = fleet(1_700);
    assert_eq!(order(&html).len(), 500);
    assert!(html.contains("1,200 more accounts are not listed."), "{html}");
    assert!(html.contains("<dd>1,700</dd>"));
}

#[test]
fn hostile_display_names_stay_text() {
    for hostile in [
        "<script>alert(1)</script>",
        "</bdi></li><meta http-equiv=refresh content=0>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='x",
        "\u{202e}reversed",
        "{{ 7 * 7 }}",
        "&lt;b&gt;",
    ] {
        let html = html(vec![polled(account("x", hostile), [1; 4], 1)]);
        let shown = html.split("<bdi>").nth(1).unwrap().split_once("</bdi>").unwrap().0;
        assert!(!shown.contains(['<', '>', '"', '\'']), "{shown}");
        assert_eq!(
            shown
                .replace("&#60;", "<")
                .replace("&#62;", ">")
                .replace("&#34;", "\"")
                .replace("&#39;", "'")
                .replace("&#38;", "&"),
            hostile
        );
    }
}

#[test]
fn the_page_works_without_scripts_inline_styles_and_absolute_links() {
    let html = html_in(Language::Zh, vec![polled(account("x", "y"), [1; 4], 1)]);
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"zh-CN\">"));
    assert!(html.contains(r#"<meta http-equiv="refresh" content="15">"#));
    for bad in ["<script", "style=\"", "<style", "href=\"/", "http://", "https://"] {
        assert!(!html.contains(bad), "{bad}");
    }
    for link in ["href=\"deep/metrics\"", "href=\"-/healthy\"", "href=\"-/ready\"", "href=\"style.css?v="] {
        assert!(html.contains(link), "{link}");
    }
}

#[test]
fn extreme_numbers_are_shown_and_do_not_overflow() {
    let mut readings = polled(account("x", ""), [u64::MAX; 4], 1);
    assert!(text(&html(vec![readings.clone()])).contains("18,446,744,073,709,551,615 / 1,000"));
    let mut pooled = account("x", "");
    pooled.limits.pooled = true;
    readings.account = Arc::new(pooled);
    readings.next_poll = WallTime::from_millis(i64::MAX);
    html(vec![readings]);
}
