use std::fs;

use super::*;
use crate::state::samples::{NOW, account, records};

/// What a file of `bytes` is found to be at `now`, and the number of records told.
fn read(bytes: &[u8], now: WallTime) -> (Found, usize) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    fs::write(&path, bytes).unwrap();
    let mut told = 0;
    let found = find(&path, now, |_| told += 1).unwrap();
    (found, told)
}

fn contents(bytes: &[u8], now: WallTime) -> (Contents, usize) {
    match read(bytes, now) {
        (Found::Ours(contents), told) => (contents, told),
        (other, _) => panic!("{other:?}"),
    }
}

fn batch(accounts: std::ops::Range<usize>, saved_at: WallTime) -> Vec<u8> {
    line::batch(records(accounts, 1).iter(), saved_at).unwrap()
}

fn ours(parts: &[&[u8]]) -> Vec<u8> {
    [&[HEADER.as_bytes()], parts].concat().concat()
}

#[test]
fn the_first_line_says_whose_file_it_is() {
    let newer = HEADER.replace(":1}", ":2,\"more\":0}");
    for (bytes, expected) in [
        ("", "Nothing"),
        ("{\"format\":\"wechat", "Nothing"),
        (HEADER.trim_end(), "Nothing"),
        (newer.as_str(), "OtherVersion(2)"),
        (newer.trim_end(), "OtherVersion(2)"),
        ("\n", "Foreign"),
        ("accounts:\n  a: {}\n", "Foreign"),
        ("{\"format\":\"another\",\"version\":1}\n", "Foreign"),
        ("\u{0}\u{0}\u{0}", "Foreign"),
        (&"x".repeat(3 << 20), "Foreign"),
    ] {
        let (found, _) = read(bytes.as_bytes(), NOW);
        assert_eq!(format!("{found:?}"), expected, "{:.40}", bytes);
    }
    assert!(matches!(find(Path::new("/nowhere/at/all"), NOW, drop).unwrap(), Found::Nothing));
}

#[test]
fn corrupt_lines_are_counted_and_the_others_told() {
    let long = [b"\"".repeat(3 << 20), b"\n".to_vec()].concat();
    let bytes = ours(&[
        &batch(0..2, NOW),
        b"garbage\n\n",
        &long,
        &batch(2..4, WallTime::from_millis(5)),
        &batch(4..5, NOW),
        b"{\"account",
    ]);
    let (contents, told) = contents(&bytes, NOW);
    assert_eq!(told, 3, "those of 1970 are too old");
    assert_eq!(contents.corrupt, Some(Corrupt { count: 3, first_line: 5 }));
    assert!(contents.is_torn);
    assert_eq!(contents.written_at, Some(NOW));
}

#[test]
fn records_are_left_out_after_thirty_days() {
    let bytes = ours(&[&batch(0..3, NOW)]);
    let days = |days: u64| NOW.plus(Duration::from_secs(days * 86_400));
    for (now, expected) in [(WallTime::from_millis(0), 3), (NOW, 3), (days(30), 3), (days(31), 0)] {
        let (contents, told) = contents(&bytes, now);
        assert_eq!(told, expected, "{now:?}");
        assert_eq!(contents.live.len(), expected, "{now:?}");
        assert_eq!(contents.written_at, Some(NOW));
    }
}

#[test]
fn a_lost_time_costs_no_record() {
    let (contents, told) =
        contents(&ours(&[b"{\"saved_at\":?}\n", &batch(0..3, NOW)[batch(0..0, NOW).len()..]]), NOW);
    assert_eq!((told, contents.written_at), (3, None));
}

#[test]
fn the_live_records_are_copied_under_their_times() {
    let (early, late) = (WallTime::from_millis(NOW.millis() - 9_000), NOW);
    let newer = line::batch([Record::Account(account(1, 2))].iter(), late).unwrap();
    let bytes = ours(&[&batch(0..3, early), b"garbage\n", &batch(2..2, early), &newer, &batch(4..4, late)]);
    let (contents, _) = contents(&bytes, NOW);
    let mut copied = Vec::new();
    contents.copy_live(&mut copied).unwrap();
    let kept = [records(0..1, 1), records(2..3, 1)].concat();
    let expected = [line::batch(kept.iter(), early).unwrap(), newer].concat();
    assert_eq!(String::from_utf8(copied), String::from_utf8(expected));
}
