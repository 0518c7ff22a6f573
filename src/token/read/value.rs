//! What a source may hold: which text is a token, where it stands in JSON, when it expires. The
//! texts of faults name the place and never quote what was found there.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use super::Fault;
use crate::clock::WallTime;
use crate::config::token::Pointer;
use crate::secret::Secret;
use crate::wechat::answer::{TOKEN_LIMIT, unsigned};

/// Longest text that is read in search of a token, in bytes.
pub(super) const SIZE_LIMIT: usize = 1 << 20;

/// The token that `text` is.
pub(in crate::token) fn token(text: &str, place: &str) -> Result<Secret, Fault> {
    // None of these is in any token, and they tell a page, JSON or a serialised object.
    const FOREIGN: [char; 5] = ['"', '<', '>', '{', '}'];
    let wrong = if text.is_empty() {
        "the token is empty"
    } else if text.contains(FOREIGN) {
        "not a token but markup, JSON or a serialised object: is a pointer needed?"
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        "not a token: it holds white space or characters that are not printable"
    } else if text.len() > TOKEN_LIMIT {
        "not a token: longer than 512 characters"
    } else {
        return Ok(Secret::new(text.to_owned()));
    };
    Err(Fault::decode(format!("{place}: {wrong}")))
}

/// `text` without the line break that editors and shells put at its end.
pub(in crate::token) fn without_line_break(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// What was read, as text.
pub(super) fn utf8(bytes: Vec<u8>, place: &str) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|_| Fault::decode(format!("{place}: not a token: it is not text")))
}

/// What was read, as JSON.
pub(super) fn json(text: &str, place: &str) -> Result<Value, Fault> {
    serde_json::from_str(text).map_err(|_| Fault::decode(format!("{place}: not JSON")))
}

/// The token at `pointer`.
pub(super) fn token_at(json: &Value, pointer: &Pointer, place: &str) -> Result<Secret, Fault> {
    match at(json, pointer, place)? {
        Value::String(text) => token(text, place),
        _ => {
            Err(Fault::decode(format!("{place}: what is at the pointer `{}` is no string", pointer.as_str())))
        }
    }
}

/// The life that is left by the expiry at `pointer`; zero when it is over.
pub(super) fn life_at(
    json: &Value,
    pointer: &Pointer,
    place: &str,
    now: WallTime,
) -> Result<Duration, Fault> {
    let number = unsigned(at(json, pointer, place)?).ok_or_else(|| {
        let pointer = pointer.as_str();
        Fault::decode(format!(
            "{place}: what is at the pointer `{pointer}` is no whole number of zero or more"
        ))
    })?;
    Ok(life(number, now))
}

/// Servers tell an expiry as seconds from now, Unix seconds or Unix milliseconds: the size of the
/// number tells which.
fn life(number: u64, now: WallTime) -> Duration {
    const FIRST_UNIX_SECOND: u64 = 100_000_000;
    const FIRST_UNIX_MILLISECOND: u64 = 100_000_000_000;
    if number < FIRST_UNIX_SECOND {
        return Duration::from_secs(number);
    }
    let millis = if number < FIRST_UNIX_MILLISECOND { number * 1_000 } else { number };
    WallTime::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)).since(now)
}

fn at<'v>(json: &'v Value, pointer: &Pointer, place: &str) -> Result<&'v Value, Fault> {
    json.pointer(pointer.as_str())
        .ok_or_else(|| Fault::decode(format!("{place}: nothing is at the pointer `{}`", pointer.as_str())))
}

/// Scheme and host of a URL: as much of it as may be shown.
pub(super) fn origin(url: &Url) -> String {
    let (scheme, host) = (url.scheme(), url.host_str().unwrap_or_default());
    match url.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_a_token_is_one() {
        let check = |text: &str| token(text, "here").map_err(|fault| fault.text);
        for good in ["a", "15_a-b/c=d@e+f.g&h:i", "ticket@@@x", &"x".repeat(512)] {
            assert!(check(good).is_ok(), "{good}");
        }
        let long = "x".repeat(513);
        for bad in
            ["", " a", "a b", "a\n", "a\0", "a\u{7f}", "à", "<html>", "{}", "\"a\"", "s:1:\"a\";", &long]
        {
            let text = check(bad).unwrap_err();
            assert!(text.starts_with("here: "), "{bad}: {text}");
            assert!(bad.len() < 3 || !text.contains(bad), "{bad}: {text}");
        }
    }

    #[test]
    fn the_size_of_a_number_tells_what_it_means() {
        let now = WallTime::from_millis(1_700_000_000_500);
        let check = |number, millis| {
            assert_eq!(life(number, now), Duration::from_millis(millis), "{number}");
        };
        check(0, 0);
        check(7_200, 7_200_000);
        check(99_999_999, 99_999_999_000);
        check(100_000_000, 0);
        check(1_700_000_000, 0);
        check(1_700_007_200, 7_199_500);
        check(99_999_999_999, 98_299_999_998_500);
        check(100_000_000_000, 0);
        check(1_700_007_200_000, 7_199_500);
        check(u64::MAX, i64::MAX.unsigned_abs() - 1_700_000_000_500);
    }

    #[test]
    fn an_origin_shows_no_credentials() {
        let check = |url: &str, expected: &str| assert_eq!(origin(&Url::parse(url).unwrap()), expected);
        check("http://user:pass@host/path?query#fragment", "http://host");
        check("https://host:8443/", "https://host:8443");
        check("rediss://:pass@[::1]:6379/3", "rediss://[::1]:6379");
    }
}
