//! The body of the fuzz target `answers`: any bytes as the answer of any call.

use std::time::Duration;

use serde_json::{Map, Value};

use super::answer::{is_token, material_counts, object, token};
use super::api::Api;
use super::collect::{draft_count, quota};
use super::error::{ApiError, Failure, Step};
use crate::config::Kind;
use crate::fuzzing::CANARY;
use crate::platform::fuzzing::component_answers;
use crate::secret::Secret;

/// Reads `body` as every answer there is. No number is made up, what is called a token could be
/// one, and no failure shows a secret that was sent or a token that came.
pub fn answers(body: &[u8]) {
    let answer = match object(body, &[&Secret::new(CANARY.to_owned())]) {
        Ok(answer) => answer,
        Err(failure) => return check_failure(failure),
    };
    let written = Written::new(body);
    check_material(&answer, &written);
    match draft_count(&answer) {
        Ok(drafts) => written.assert_holds(drafts),
        Err(failure) => check_failure(failure),
    }
    match quota(Api::MaterialCount, &answer) {
        Ok(quota) => {
            written.assert_holds(quota.used);
            if let Some(limit) = quota.limit {
                assert_ne!(limit.calls, 0);
                written.assert_holds(limit.calls);
                written.assert_holds(limit.remaining);
            }
        }
        Err(failure) => check_failure(failure),
    }
    match token(answer.clone()) {
        Ok((token, life)) => check_token(&token, life, &written),
        Err(failure) => check_failure(failure),
    }
    component_answers(&answer, &written);
}

fn check_material(answer: &Map<String, Value>, written: &Written) {
    let counts = match material_counts(answer) {
        Ok(counts) => counts,
        Err(failure) => return check_failure(failure),
    };
    for kind in Kind::ALL {
        written.assert_holds(counts[kind]);
        let field = answer.get(&format!("{}_count", kind.label())).map(Value::to_string);
        let digits = field.as_deref().map(|text| without_zeros(text.trim_matches('"')));
        assert_eq!(digits, Some(counts[kind].to_string().as_str()), "{}", kind.label());
    }
}

/// What was read as a token that lives for `life`.
pub(crate) fn check_token(token: &Secret, life: Duration, written: &Written) {
    assert!(is_token(token.expose()));
    let day = Duration::from_secs(86_400);
    assert!(!life.is_zero() && life <= day, "{life:?}");
    if life < day {
        written.assert_holds(life.as_secs());
    }
}

/// What is shown of a failure, whichever call it was.
pub(crate) fn check_failure(failure: Failure) {
    let text = failure.to_string();
    assert!(!text.contains(CANARY) && !format!("{failure:?}").contains(CANARY), "{text}");
    assert!(!text.contains(char::is_control) && text.chars().count() < 400, "{text:?}");
    assert!(matches!(failure, Failure::Decode(_) | Failure::Api { .. }), "{failure:?}");
    let mut error = ApiError { step: Step::Platform, failure };
    for api in Api::ALL {
        error.step = Step::Call(api);
        let failing = error.failing();
        assert_ne!(failing.errcode.map(|code| code.0), Some(0));
        assert_eq!(failing.errcode.is_none(), matches!(error.failure, Failure::Decode(_)));
        assert_eq!(failing.source, None);
    }
}

/// The numbers that stand in an answer.
pub(crate) struct Written {
    /// Digits without leading zeros; none if there may be more of them, written as escapes.
    numbers: Option<Vec<String>>,
}

impl Written {
    fn new(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let runs = text.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty());
        let numbers = runs.map(|run| without_zeros(run).to_owned());
        Self { numbers: (!text.contains("\\u")).then(|| numbers.collect()) }
    }

    /// Panics if `number` was made up.
    pub(crate) fn assert_holds(&self, number: u64) {
        let digits = number.to_string();
        assert!(self.numbers.as_ref().is_none_or(|numbers| numbers.contains(&digits)), "{number}");
    }
}

fn without_zeros(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::answers;

    #[test]
    fn any_answer_is_read_without_guessing_and_without_showing_secrets() {
        crate::fuzzing::check("answers", answers);
    }
}
