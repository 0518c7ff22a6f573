//! The part of the fuzz target `answers` that reads the answers of component calls.

use serde_json::{Map, Value};

use super::answer::{Grant, Profile, grant, list_page, profile};
use crate::config::AppId;
use crate::fuzzing::CANARY;
use crate::wechat::answer::is_token;
use crate::wechat::fuzzing::{Written, check_failure, check_token};

/// Reads `answer` as every answer of a component call.
pub(crate) fn component_answers(answer: &Map<String, Value>, written: &Written) {
    match list_page(&mut answer.clone()) {
        Ok(page) => {
            assert!(!format!("{page:?}").contains(CANARY));
            written.assert_holds(page.total);
            for (app_id, listed) in &page.listed {
                assert!(AppId::parse(app_id.as_str()).is_some());
                assert!(listed.refresh_token.as_ref().is_none_or(|token| is_token(token.expose())));
                if listed.auth_time > 0 {
                    written.assert_holds(listed.auth_time);
                }
            }
        }
        Err(failure) => check_failure(failure),
    }
    match grant(&mut answer.clone()) {
        Ok(granted) => {
            assert!(!format!("{granted:?}").contains(CANARY));
            let Grant { token, life, refresh_token } = granted;
            check_token(&token, life, written);
            assert!(refresh_token.is_none_or(|token| is_token(token.expose())));
        }
        Err(failure) => check_failure(failure),
    }
    if let Profile::Official { nickname } = profile(answer) {
        assert!(nickname.len() <= 200);
        let told = answer.get("authorizer_info").and_then(|about| about.get("nick_name")?.as_str());
        assert!(told.unwrap_or_default().starts_with(&*nickname));
    }
}
