//! Links of all Markdown files.

use std::fs;
use std::path::Path;

use crate::tools::root;

/// All Markdown files, from the project's directory, in order.
pub(super) fn markdown_files() -> Vec<String> {
    let mut found = Vec::new();
    collect(root(), "", &mut found);
    found.sort();
    found
}

fn collect(directory: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let is_ours = !["target", "node_modules"].contains(&name.as_str());
            if is_ours && (!name.starts_with('.') || name == ".github") {
                collect(&entry.path(), &format!("{prefix}{name}/"), found);
            }
        } else if Path::new(&name).extension().is_some_and(|kind| kind == "md") {
            found.push(format!("{prefix}{name}"));
        }
    }
}

/// The text without fences and code spans.
pub(super) fn prose(text: &str) -> String {
    let mut prose = String::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.extend(line.split('`').step_by(2));
            prose.push('\n');
        }
    }
    prose
}

/// Where its links lead.
pub(super) fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let ends = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    ends.map(|(target, _)| target.to_owned()).collect()
}

/// What GitHub calls its headings, and what it gives a name itself.
fn anchors(text: &str) -> Vec<String> {
    let (mut headings, mut named) = (Vec::new(), Vec::new());
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let name = line.strip_prefix("<a id=\"").and_then(|rest| rest.split_once('"'));
        named.extend(name.map(|(name, _)| name.to_owned()));
        if fenced || !line.starts_with('#') {
            continue;
        }
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|char| char.is_alphanumeric() || [' ', '-', '_'].contains(char));
        let anchor: String = kept.map(|char| if char == ' ' { '-' } else { char }).collect();
        let again = headings.iter().filter(|known| **known == anchor).count();
        named.push(if again > 0 { format!("{anchor}-{again}") } else { anchor.clone() });
        headings.push(anchor);
    }
    named
}

/// Links of a file that lead nowhere.
fn broken(path: &str, text: &str) -> Vec<String> {
    let directory = root().join(path).parent().unwrap().to_owned();
    let leads_nowhere = |target: &String| {
        if target.contains("://") || target.starts_with("mailto:") {
            return false;
        }
        let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
        let there = directory.join(file);
        let there = match (file, anchor) {
            ("", _) => text.to_owned(),
            (_, "") => return !there.exists(),
            _ => fs::read_to_string(there).unwrap_or_default(),
        };
        !anchors(&there).iter().any(|known| known == anchor)
    };
    targets(text).into_iter().filter(leads_nowhere).map(|target| format!("{path}: {target}")).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let files = markdown_files();
    assert!(files.len() > 15 && files.iter().any(|path| path == "docs/runbook.zh-CN.md"), "{files:?}");
    let broken: Vec<_> =
        files.iter().flat_map(|path| broken(path, &fs::read_to_string(root().join(path)).unwrap())).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let text = "# A `heading`, or two\n[a](missing.md) [b](security.md) [c](security.md#missing) `[d](code.md)`\n\
                [e](#a-heading-or-two) [f](security.md#the-port) ![g](images/missing.png) [h](https://example.com/x)\n\
                [i](../deploy/) [j](#missing)\n```\n[k](fenced.md)\n```\n";
    let expected = ["missing.md", "security.md#missing", "images/missing.png", "#missing"];
    assert_eq!(broken("docs/made-up.md", text), expected.map(|target| format!("docs/made-up.md: {target}")));
}
