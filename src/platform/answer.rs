//! Reads the answers of component calls: as leniently as data answers, numbers also as strings of
//! digits, unknown fields ignored.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::AppId;
use crate::secret::Secret;
use crate::wechat::answer::{decode, is_token, token_in, unsigned};
use crate::wechat::error::Failure;

/// The permission sets that allow `get_materialcount`: 素材管理, and one that its page names beside.
const MATERIAL_SETS: [u64; 2] = [11, 100];
/// Longest nickname kept, in bytes: as long as `display_name` may be.
const NAME_LIMIT: usize = 200;
/// More authorizers than any platform has: a total above it is a defect, not a list to page through.
const MOST_AUTHORIZERS: u64 = 10_000_000;

/// One page of `api_get_authorizer_list`.
#[derive(Debug)]
pub(super) struct ListPage {
    /// Authorizers over all pages.
    pub(super) total: u64,
    /// Whether nothing at all is on this page.
    pub(super) is_empty: bool,
    /// Those of this page.
    pub(super) listed: Vec<(AppId, Listed)>,
}

/// What the list says of one authorizer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// When it was authorised last, in Unix seconds; 0 when the list does not say.
    pub(super) auth_time: u64,
    /// None if the authorisation was never completed.
    pub(super) refresh_token: Option<Secret>,
}

/// What `api_get_authorizer_info` says of one authorizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A mini program.
    MiniProgram,
    /// An account that did not grant access to its material.
    NotPermitted,
    /// An account about which WeChat says nothing, for the account's own sake: it is frozen, say.
    Unavailable,
    /// An account that may be polled.
    Official {
        /// Its nickname, of at most 200 bytes.
        nickname: Box<str>,
    },
}

impl Profile {
    /// An account that may be polled; a longer nickname is cut.
    pub(crate) fn official(nickname: &str) -> Self {
        Self::Official { nickname: shortened(nickname).into() }
    }
}

/// A grant of `api_authorizer_token`.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) token: Secret,
    pub(super) life: Duration,
    /// The documentation promises one with each grant; a missing one does not spoil the token.
    pub(super) refresh_token: Option<Secret>,
}

/// Reads one page of the list. Entries that cannot be accounts are left out.
pub(super) fn list_page(answer: &mut Map<String, Value>) -> Result<ListPage, Failure> {
    let total = answer.get("total_count").and_then(unsigned);
    let total = total.filter(|&total| total <= MOST_AUTHORIZERS);
    let total = total.ok_or_else(|| decode("`total_count` is missing or not a sensible number"))?;
    let entries = match answer.get_mut("list").map(Value::take) {
        Some(Value::Array(entries)) => entries,
        None | Some(Value::Null) if total == 0 => Vec::new(),
        _ => return Err(decode("`list` is missing or not a list")),
    };
    let is_empty = entries.is_empty();
    let listed = entries.into_iter().filter_map(|entry| {
        let Value::Object(mut entry) = entry else { return None };
        let app_id = AppId::parse(entry.get("authorizer_appid")?.as_str()?)?;
        let auth_time = entry.get("auth_time").and_then(unsigned).unwrap_or(0);
        Some((app_id, Listed { auth_time, refresh_token: refresh_token(&mut entry, "refresh_token") }))
    });
    Ok(ListPage { total, is_empty, listed: listed.collect() })
}

/// Reads an authorizer's profile. What is missing in it permits nothing.
pub(super) fn profile(answer: &Map<String, Value>) -> Profile {
    let about = answer.get("authorizer_info");
    let field = |name: &str| about.and_then(|about| about.get(name)).filter(|value| !value.is_null());
    if field("MiniProgramInfo").is_some() {
        return Profile::MiniProgram;
    }
    let sets = answer.get("authorization_info").and_then(|about| about.get("func_info"));
    let mut sets = sets.and_then(Value::as_array).into_iter().flatten();
    let id = |set: &Value| unsigned(set.get("funcscope_category")?.get("id")?);
    if !sets.any(|set| id(set).is_some_and(|id| MATERIAL_SETS.contains(&id))) {
        return Profile::NotPermitted;
    }
    Profile::official(field("nick_name").and_then(Value::as_str).unwrap_or_default())
}

/// Reads the answer of `api_authorizer_token`.
pub(super) fn grant(answer: &mut Map<String, Value>) -> Result<Grant, Failure> {
    let refresh_token = refresh_token(answer, "authorizer_refresh_token");
    let (token, life) = token_in(answer, "authorizer_access_token")?;
    Ok(Grant { token, life, refresh_token })
}

fn refresh_token(object: &mut Map<String, Value>, field: &str) -> Option<Secret> {
    match object.remove(field) {
        Some(Value::String(text)) if is_token(&text) => Some(Secret::new(text)),
        _ => None,
    }
}

fn shortened(name: &str) -> &str {
    let end = (0..=name.len().min(NAME_LIMIT)).rev().find(|&end| name.is_char_boundary(end));
    end.and_then(|end| name.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn page(answer: Value) -> Result<ListPage, Failure> {
        let Value::Object(mut answer) = answer else { panic!("not an object") };
        list_page(&mut answer)
    }

    #[test]
    fn a_page_is_read_in_every_shape() {
        let read = page(json!({"total_count": "3", "new": 1, "list": [
            {"authorizer_appid": "wx00000000000000aa", "refresh_token": "refreshtoken@@@a", "auth_time": "7"},
            {"authorizer_appid": "wx00000000000000bb", "refresh_token": "", "auth_time": 8},
            {"authorizer_appid": "wx00000000000000cc"},
            {"authorizer_appid": "no app id"}, 5, {},
        ]}))
        .unwrap();
        let told: Vec<_> = read
            .listed
            .iter()
            .map(|(app_id, listed)| {
                (app_id.as_str(), listed.auth_time, listed.refresh_token.as_ref().map(Secret::expose))
            })
            .collect();
        assert_eq!(read.total, 3);
        let expected = [
            ("wx00000000000000aa", 7, Some("refreshtoken@@@a")),
            ("wx00000000000000bb", 8, None),
            ("wx00000000000000cc", 0, None),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_page_without_a_list_is_not_an_empty_platform() {
        assert!(page(json!({"total_count": 0})).unwrap().listed.is_empty());
        for bad in [
            json!({}),
            json!({"list": []}),
            json!({"total_count": 2}),
            json!({"total_count": -1, "list": []}),
        ] {
            assert!(page(bad.clone()).is_err(), "{bad}");
        }
    }

    fn read_profile(info: &Value, sets: &Value) -> Profile {
        let answer = json!({"authorizer_info": info, "authorization_info": {"func_info": sets}});
        profile(answer.as_object().unwrap())
    }

    #[test]
    fn permission_and_kind_are_told() {
        let set = |id: Value| json!({"funcscope_category": {"id": id}});
        let official = Profile::Official { nickname: "品牌".into() };
        let info = json!({"nick_name": "品牌"});
        assert_eq!(read_profile(&info, &json!([set(json!(1)), set(json!(11))])), official);
        assert_eq!(read_profile(&info, &json!([set(json!("100"))])), official);
        assert_eq!(read_profile(&info, &json!([set(json!(1)), {}, 7])), Profile::NotPermitted);
        assert_eq!(read_profile(&info, &Value::Null), Profile::NotPermitted);
        let mini = json!({"nick_name": "x", "MiniProgramInfo": {}});
        assert_eq!(read_profile(&mini, &json!([set(json!(11))])), Profile::MiniProgram);
        assert_eq!(profile(&Map::new()), Profile::NotPermitted);
    }

    #[test]
    fn a_grant_keeps_its_token_without_a_refresh_token() {
        let read = |answer: Value| grant(&mut answer.as_object().unwrap().clone());
        let whole =
            json!({"authorizer_access_token": "t", "expires_in": 7200, "authorizer_refresh_token": "r"});
        let got = read(whole).unwrap();
        assert_eq!((got.token.expose(), got.refresh_token.unwrap().expose()), ("t", "r"));
        assert!(
            read(json!({"authorizer_access_token": "t", "expires_in": 1})).unwrap().refresh_token.is_none()
        );
        assert!(read(json!({"authorizer_access_token": "", "expires_in": 1})).is_err());
        assert!(read(json!({"expires_in": 1, "authorizer_refresh_token": "r"})).is_err());
    }

    proptest! {
        #[test]
        fn a_nickname_is_cut_between_characters(name in "\\PC{0,300}") {
            let kept = shortened(&name);
            prop_assert!(kept.len() <= NAME_LIMIT && name.starts_with(kept));
            prop_assert!(kept.len() == name.len() || kept.len() > NAME_LIMIT - 4);
        }
    }
}
