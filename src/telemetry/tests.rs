use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

/// What was written, for tests.
#[derive(Clone, Debug, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines that `events` bring.
fn written(format: LogFormat, reader: Reader, events: impl FnOnce()) -> Vec<String> {
    let written = Written::default();
    let writer = written.clone();
    let lines = lines(format, reader, move || writer.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), events);
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(text.ends_with('\n'), "{text:?}");
    text.strip_suffix('\n').unwrap().split('\n').map(str::to_owned).collect()
}

/// An event as the scheduler writes it, with this text in each place where one can come from outside.
fn event(text: &str) {
    let account = format_args!("{text}");
    tracing::warn!(%account, errcode = Some(40164), error = text, "account failing: {text}");
}

/// The pairs of a line of logfmt, which must be nothing else.
fn pairs(line: &str) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    let mut rest = line;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').unwrap_or_else(|| panic!("no value: {rest:?}"));
        assert!(!key.is_empty() && !key.contains([' ', '"']), "{line:?}");
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)
        } else {
            let (value, after) = after.split_at(after.find(' ').unwrap_or(after.len()));
            assert!(!value.contains('"'), "{line:?}");
            (value.to_owned(), after)
        };
        assert_eq!(pairs.insert(key.to_owned(), value), None, "twice: {key}");
        rest = after.strip_prefix(' ').unwrap_or(after);
        assert!(rest.len() < after.len() || after.is_empty(), "no blank: {line:?}");
    }
    pairs
}

/// A quoted value up to its end, and what follows it.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, text.get(at + 1..).unwrap()),
            '\\' => value.push(match chars.next().unwrap().1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                'u' => {
                    assert_eq!(chars.next().unwrap().1, '{');
                    let digits: String = chars.by_ref().map(|(_, c)| c).take_while(|c| *c != '}').collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap()
                }
                other => other,
            }),
            c => value.push(c),
        }
    }
    panic!("no end: {text:?}");
}

#[test]
fn the_journal_gets_the_priority_and_no_time() {
    let events = || {
        tracing::error!("a");
        tracing::warn!("b");
        tracing::info!("c");
        tracing::debug!("d");
        tracing::trace!("e");
    };
    for format in [LogFormat::Logfmt, LogFormat::Json] {
        let prefixes: Vec<_> = written(format, Reader::Journal, events);
        let prefixes: Vec<_> = prefixes.iter().map(|line| line.get(..3).unwrap()).collect();
        assert_eq!(prefixes, ["<3>", "<4>", "<6>", "<7>", "<7>"]);
    }
    let lines = written(LogFormat::Logfmt, Reader::Journal, || tracing::info!(n = 1, "c"));
    let target = module_path!();
    assert_eq!(lines, [format!("<6>level=info target={target} message=c n=1")]);
    let lines = written(LogFormat::Json, Reader::Journal, || tracing::info!(n = 1, "c"));
    assert_eq!(lines, [format!(r#"<6>{{"level":"INFO","message":"c","n":1,"target":"{target}"}}"#)]);
}

#[test]
fn others_get_the_time_and_no_priority() {
    let lines = written(LogFormat::Logfmt, Reader::Other, || event("x"));
    assert!(pairs(&lines[0])["ts"].ends_with('Z'), "{lines:?}");
    let lines = written(LogFormat::Json, Reader::Other, || event("x"));
    let fields: Map<String, Value> = serde_json::from_str(&lines[0]).unwrap();
    assert!(fields["timestamp"].as_str().unwrap().ends_with('Z'), "{lines:?}");
}

/// Any text at all: that of `any::<String>()` has no line ends in it.
fn any_text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..30).prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn whatever_an_event_says_is_one_line_of_json(text in any_text()) {
        let lines = written(LogFormat::Json, Reader::Other, || event(&text));
        prop_assert_eq!(lines.len(), 1);
        let fields: Map<String, Value> = serde_json::from_str(&lines[0]).unwrap();
        prop_assert_eq!(&fields["account"], &Value::from(text.as_str()));
        prop_assert_eq!(&fields["error"], &Value::from(text.as_str()));
        prop_assert_eq!(&fields["message"], &Value::from(format!("account failing: {text}")));
        prop_assert_eq!(&fields["errcode"], &Value::from(40164));
        prop_assert_eq!(&fields["level"], "WARN");
    }

    #[test]
    fn whatever_an_event_says_is_one_line_of_logfmt(text in any_text()) {
        let lines = written(LogFormat::Logfmt, Reader::Other, || event(&text));
        prop_assert_eq!(lines.len(), 1);
        let pairs = pairs(&lines[0]);
        prop_assert_eq!(&pairs["account"], &text);
        prop_assert_eq!(&pairs["error"], &text);
        prop_assert_eq!(&pairs["message"], &format!("account failing: {text}"));
        prop_assert_eq!(&pairs["errcode"], "40164");
        prop_assert_eq!(&pairs["level"], "warn");
    }
}

#[test]
fn line_ends_and_quotes_stay_within_their_value() {
    let hostile = "a\nlevel=error\r\n\u{85}\u{2028}\"=\\ <3>\x1b[31m\0";
    let lines = written(LogFormat::Logfmt, Reader::Journal, || event(hostile));
    assert_eq!(lines.len(), 1);
    assert_eq!(pairs(lines[0].strip_prefix("<4>").unwrap())["error"], hostile);
    assert_eq!(written(LogFormat::Json, Reader::Journal, || event(hostile)).len(), 1);
}
