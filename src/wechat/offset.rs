//! How far this machine's clock is from the API's, as its answers tell.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::header::{DATE, HeaderMap};

use crate::clock::WallTime;
use crate::config::BaseUrl;

/// How far ahead of the server's clock this machine's is, in milliseconds, negative when behind.
/// The truth lies between the two: `Date` has whole seconds and nobody knows where in the round
/// trip it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClockOffset {
    least: i64,
    most: i64,
}

/// The offsets that the last answers told, by base URL.
#[derive(Debug, Default)]
pub(super) struct Offsets(Mutex<HashMap<BaseUrl, ClockOffset>>);

impl ClockOffset {
    /// Of an answer that says `date`, to a request that left at `sent` and was answered at `came`.
    pub(crate) fn new(date: WallTime, sent: WallTime, came: WallTime) -> Self {
        const DATE_RESOLUTION: i64 = 1_000;
        Self { least: sent.millis() - date.millis() - DATE_RESOLUTION, most: came.millis() - date.millis() }
    }

    /// The distance between the clocks that is certain, whatever the direction.
    pub(crate) fn certain(self) -> Duration {
        let millis = self.least.max(0).max(-self.most.min(0));
        Duration::from_millis(millis.unsigned_abs())
    }

    /// Whether this machine's clock is ahead.
    pub(crate) fn is_ahead(self) -> bool {
        self.least > 0
    }
}

impl Offsets {
    /// Takes note of an answer's headers. Some gateways send no `Date`, or none that can be read.
    pub(super) fn note(&self, base: &BaseUrl, headers: &HeaderMap, sent: WallTime, came: WallTime) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
        let Some(date) = date else { return };
        let offset = ClockOffset::new(WallTime::from_millis(date.as_millisecond()), sent, came);
        let mut offsets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match offsets.get_mut(base) {
            Some(known) => *known = offset,
            None => drop(offsets.insert(base.clone(), offset)),
        }
    }

    /// What the last answer from `base` told.
    pub(super) fn of(&self, base: &BaseUrl) -> Option<ClockOffset> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(base).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE_MILLIS: i64 = 1_700_000_000_000;

    fn offset(sent: i64, came: i64) -> (u128, bool) {
        let at = |millis| WallTime::from_millis(DATE_MILLIS + millis);
        let offset = ClockOffset::new(at(0), at(sent), at(came));
        (offset.certain().as_millis(), offset.is_ahead())
    }

    #[test]
    fn only_what_resolution_and_round_trip_cannot_explain_is_certain() {
        assert_eq!(offset(0, 20), (0, false));
        assert_eq!(offset(999, 1_020), (0, false), "the second had nearly passed");
        assert_eq!(offset(-5_000, 20), (0, false), "a slow answer");
        assert_eq!(offset(31_500, 31_520), (30_500, true));
        assert_eq!(offset(-31_500, -31_480), (31_480, false));
    }

    #[test]
    fn the_last_date_of_each_base_url_counts() {
        let offsets = Offsets::default();
        let base = |host: &str| BaseUrl::parse(&format!("https://{host}")).unwrap();
        let note = |date: &str, now: i64| {
            let now = WallTime::from_millis(now);
            let headers = [(DATE, date.parse().unwrap())].into_iter().collect();
            offsets.note(&base("a"), &headers, now, now);
        };
        for nonsense in ["", "yesterday", "Sun, 31 Nov 1994 08:49:37 GMT"] {
            note(nonsense, DATE_MILLIS);
            assert_eq!(offsets.of(&base("a")), None, "{nonsense}");
        }
        note("Tue, 14 Nov 2023 22:13:20 GMT", DATE_MILLIS);
        assert_eq!(offsets.of(&base("a")).unwrap().certain(), Duration::ZERO);
        note("Tue, 14 Nov 2023 22:13:20 GMT", DATE_MILLIS + 61_000);
        assert_eq!(offsets.of(&base("a")).unwrap().certain(), Duration::from_secs(60));
        assert_eq!(offsets.of(&base("b")), None);
    }
}
