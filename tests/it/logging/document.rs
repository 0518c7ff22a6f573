//! docs/logging.md lists every event at info and above, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use super::events::{self, Event};

const LEVELS: [&str; 3] = ["error", "warn", "info"];

/// The rows of the document's tables.
static ROWS: LazyLock<Vec<Event>> = LazyLock::new(|| {
    let text = fs::read_to_string("docs/logging.md").unwrap();
    text.lines().filter(|line| line.starts_with("| `")).map(row).collect()
});

/// `| level | message | fields | when | what to do |`
fn row(line: &str) -> Event {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [level, message, fields, when, what] = cells[..] else { panic!("not five cells: {line}") };
    assert!(!when.is_empty() && !what.is_empty(), "{line}");
    let names = fields.split(',').map(|name| name.trim().trim_matches('`').to_owned());
    Event {
        level: level.trim_matches('`').to_owned(),
        message: message.to_owned(),
        fields: names.filter(|name| !name.is_empty()).collect(),
    }
}

/// An event that was logged is one that the document lists.
pub(super) fn check(level: &str, logged: &str) {
    let is_it = |row: &&Event| {
        let (start, end) = row.message.split_once('…').unwrap_or((&row.message, ""));
        let is_whole = row.message.contains('…') || row.message == logged;
        row.level == level && is_whole && logged.starts_with(start) && logged.ends_with(end)
    };
    assert!(!LEVELS.contains(&level) || ROWS.iter().any(|row| is_it(&row)), "{level} {logged}");
}

#[test]
fn the_document_lists_the_events_of_the_source_and_no_others() {
    let source = events::of(&LEVELS);
    assert!(source.len() > 15, "{source:#?}");
    let document: BTreeSet<_> = ROWS.iter().cloned().collect();
    assert_eq!(document.len(), ROWS.len(), "an event stands twice in docs/logging.md");
    let missing: Vec<_> = source.difference(&document).collect();
    let stale: Vec<_> = document.difference(&source).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "docs/logging.md lacks {missing:#?}\nand has what the source has not: {stale:#?}"
    );
}
