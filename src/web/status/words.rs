//! Times and numbers as text.

use jiff::Timestamp;

use crate::clock::WallTime;

/// A time in words, and exactly for who looks closer.
pub(super) struct Moment {
    pub(super) exact: String,
    pub(super) words: String,
}

/// RFC 3339 in UTC, to the second; empty for a time beyond the calendar.
pub(super) fn exact(at: WallTime) -> String {
    let whole_seconds = at.millis().div_euclid(1_000);
    Timestamp::from_second(whole_seconds).map(|time| time.to_string()).unwrap_or_default()
}

/// To the second and in UTC, for people; empty for a time beyond the calendar.
pub(super) fn readable(at: WallTime) -> String {
    exact(at).replace('T', " ").replace('Z', " UTC")
}

/// With a comma between each three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
