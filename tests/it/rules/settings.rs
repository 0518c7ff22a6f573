//! `deploy/prometheus/adjust`: the same rules with another job, another runbook, shorter times.

use crate::program::feed;
use crate::rules::{RULES, Rule, RuleFile, deployed, shipped_text, yaml};
use crate::tools::Generation;

/// What the script makes of a file.
pub(crate) async fn adjusted(options: &[&str], file: &str) -> String {
    let file = deployed(file);
    let (code, said) =
        feed(deployed("adjust").to_str().unwrap(), &[options, &[file.to_str().unwrap()]].concat(), b"").await;
    assert_eq!(code, Some(0), "{said}");
    said
}

#[tokio::test]
async fn as_shipped_nothing_changes() {
    assert_eq!(adjusted(&[], RULES).await, shipped_text());
}

#[tokio::test]
async fn job_and_runbook_are_changed_wherever_they_stand() {
    let text = adjusted(&["--job", "wx", "--runbook", "https://wiki.test/wx?lang=zh"], RULES).await;
    assert!(!text.contains("wechat-material\"") && !text.contains("example.com"), "{text}");
    let file: RuleFile = yaml(&text);
    let (_, absent) = file.alerts().find(|(name, _)| *name == "WeChatExporterAbsent").unwrap();
    assert!(absent.expr.contains("{job=\"wx\"}"), "{}", absent.expr);
    assert_eq!(absent.labels["job"], "wx");
    for (name, Rule { annotations, .. }) in file.alerts() {
        assert_eq!(
            annotations["runbook_url"],
            format!("https://wiki.test/wx?lang=zh#{}", name.to_lowercase())
        );
    }
}

#[tokio::test]
async fn all_times_are_divided_and_no_threshold_is() {
    let text = adjusted(&["--divide-times", "300"], RULES).await;
    let file: RuleFile = yaml(&text);
    let times: Vec<_> = RuleFile::shipped().alerts().map(|(_, rule)| rule.pending.clone()).collect();
    let divided: Vec<_> = file.alerts().map(|(_, rule)| rule.pending.as_str()).collect();
    for (shipped, divided) in times.iter().zip(divided) {
        let expected = match shipped.as_str() {
            "" => "",
            "5m" => "1s",
            "10m" => "2s",
            "15m" => "3s",
            "30m" => "6s",
            "1h" => "12s",
            "6h" => "72s",
            other => panic!("a time that this test does not know: {other}"),
        };
        assert_eq!(divided, expected);
    }
    let expressions: String = file.rules().map(|rule| rule.expr.as_str()).collect();
    for kept in ["< 14 * 86400", "> 300", "86400 * clamp_min"] {
        assert!(expressions.contains(kept), "{kept}");
    }
    for gone in ["[30m]", "[1h]", "[1d]", "[7d", ":6h]", "offset 1h", "offset 1d"] {
        assert!(shipped_text().contains(gone) && !text.contains(gone), "{gone}");
    }
    assert!(
        text.contains("[2016s:72s]") && text.contains("interval: 3s") && text.contains("keep_firing_for: 6s")
    );
    // So short that nothing is left: Prometheus takes no 0.
    let text = adjusted(&["--divide-times", "1000000000"], RULES).await;
    for generation in Generation::BOTH {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rules.yml");
        std::fs::write(&path, &text).unwrap();
        let (code, said) =
            feed(&generation.program("promtool"), &["check", "rules", path.to_str().unwrap()], b"").await;
        assert_eq!(code, Some(0), "{said}");
    }
}

#[tokio::test]
async fn wrong_usage_is_told() {
    for args in
        [&[][..], &["--job"], &["--divide-times", "0", "x"], &["--divide-times", "1.5", "x"], &["--no", "x"]]
    {
        let (code, said) = feed(deployed("adjust").to_str().unwrap(), args, b"").await;
        assert_eq!(code, Some(2), "{args:?}: {said}");
        assert!(said.contains("--divide-times N"), "{said}");
    }
    for job in ["a\"b", "a b", "a|b"] {
        let (code, said) = feed(deployed("adjust").to_str().unwrap(), &["--job", job, "x"], b"").await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("a quote, a space"), "{said}");
    }
}
