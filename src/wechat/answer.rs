//! Reads the API's answers: JSON whatever the `Content-Type` says, HTTP 200 also for errors,
//! `errcode` absent or 0 on success. Never guesses: a count that is missing is an error, not 0.

use std::time::Duration;

use serde_json::{Map, Value};

use super::class::ErrCode;
use super::error::{Failure, foreign};
use crate::config::{Kind, PerKind};
use crate::secret::Secret;
use crate::store::MaterialCounts;

/// Longest token accepted, in characters: the documentation asks for room for at least 512.
pub(crate) const TOKEN_LIMIT: usize = 512;
/// Lives are 7,200 s; a much larger one is a gateway's defect and must not pin a dead token.
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);

/// A successful answer: the JSON object, its `errcode` absent or 0.
pub(super) fn object(body: &[u8], secrets: &[&Secret]) -> Result<Map<String, Value>, Failure> {
    if body.is_empty() {
        return Err(decode("the body is empty"));
    }
    let read = serde_json::from_slice(body).or_else(|_| serde_json::from_slice(&blank_controls(body)));
    let Ok(Value::Object(object)) = read else {
        return Err(decode("the body is not a JSON object"));
    };
    let code = match object.get("errcode") {
        None | Some(Value::Null) => 0,
        Some(value) => signed(value).ok_or_else(|| decode("`errcode` is not an integer"))?,
    };
    if code == 0 {
        return Ok(object);
    }
    let message = object.get("errmsg").and_then(Value::as_str).unwrap_or_default();
    Err(Failure::Api { code: ErrCode(code), message: foreign(message, secrets) })
}

/// `body` with a blank for each control character within a string. JSON allows none there, and
/// nicknames that users typed have been seen to bring some along.
fn blank_controls(body: &[u8]) -> Vec<u8> {
    let (mut is_text, mut is_escaped) = (false, false);
    let blank = |&byte: &u8| {
        let is_quote = byte == b'"' && !is_escaped;
        is_escaped = is_text && byte == b'\\' && !is_escaped;
        is_text ^= is_quote;
        if is_text && byte < b' ' { b' ' } else { byte }
    };
    body.iter().map(blank).collect()
}

/// The four counts of `get_materialcount`.
pub(crate) fn material_counts(object: &Map<String, Value>) -> Result<MaterialCounts, Failure> {
    let count = |field: &str| match object.get(field) {
        None | Some(Value::Null) => Err(decode(&format!("`{field}` is missing"))),
        Some(value) => {
            unsigned(value).ok_or_else(|| decode(&format!("`{field}` is not a whole number of zero or more")))
        }
    };
    let (voice, video) = (count("voice_count")?, count("video_count")?);
    let (image, news) = (count("image_count")?, count("news_count")?);
    Ok(PerKind::new(|kind| match kind {
        Kind::Voice => voice,
        Kind::Video => video,
        Kind::Image => image,
        Kind::News => news,
    }))
}

/// Token and remaining life of a token call.
pub(crate) fn token(mut object: Map<String, Value>) -> Result<(Secret, Duration), Failure> {
    token_in(&mut object, "access_token")
}

/// As [`token`], where the field has another name.
pub(crate) fn token_in(object: &mut Map<String, Value>, field: &str) -> Result<(Secret, Duration), Failure> {
    let life = object.get("expires_in").and_then(unsigned).filter(|&seconds| seconds > 0);
    let Some(Value::String(value)) = object.remove(field) else {
        return Err(decode(&format!("`{field}` is missing or not text")));
    };
    if !is_token(&value) {
        return Err(decode(&format!("`{field}` is empty, longer than 512 characters, or not printable")));
    }
    let life = life.ok_or_else(|| decode("`expires_in` is not a whole number above zero"))?;
    Ok((Secret::new(value), Duration::from_secs(life).min(LONGEST_LIFE)))
}

/// Whether `text` could be a token or refresh token.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= TOKEN_LIMIT && !text.contains(char::is_control)
}

pub(crate) fn decode(message: &str) -> Failure {
    Failure::Decode(message.to_owned())
}

/// A non-negative integer, also as a string of digits: some gateways quote numbers.
pub(crate) fn unsigned(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

pub(crate) fn signed(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(body: &str) -> Result<[u64; 4], String> {
        object(body.as_bytes(), &[])
            .and_then(|object| material_counts(&object))
            .map(|counts| Kind::ALL.map(|kind| counts[kind]))
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn good_answers_in_every_shape() {
        let plain = r#"{"voice_count":5,"video_count":3,"image_count":10,"news_count":7}"#;
        assert_eq!(counts(plain), Ok([5, 3, 10, 7]));
        let quoted = r#" {"errcode":"0","voice_count":"5","video_count":"03","image_count":10,"news_count":7,"base_resp":{"a":[1]}}"#;
        assert_eq!(counts(quoted), Ok([5, 3, 10, 7]));
        assert_eq!(
            counts(r#"{"errcode":0,"voice_count":0,"video_count":0,"image_count":0,"news_count":0}"#),
            Ok([0; 4])
        );
    }

    #[test]
    fn bad_answers_are_never_zero() {
        let with = |voice: &str| {
            format!(r#"{{"voice_count":{voice},"video_count":3,"image_count":10,"news_count":7}}"#)
        };
        for bad in
            ["-1", "1.5", "5.0", "1e2", "\"\"", "\"x\"", "\"-1\"", "null", "[]", "99999999999999999999"]
        {
            assert!(counts(&with(bad)).unwrap_err().starts_with("`voice_count`"), "{bad}");
        }
        assert_eq!(counts("{}").unwrap_err(), "`voice_count` is missing");
        for bad in ["", "[5,3,10,7]", "null", "<html></html>", "{\"voice_count\":5"] {
            assert!(counts(bad).unwrap_err().starts_with("the body"), "{bad}");
        }
        assert_eq!(counts(r#"{"errcode":"abc"}"#).unwrap_err(), "`errcode` is not an integer");
        assert_eq!(
            counts(r#"{"errcode":"45009","errmsg":"reach max"}"#).unwrap_err(),
            "errcode 45009: reach max"
        );
    }

    #[test]
    fn control_characters_within_texts_are_blanks() {
        let body =
            b"{\n\t\"errcode\": 45009,\r\n \"errmsg\": \"reach\x00 \\\"max\x1f\\\\\", \"rid\": \"\n\"}\n";
        let Err(failure) = object(body, &[]) else { panic!("an error") };
        assert_eq!(failure.to_string(), "errcode 45009: reach  \"max \\");
        assert!(object(b"{\"a\": 1\x00}", &[]).is_err(), "outside of texts they are faults");
        assert!(object(b"{\"a\": \"\\\x01\"}", &[]).is_err(), "an escaped one too");
    }

    #[test]
    fn a_token_needs_text_and_life() {
        let read = |body: &str| token(object(body.as_bytes(), &[]).unwrap()).map_err(|f| f.to_string());
        let (value, life) = read(r#"{"access_token":"15_abc","expires_in":7200}"#).unwrap();
        assert_eq!((value.expose(), life), ("15_abc", Duration::from_secs(7_200)));
        assert!(read(r#"{"access_token":"a","expires_in":"60"}"#).is_ok());
        let long = format!(r#"{{"access_token":"{}","expires_in":1}}"#, "x".repeat(513));
        for bad in [
            r#"{"expires_in":7200}"#,
            r#"{"access_token":7,"expires_in":1}"#,
            r#"{"access_token":"","expires_in":1}"#,
            r#"{"access_token":"a\u0000","expires_in":1}"#,
            r#"{"access_token":"a"}"#,
            r#"{"access_token":"a","expires_in":0}"#,
            r#"{"access_token":"a","expires_in":-5}"#,
            &long,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
