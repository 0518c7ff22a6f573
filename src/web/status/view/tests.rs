use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::clock::WallTime;
use crate::config::AppId;
use crate::store::{LastGood, OptionalReadings, Readings};
use crate::web::status::samples::{NOW, account, ago, failing, polled};
use crate::wechat::api::Api;
use crate::wechat::class::{CLASSES, ErrorClass};
use crate::wechat::collect::{ApiQuota, QuotaLimit};

fn html_of(
    query: &str,
    language: Language,
    readings: Vec<Readings>,
    platforms: &[PlatformReadings],
) -> String {
    let readings: Vec<_> = readings.into_iter().map(Arc::new).collect();
    let platforms: Vec<_> = platforms.iter().cloned().map(Arc::new).collect();
    let path = TelemetryPath::parse("/deep/metrics").unwrap();
    let material = Material { readings: &readings, platforms: &platforms, config_faults: &[], now: NOW };
    String::from_utf8(page(&material, &View::parse(query), language, &path).unwrap()).unwrap()
}

fn html_in(language: Language, readings: Vec<Readings>) -> String {
    html_of("", language, readings, &[])
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
    html.split("<h3>").skip(1).map(|rest| rest.split_once('<').unwrap().0).collect()
}

#[test]
fn a_healthy_account_shows_counts_limits_percents_and_times() {
    let html = html(vec![polled(account("brand", "品牌"), [312, 1_000, 99_999, 0], 190)]);
    let text = text(&html);
    for part in [
        "brand Healthy Full 品牌 wx0123456789abcdef",
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
    assert!(text.contains("Image + news 83.0% 83.0% 83,000 / 100,000 Image 50,000 News 33,000"), "{text}");
    assert!(text.contains("Voice + video 30.0% 30.0% 300 / 1,000 Voice 100 Video 200"), "{text}");
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
    let expected = ["broken-full", "broken-empty", "stale", "full", "half-a", "half-b", "pending"];
    assert_eq!(order(&html), expected);
    assert!(html.contains("<title>2 Failing · WeChat material exporter</title>"), "{html}");
    let text = text(&html);
    let summary = "7 Accounts 2 Failing 1 Stale 0 Partly failing 0 Full 2 Nearly full 3 Healthy 1 Not yet polled \
                   Failing by class 2 the platform is busy busy";
    assert!(text.contains(summary), "{text}");
}

#[test]
fn a_fleet_has_pages_that_lead_to_each_other() {
    let fleet = || (0..250).map(|i| polled(account(&format!("a{i:03}"), ""), [1; 4], 1)).collect();
    let first = html_of("lang=zh&refresh=off", Language::En, fleet(), &[]);
    assert_eq!((order(&first).len(), order(&first)[0]), (100, "a000"));
    assert!(text(&first).contains("1 to 100 of 250"));
    assert!(
        first.contains(r#"<a rel="next" href="?page=2&#38;lang=zh&#38;refresh=off#accounts">"#),
        "{first}"
    );
    assert!(!first.contains("rel=\"prev\""));
    for last in ["page=3", "page=4", "page=99999999999"] {
        let last = html_of(last, Language::En, fleet(), &[]);
        assert_eq!((order(&last).len(), order(&last)[0]), (50, "a200"));
        assert!(text(&last).contains("201 to 250 of 250") && !last.contains("rel=\"next\""));
    }
    for odd in ["page=0", "page=-1", "page=x", "page=", "page=%zz"] {
        assert_eq!(order(&html_of(odd, Language::En, fleet(), &[]))[0], "a000", "{odd}");
    }
}

#[test]
fn accounts_are_found_by_name_display_name_app_id_and_state() {
    let failing_by = failing;
    let failing =
        |name, class| Readings { last_poll: failing_by(class), ..polled(account(name, ""), [1; 4], 60) };
    let fleet = || {
        let mut other = account("other", "Große Marke 品牌");
        other.app_id = AppId::parse("wxfedcba9876543210").unwrap();
        vec![
            failing("by-ip", ErrorClass::Ip),
            failing("by-secret", ErrorClass::Secret),
            polled(account("full", ""), [1_000, 0, 0, 0], 1),
            polled(account("near", ""), [950, 0, 0, 0], 1),
            polled(other, [1; 4], 1),
            polled(account("stale", ""), [1; 4], 80 * 3_600),
            Readings::new(Arc::new(account("pending", "")), NOW),
            Readings {
                draft: Some(Box::new(OptionalReadings {
                    last_good: None,
                    last_poll: failing_by(ErrorClass::Permission),
                })),
                ..polled(account("no-drafts", ""), [1; 4], 1)
            },
        ]
    };
    let found = |query: &str| {
        let html = html_of(query, Language::En, fleet(), &[]);
        order(&html).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("q=by-"), ["by-ip", "by-secret"]);
    assert_eq!(found("q=%E5%93%81%E7%89%8C"), ["other"]);
    assert_eq!(found("q=GRO%C3%9FE+marke"), ["other"]);
    assert_eq!(found("q=FEDCBA"), ["other"]);
    assert_eq!(found("state=ip"), ["by-ip"]);
    assert_eq!(found("state=failing&q=secret"), ["by-secret"]);
    assert_eq!(found("state=full"), ["full"]);
    assert_eq!(found("state=nearly-full"), ["near"]);
    assert_eq!(found("state=stale"), ["stale"]);
    assert_eq!(found("state=degraded"), ["no-drafts"]);
    assert_eq!(found("")[..4], ["by-ip", "by-secret", "stale", "no-drafts"]);
    assert_eq!(found("state=pending"), ["pending"]);
    assert_eq!(found("state=healthy"), ["full", "near", "other"]);
    let none = html_of("q=nobody", Language::En, fleet(), &[]);
    assert!(text(&none).contains("No account matches.") && none.contains("Show all"));
    let unknown = html_of("state=%3Cscript%3E", Language::En, fleet(), &[]);
    assert_eq!(order(&unknown).len(), 8);
    assert!(unknown.contains("There is no state “&#60;script&#62;”"), "{unknown}");
}

#[test]
fn platforms_drafts_quotas_and_tokens_are_shown() {
    let ok = |value| OptionalReadings { last_good: Some((value, ago(5))), last_poll: LastPoll::Succeeded };
    let limit = Some(QuotaLimit { calls: 1_000, remaining: 856 });
    let mut readings = polled(account("brand", ""), [1; 4], 60);
    readings.draft =
        Some(Box::new(OptionalReadings { last_poll: failing(ErrorClass::Permission), ..ok(12) }));
    let quotas: Box<[ApiQuota]> = [ApiQuota { api: Api::MaterialCount, limit, used: 144 }].into();
    readings.quota = Some(Box::new(OptionalReadings {
        last_good: Some((quotas, ago(5))),
        last_poll: LastPoll::Succeeded,
    }));
    (readings.token_until, readings.token_refreshes, readings.token_rejections) = (Some(ago(-5_400)), 3, 1);
    let platform = PlatformReadings {
        name: crate::config::PlatformName::parse("agency").unwrap(),
        last_call: failing(ErrorClass::Ip),
        authorizers: Some([1_200, 3, 0, 0, 1]),
    };
    let html = html_of("", Language::En, vec![readings], &[platform]);
    let text = text(&html);
    for part in [
        "agency Parked polled 1,200 mini programs 3 polled elsewhere 1",
        "Drafts 12",
        "Calls left today get_materialcount 856 / 1,000",
        "Token stable_token, valid for 90 min, fetched 3×, refused 1×",
        "draft: ",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn the_same_failure_of_all_collectors_is_told_once() {
    let mut readings = polled(account("x", ""), [1; 4], 60);
    let of = |last_poll| Some(Box::new(OptionalReadings { last_good: None, last_poll }));
    readings.last_poll = failing(ErrorClass::Ip);
    readings.draft = of(failing(ErrorClass::Ip));
    readings.quota = Some(Box::new(OptionalReadings { last_good: None, last_poll: failing(ErrorClass::Ip) }));
    let troubles = |readings: &Readings| html(vec![readings.clone()]).matches("class=\"trouble\"").count();
    assert_eq!(troubles(&readings), 1);
    readings.draft = of(failing(ErrorClass::Permission));
    assert_eq!(troubles(&readings), 2);
    assert!(text(&html(vec![readings])).contains("draft: the account may not use this API permission"));
}

#[test]
fn an_app_id_that_is_the_name_stands_once() {
    let html = html(vec![polled(account("wx0123456789abcdef", "shop"), [1; 4], 60)]);
    assert_eq!(text(&html).matches("wx0123456789abcdef Healthy shop Voice").count(), 1, "{html}");
}

#[test]
fn a_value_from_the_future_has_no_age() {
    let html = html(vec![polled(account("x", ""), [1; 4], -3_600)]);
    assert!(text(&html).contains("Updated in the future: the clock has changed"), "{html}");
}

#[test]
fn the_page_says_whether_it_reloads_itself() {
    let of = |query| html_of(query, Language::En, Vec::new(), &[]);
    let (moving, still) = (of("q=a"), of("q=a&refresh=off"));
    assert!(text(&moving).contains("As of 2026-11-23 08:00:00 UTC, reloads every 30 s Pause"), "{moving}");
    assert!(moving.contains(r#"<a href="?q=a&#38;refresh=off">Pause</a>"#), "{moving}");
    assert!(text(&still).contains("does not reload itself Reload every 30 s"), "{still}");
    assert!(still.contains(r#"<a href="?q=a">Reload"#), "{still}");
}

#[test]
fn values_are_old_after_three_intervals_without_a_success() {
    let aged = |age| vec![polled(account("x", ""), [1; 4], age)];
    let late = "No poll has ended for more than three intervals";
    let fresh = html(aged(1_800));
    assert!(text(&fresh).contains("x Healthy") && !fresh.contains(late) && !fresh.contains("\"old\""));
    let old = html(aged(1_801));
    assert!(text(&old).contains("x Stale") && old.contains(late) && old.contains("class=\"old\""), "{old}");
    assert!(text(&old).contains("1 / 1,000"), "they are held: {old}");
    let mut quick = polled(account("x", ""), [1; 4], 300);
    quick.interval = Duration::from_secs(5);
    assert!(text(&html(vec![quick.clone()])).contains("x Healthy"), "nothing is old within minutes");
    quick.last_good = quick.last_good.map(|good| LastGood { at: ago(301), ..good });
    assert!(text(&html(vec![quick])).contains("x Stale"));
    let mut failing_long = polled(account("x", ""), [1; 4], 7_200);
    failing_long.last_poll = failing(ErrorClass::Network);
    let html = html(vec![failing_long]);
    assert!(text(&html).contains("x Failing") && html.contains("class=\"old\"") && !html.contains(late));
}

#[test]
fn faults_of_the_configuration_are_listed_up_to_a_hundred() {
    let of = |count: usize| {
        let faults: Vec<_> = (0..count).map(|i| format!("accounts.a{i}: <bad>")).collect();
        let material = Material { readings: &[], platforms: &[], config_faults: &faults, now: NOW };
        let path = TelemetryPath::default();
        String::from_utf8(page(&material, &View::default(), Language::En, &path).unwrap()).unwrap()
    };
    assert!(!of(0).contains("not taken over"));
    assert!(of(100).contains("<li>accounts.a99: &#60;bad&#62;</li>") && !of(100).contains("more are"));
    assert!(of(1_100).contains("1,000 more are in the log.") && !of(1_100).contains("accounts.a100:"));
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
