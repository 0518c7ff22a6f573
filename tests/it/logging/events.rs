//! The events that the source can log.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One event of the source. Where a value stands in its message, here stands `…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event {
    pub(super) level: String,
    pub(super) message: String,
    pub(super) fields: BTreeSet<String>,
}

/// All events of these levels.
pub(super) fn of(levels: &[&str]) -> BTreeSet<Event> {
    let mut events = BTreeSet::new();
    for path in files(Path::new("src")) {
        let source = fs::read_to_string(&path).unwrap();
        // Tests log what they like.
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for level in levels {
            for call in source.split(&format!("tracing::{level}!(")).skip(1) {
                events.insert(event(level, &arguments(call), &path));
            }
        }
    }
    events
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().unwrap() == "tests";
        if path.is_dir() && !is_test {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            found.push(path);
        }
    }
    found
}

/// What stands between the parentheses of a macro, split at its commas.
fn arguments(source: &str) -> Vec<String> {
    let (mut arguments, mut argument) = (Vec::new(), String::new());
    let (mut depth, mut in_text) = (0, false);
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => in_text = !in_text,
            '\\' if in_text => {
                argument.push(c);
                argument.extend(chars.next());
                continue;
            }
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' if !in_text && depth == 0 => {
                arguments.push(argument);
                arguments.retain(|argument| !argument.trim().is_empty());
                return arguments.into_iter().map(|argument| argument.trim().to_owned()).collect();
            }
            ')' | ']' | '}' if !in_text => depth -= 1,
            ',' if !in_text && depth == 0 => {
                arguments.push(std::mem::take(&mut argument));
                continue;
            }
            _ => {}
        }
        argument.push(c);
    }
    panic!("no end: {source}");
}

fn event(level: &str, arguments: &[String], path: &Path) -> Event {
    let is_text = |argument: &&String| argument.starts_with('"');
    let at = arguments.iter().position(|argument| is_text(&argument));
    let at = at.unwrap_or_else(|| panic!("{}: an event without a message: {arguments:?}", path.display()));
    let field = |argument: &String| {
        let (name, _) = argument.split_once('=').unwrap_or((argument, ""));
        name.trim_start_matches(['%', '?']).trim().to_owned()
    };
    let fields = arguments[..at].iter().map(field).collect();
    let message = arguments[at].strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap();
    Event { level: level.to_owned(), message: without_values(message), fields }
}

fn without_values(format: &str) -> String {
    let mut message = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('{') {
        message.push_str(before);
        message.push('…');
        rest = after.split_once('}').unwrap().1;
    }
    message + rest
}

#[test]
fn events_are_found_as_they_are_written() {
    let source = r#"
        %account,
        errcode = failing.errcode.map(|code| code.0),
        names = %Names(&[a, b]),
        "account, (failing): {} \"{x}\"", row.summary.en
    ); more()"#;
    let event = event("warn", &arguments(source), Path::new("here"));
    assert_eq!(event.message, "account, (failing): … \\\"…\\\"");
    assert_eq!(Vec::from_iter(event.fields), ["account", "errcode", "names"]);
}

#[test]
fn events_are_logged_in_one_way_only() {
    for path in files(Path::new("src")) {
        let source = fs::read_to_string(&path).unwrap();
        for macro_name in ["error!(", "warn!(", "info!(", "debug!(", "trace!(", "event!("] {
            let calls = source.matches(macro_name).count();
            let through_tracing = source.matches(&format!("tracing::{macro_name}")).count();
            assert_eq!(calls, through_tracing, "{}: {macro_name} is not found by its name", path.display());
        }
        assert!(!source.contains("tracing::event!"), "{}: an event without a level", path.display());
    }
    // They would stand twice in a line of JSON.
    for event in of(&["error", "warn", "info", "debug", "trace"]) {
        for taken in ["level", "message", "target", "timestamp", "ts", "span"] {
            assert!(!event.fields.contains(taken), "{event:?}");
        }
    }
}
