//! What the alerts point at is written, in both languages, and the table of `docs/alerts.md` is theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use wechat_material_exporter::wechat::class::CLASSES;

use crate::rules::RuleFile;
use crate::tools::root;

const RUNBOOKS: [(&str, [&str; 4]); 2] = [
    ("docs/runbook.md", ["**Meaning.**", "**Look first.**", "**Do.**", "**Do not.**"]),
    ("docs/runbook.zh-CN.md", ["**含义。**", "**先看。**", "**处理。**", "**不要。**"]),
];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The text below each heading of the third level, by the anchor that a renderer gives it.
fn sections(text: &str) -> BTreeMap<String, &str> {
    let sections = text.split("\n### ").skip(1).map(|section| {
        let (heading, body) = section.split_once('\n').unwrap();
        (heading.to_lowercase(), body.split("\n## ").next().unwrap())
    });
    let count = text.matches("\n### ").count();
    let sections: BTreeMap<_, _> = sections.collect();
    assert_eq!(sections.len(), count, "two headings have the same anchor");
    sections
}

#[test]
fn each_alert_says_what_it_is_and_where_to_read_on() {
    for (name, rule) in RuleFile::shipped().alerts() {
        let severity = rule.labels["severity"].as_str();
        assert!(["warning", "critical"].contains(&severity), "{name}: {severity}");
        let told: Vec<_> = rule.annotations.keys().map(String::as_str).collect();
        assert_eq!(told, ["description", "runbook_url", "summary"], "{name}");
        let (_, anchor) = rule.annotations["runbook_url"].rsplit_once("/docs/runbook.md#").unwrap();
        assert_eq!(anchor, name.to_lowercase());
    }
}

#[test]
fn the_runbooks_have_a_section_for_each_alert_and_each_class_and_no_other() {
    let alerts = RuleFile::shipped();
    let alerts = alerts.alerts().map(|(name, _)| name.to_lowercase());
    let expected: BTreeSet<String> = alerts.chain(CLASSES.map(|row| row.label.to_owned())).collect();
    for (path, parts) in RUNBOOKS {
        let text = read(path);
        let sections = sections(&text);
        let found: BTreeSet<String> = sections.keys().cloned().collect();
        assert_eq!(found, expected, "{path}");
        for (anchor, body) in sections {
            let mut rest = body;
            for part in parts {
                let Some((_, after)) = rest.split_once(part) else {
                    panic!("{path}#{anchor} lacks `{part}`, or has it in another order");
                };
                assert!(
                    after.trim_start().chars().nth(2).is_some_and(|c| c != '*'),
                    "{path}#{anchor}: {part}"
                );
                rest = after;
            }
        }
    }
}

#[test]
fn links_within_the_runbooks_lead_somewhere() {
    for (path, _) in RUNBOOKS {
        let text = read(path);
        let mut anchors: BTreeSet<String> = sections(&text).into_keys().collect();
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("## ") {
                anchors.insert(heading.to_lowercase().replace(' ', "-"));
            }
            if let Some((id, _)) = line.strip_prefix("<a id=\"").and_then(|rest| rest.split_once('"')) {
                anchors.insert(id.to_owned());
            }
        }
        for link in text.split("](#").skip(1) {
            let anchor = link.split(')').next().unwrap();
            assert!(anchors.contains(anchor), "{path}: #{anchor}");
        }
    }
}

/// `text` without what is filled in when an alert fires.
fn without_templates(text: &str) -> String {
    let mut plain = String::new();
    // What stands between two actions of one block is filled in, too.
    let (before, rest) = text.split_once("{{").unwrap_or((text, ""));
    plain.push_str(before.trim_end());
    plain.push_str(rest.rsplit_once("}}").map_or("", |(_, after)| after));
    plain
}

/// The tables of `docs/alerts.md`.
fn tables() -> String {
    let file = RuleFile::shipped();
    let mut text = "| alert | severity | for | what it says |\n|---|---|---|---|\n".to_owned();
    for (name, rule) in file.alerts() {
        let (severity, says) =
            (&rule.labels["severity"], without_templates(&rule.annotations["description"]));
        let pending = if rule.pending.is_empty() { "–" } else { &rule.pending };
        writeln!(text, "| [{name}](runbook.md#{}) | {severity} | {pending} | {says} |", name.to_lowercase())
            .unwrap();
    }
    text.push_str("\n| recorded series | every |\n|---|---|\n");
    for group in &file.groups {
        let every = group.interval.as_deref().unwrap_or("`evaluation_interval`");
        for record in group.rules.iter().filter_map(|rule| rule.record.as_ref()) {
            writeln!(text, "| `{record}` | {every} |").unwrap();
        }
    }
    text
}

#[test]
fn the_tables_of_the_documentation_are_up_to_date() {
    const FENCES: (&str, &str) =
        ("<!-- The tables are generated from the rules. -->\n", "<!-- End of the generated tables. -->");
    let path = "docs/alerts.md";
    let text = read(path);
    let (before, rest) = text.split_once(FENCES.0).unwrap();
    let (written, after) = rest.split_once(FENCES.1).unwrap();
    let tables = format!("\n{}\n", tables());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(path), format!("{before}{}{tables}{}{after}", FENCES.0, FENCES.1)).unwrap();
        return;
    }
    assert!(
        written == tables,
        "{path} differs from the rules: run `UPDATE_DOCS=1 cargo test --test it rules::docs`"
    );
}
