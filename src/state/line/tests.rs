use proptest::prelude::*;

use super::*;
use crate::state::samples::{NOW, any_record};

/// The lines of `bytes`, each read.
fn parse_all(bytes: &[u8]) -> Vec<Line> {
    bytes.split_inclusive(|&byte| byte == b'\n').map(|line| parse(line).unwrap()).collect()
}

/// An account's line with `material` as given.
fn with_material(material: &str) -> Option<Line> {
    let line = r#"{"account":{"name":"a","app_id":"wx00000000","material":MATERIAL}}"#;
    parse(line.replace("MATERIAL", material).as_bytes())
}

proptest! {
    #[test]
    fn a_batch_reads_back_as_it_was(records in prop::collection::vec(any_record(), 0..4), millis: i64) {
        let saved_at = WallTime::from_millis(millis);
        let read = parse_all(&batch(records.iter(), saved_at).unwrap());
        let written = records.into_iter().map(Line::Record);
        prop_assert_eq!(read, [Line::SavedAt(saved_at)].into_iter().chain(written).collect::<Vec<_>>());
    }
}

#[test]
fn the_format_is_the_documented_one() {
    let examples = include_str!("../mod.rs").lines().filter_map(|line| line.strip_prefix("//! {\""));
    let mut examples = examples.map(|line| format!("{{\"{line}\n"));
    assert_eq!(examples.next().unwrap(), HEADER);
    assert_eq!(version(HEADER.as_bytes()), Some(VERSION));
    let examples: String = examples.collect();
    let Line::SavedAt(saved_at) = parse_all(examples.as_bytes()).remove(0) else { panic!("no time") };
    assert_eq!(saved_at, NOW);
    let records: Vec<_> = parse_all(examples.as_bytes())
        .into_iter()
        .filter_map(|line| match line {
            Line::Record(record) => Some(record),
            Line::SavedAt(_) => None,
        })
        .collect();
    assert_eq!(records.len(), 2);
    assert_eq!(String::from_utf8(batch(records.iter(), NOW).unwrap()).unwrap(), examples);
}

#[test]
fn everything_that_can_be_said_of_an_account_is_named() {
    let line = concat!(
        r#"{"account":{"name":"a","app_id":"wx00000000","#,
        r#""material":{"last":{"failed":{"class":"ip","errcode":40164,"seen_ip":"203.0.113.8"}},"park":{"class":"ip","n":2},"next":3},"#,
        r#""draft":{"good":{"value":7,"at":1},"last":{"failed":{"class":"other","source":"redis"}},"next":3},"#,
        r#""quota":{"good":{"value":[{"api":"get_materialcount","limit":{"calls":1000,"remaining":997},"used":3},"#,
        r#"{"api":"draft_count","used":0}],"at":1},"last":"pending","next":3}}}"#,
        "\n"
    );
    let Some(Line::Record(record)) = parse(line.as_bytes()) else { panic!("not read") };
    let bytes = batch([record].iter(), NOW).unwrap();
    let (_, written) = std::str::from_utf8(&bytes).unwrap().split_once('\n').unwrap();
    assert_eq!(written, line);
}

#[test]
fn what_is_not_known_is_ignored() {
    let known = with_material(r#"{"last":"pending","next":1}"#).unwrap();
    let more = with_material(r#"{"last":"pending","next":1,"more":[{}]}"#);
    assert_eq!(more, Some(known));
    let failed = |source: &str| {
        with_material(&format!(r#"{{"last":{{"failed":{{"class":"ip"{source}}}}},"next":1}}"#)).unwrap()
    };
    assert_eq!(failed(r#","source":"abacus""#), failed(""));
    assert_ne!(failed(r#","source":"redis""#), failed(""));
}

#[test]
fn a_long_nickname_is_cut() {
    let line = format!(
        r#"{{"profile":{{"platform":"p","app_id":"wx00000000","auth_time":1,"asked_at":1,"found":{{"official":{{"nickname":"{}"}}}}}}}}"#,
        "名".repeat(100)
    );
    let Some(Line::Record(Record::Profile(saved))) = parse(line.as_bytes()) else { panic!("not read") };
    assert_eq!(saved.profile, Profile::Official { nickname: "名".repeat(66).into() });
}

#[test]
fn what_cannot_be_right_is_not_read() {
    for material in [
        r#"{"last":"pending"}"#,
        r#"{"next":1}"#,
        r#"{"last":"asleep","next":1}"#,
        r#"{"last":{"failed":{"class":"asleep"}},"next":1}"#,
        r#"{"last":"pending","next":"soon"}"#,
        r#"{"last":"pending","next":1,"park":{"class":"asleep","n":1}}"#,
        r#"{"good":{"value":{"voice":1,"video":1,"image":1},"at":1},"last":"pending","next":1}"#,
        r#"{"good":{"value":{"voice":-1,"video":1,"image":1,"news":1},"at":1},"last":"pending","next":1}"#,
    ] {
        assert_eq!(with_material(material), None, "{material}");
    }
    let good = r#"{"last":"pending","next":1}"#;
    for line in [
        "",
        "\n",
        "{}",
        "[]",
        "{\"saved_at\":1.5}",
        "{\"saved_at\":1}{",
        "\u{0}\u{0}",
        &format!(r#"{{"account":{{"name":"A b","app_id":"wx00000000","material":{good}}}}}"#),
        &format!(r#"{{"account":{{"name":"a","app_id":"0","material":{good}}}}}"#),
        &format!(r#"{{"account":{{"name":"a","material":{good}}}}}"#),
        &HEADER.replace("version", "visions"),
    ] {
        assert_eq!(parse(line.as_bytes()), None, "{line}");
        assert_eq!(version(line.as_bytes()), None, "{line}");
    }
}
