//! The body of the fuzz target `negotiation`: any bytes as the headers by which a client says what
//! it accepts, and who it is.

use std::fmt::Debug;

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};

use super::guard::Credentials;
use super::negotiate::{Language, encoding, format, joined, language};
use crate::metrics::{Encoding, Format};

/// Reads the lines of `bytes` as the lines of `Accept`, `Accept-Encoding` and `Accept-Language`.
/// Each has an answer, letter case does not matter, and what has the higher `q` is preferred.
pub fn negotiation(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            check_credentials(&value);
            headers.append(ACCEPT, value);
        }
    }
    let Some(header) = joined(&headers, &ACCEPT) else { return };
    check_case(&header);
    check_format(&header);
    check_language(&header);
    // What comes last counts, and text after a quote that is not closed is not seen.
    if !header.contains('"') {
        check_encoding(&header);
    }
}

fn check_credentials(header: &HeaderValue) {
    if let Some(Credentials { name, password }) = Credentials::of(header) {
        assert!(!name.contains(&b':') && name.len() + password.len() < header.len(), "{header:?}");
    }
}

fn check_case(header: &str) {
    let others = [header.to_ascii_uppercase(), header.to_ascii_lowercase()];
    for other in others.iter().map(|other| Some(other.as_str())) {
        assert_eq!(format(Some(header)), format(other), "{header}");
        assert_eq!(encoding(Some(header)), encoding(other), "{header}");
        assert_eq!(language(Some(header)), language(other), "{header}");
    }
}

fn check_format(header: &str) {
    for (range, wanted) in
        [("application/openmetrics-text", Format::OpenMetrics), ("text/plain", Format::Text)]
    {
        let with = |q| format(Some(&format!("{range};q={q},{header}")));
        check_quality(with, format(Some(header)), wanted);
    }
}

fn check_language(header: &str) {
    for (range, wanted) in [("zh-CN", Language::Zh), ("en", Language::En)] {
        let with = |q| language(Some(&format!("{range};q={q},{header}")));
        check_quality(with, language(Some(header)), wanted);
    }
}

/// A range before the others is as good as absent with a quality of 0, is never worse off with a
/// higher one, and wins with the highest.
fn check_quality<T: Copy + PartialEq + Debug>(with: impl Fn(&'static str) -> T, without: T, wanted: T) {
    let chosen = ["0", "0.001", "0.25", "0.75", "1.000"].map(with);
    assert_eq!((chosen[0], chosen[4]), (without, wanted), "{chosen:?}");
    assert!(chosen.is_sorted_by_key(|chosen| *chosen == wanted), "{chosen:?}");
}

fn check_encoding(header: &str) {
    let with = |more: &str| encoding(Some(&format!("{header},{more}")));
    assert_eq!(with("gzip;q=1"), Encoding::Gzip, "{header}");
    assert_eq!(with("gzip;q=0"), Encoding::Identity, "{header}");
    assert_eq!(with("gzip;q=0.9,identity;q=0.901"), Encoding::Identity, "{header}");
    assert_eq!(with("gzip;q=0.901,identity;q=0.9"), Encoding::Gzip, "{header}");
}

#[cfg(test)]
mod tests {
    use super::negotiation;

    #[test]
    fn any_header_is_answered_with_what_it_prefers() {
        crate::fuzzing::check("negotiation", negotiation);
    }
}
