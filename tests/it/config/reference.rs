//! docs/configuration.md against the program: its keys, its defaults and its examples.

use std::collections::BTreeSet;
use std::fs;

use super::{ONE, faults, good};

/// Stands in no map.
const UNKNOWN: &str = "zzzzzzzzzzzz";

/// One chapter of the document with a table of keys.
struct Chapter {
    title: String,
    /// Each key with its default, empty if it has none.
    keys: Vec<(String, String)>,
    example: String,
}

fn chapters() -> Vec<Chapter> {
    let text = fs::read_to_string("docs/configuration.md").unwrap();
    let chapter = |part: &str| {
        let (title, body) = part.split_once('\n')?;
        let rows = body.lines().filter(|line| line.starts_with("| `"));
        let keys = rows.map(|row| {
            let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            (cells[1].to_owned(), cells[3].to_owned())
        });
        let keys: Vec<_> = keys.collect();
        let example = body.split("```").find_map(|block| block.strip_prefix("yaml\n")).unwrap_or_default();
        (!keys.is_empty()).then(|| Chapter { title: title.to_owned(), keys, example: example.to_owned() })
    };
    text.split("\n## ").filter_map(chapter).collect()
}

/// A file with an unknown key in the map that a chapter is about.
fn probe(title: &str) -> String {
    match title {
        "The file" => format!("{UNKNOWN}: 1\n{ONE}"),
        "`accounts.NAME`" => format!("accounts: {{a: {{{UNKNOWN}: 1}}}}\n"),
        "`platforms.NAME`" => format!("platforms: {{p: {{{UNKNOWN}: 1}}}}\n{ONE}"),
        "`component_token`: `verify_ticket`" => {
            format!("platforms: {{p: {{component_token: {{source: verify_ticket, {UNKNOWN}: 1}}}}}}\n{ONE}")
        }
        title => match title.strip_prefix("`token`: `").and_then(|rest| rest.strip_suffix('`')) {
            Some(source) => format!("accounts: {{a: {{token: {{source: {source}, {UNKNOWN}: 1}}}}}}\n"),
            None => format!("{}: {{{UNKNOWN}: 1}}\n{ONE}", title.trim_matches('`')),
        },
    }
}

#[test]
fn the_reference_has_exactly_the_keys_that_there_are() {
    for Chapter { title, keys, .. } in chapters() {
        let faults = faults(&probe(&title), &[]);
        let known = faults
            .iter()
            .find_map(|fault| fault.split_once(&format!("{UNKNOWN}: unknown key: known here: ")))
            .unwrap_or_else(|| panic!("{title}: {faults:?}"))
            .1;
        let known: BTreeSet<&str> = known.split(", ").collect();
        let told: BTreeSet<&str> = keys.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(told, known, "{title}");
    }
}

#[test]
fn the_reference_tells_the_true_defaults() {
    let account = ONE.replace("app_id:", "collect: [draft, quota], app_id:");
    let plain = good(&account, &[]).hash();
    let mut checked = 0;
    for Chapter { title, keys, .. } in chapters() {
        let Some(section) =
            ["api", "poll", "limits", "budget"].into_iter().find(|it| title.trim_matches('`') == *it)
        else {
            continue;
        };
        for (key, default) in keys.iter().filter(|(_, default)| !default.is_empty()) {
            let text = format!("{section}: {{{key}: {default}}}\n{account}");
            assert_eq!(good(&text, &[]).hash(), plain, "{section}.{key}: {default}");
            checked += 1;
        }
    }
    assert!(checked > 15, "the tables were read");
}

#[test]
fn the_examples_of_the_reference_are_valid() {
    for Chapter { title, example, .. } in chapters() {
        assert!(!example.is_empty(), "{title} has an example");
        let text = if example.contains("accounts:") { example } else { format!("{example}{ONE}") };
        good(&text, &[]);
    }
}
