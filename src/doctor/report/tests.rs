use serde_json::{Value, json};

use super::*;
use crate::config::AccountName;
use crate::doctor::finding::Cause;
use crate::store::Failing;
use crate::wechat::class::{CLASSES, ErrCode, ErrorClass};

fn account(name: &str) -> Subject {
    Subject::Account(AccountName::parse(name).unwrap(), "wx0123456789abcdef".to_owned())
}

fn refused() -> Finding {
    let failing = Failing {
        class: ErrorClass::Ip,
        errcode: Some(ErrCode(40164)),
        seen_ip: Some("203.0.113.8".parse().unwrap()),
        source: None,
    };
    let verdict = Verdict::Failed(Cause::Known(failing));
    Finding { step: Step::Token, verdict, detail: "stable_token:\nrefused".to_owned() }
}

/// A configuration, an account that is fine, one that is refused, and one that is not asked.
fn told(format: Format, language: Language, extent: Extent, end: End) -> (String, bool) {
    let mut out = Vec::new();
    let mut report = Report::new(&mut out, format, language).unwrap();
    let doubtful = Finding {
        step: Step::Configuration,
        verdict: Verdict::Warning(Cause::Told),
        detail: "x.yaml: a: b: c".to_owned(),
    };
    let configuration = [Finding::ok(Step::Configuration, "x.yaml: 3 accounts"), doubtful];
    report.show(&Subject::Configuration, &configuration, Extent::Whole).unwrap();
    let fine = [Finding::ok(Step::Token, "fetched"), Finding::ok(Step::Data, "voice 1")];
    report.show(&account("a"), &fine, extent).unwrap();
    let skipped = Finding::skipped(Step::Data, "there is no token");
    report.show(&account("b"), &[refused(), skipped.clone()], extent).unwrap();
    report.show(&account("c"), &[Finding::skipped(Step::Token, "no"), skipped], extent).unwrap();
    let is_ok = report.finish(end).unwrap();
    (String::from_utf8(out).unwrap(), is_ok)
}

#[test]
fn people_read_aligned_lines() {
    let (text, is_ok) = told(Format::Text, Language::En, Extent::Whole, End::Complete);
    assert!(!is_ok);
    let remedy = CLASSES[ErrorClass::Ip as usize].remedy;
    let expected = format!(
        "configuration  ok       x.yaml: 3 accounts
configuration  warning  x.yaml: a: b: c
a (wx0123456789abcdef)
  token        ok       fetched
  data         ok       voice 1
b (wx0123456789abcdef)
  token        failed   stable_token: refused
               remedy   {}
  data         skipped  there is no token
c (wx0123456789abcdef)
  token        skipped  no
  data         skipped  there is no token
3 accounts: 1 fine, 1 failed, 1 not asked
",
        remedy.en
    );
    assert_eq!(text, expected);
    let (text, _) = told(Format::Text, Language::Zh, Extent::Whole, End::Complete);
    assert_eq!(text, expected.replace(remedy.en, remedy.zh));
}

#[test]
fn of_many_only_those_in_trouble_are_shown_and_all_are_counted() {
    let end = End::Interrupted { accounts: 9 };
    let (text, _) = told(Format::Text, Language::En, Extent::Trouble, end);
    let heads: Vec<_> = text.lines().filter(|line| line.contains("(wx")).collect();
    assert_eq!(heads, ["b (wx0123456789abcdef)"]);
    assert!(text.ends_with("\ninterrupted after 3 of 9 accounts: 1 fine, 1 failed, 1 not asked\n"), "{text}");
}

#[test]
fn programs_read_one_document_with_everything() {
    for (extent, end) in [(Extent::Whole, End::Complete), (Extent::Trouble, End::Interrupted { accounts: 9 })]
    {
        let (text, _) = told(Format::Json, Language::En, extent, end);
        let document: Value = serde_json::from_str(&text).unwrap();
        let steps = document["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 8);
        let expected = json!({
            "subject": "b", "step": "token", "outcome": "failed", "detail": "stable_token:\nrefused", "class": "ip",
            "errcode": 40164, "seen_ip": "203.0.113.8", "remedy": CLASSES[ErrorClass::Ip as usize].remedy.en,
        });
        assert_eq!(steps[4], expected);
        assert_eq!(steps[2], json!({"subject": "a", "step": "token", "outcome": "ok", "detail": "fetched"}));
        let accounts = json!({"checked": 3, "fine": 1, "warning": 0, "failed": 1, "skipped": 1});
        assert_eq!(document["accounts"], accounts);
        assert_eq!(
            (&document["ok"], &document["interrupted"]),
            (&json!(false), &json!(end != End::Complete))
        );
    }
}

#[test]
fn nothing_checked_is_still_a_document_and_is_ok() {
    let mut out = Vec::new();
    assert!(Report::new(&mut out, Format::Json, Language::En).unwrap().finish(End::Complete).unwrap());
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["steps"], json!([]));
}
