//! Refresh tokens of a platform's authorizers: which one to use of those that are known. Pure.
//! They are never written anywhere.

use std::collections::HashMap;

use tokio::time::Instant;

use super::answer::Listed;
use crate::config::AppId;
use crate::secret::Secret;
use crate::store::Failing;
use crate::token::kept::Unheard;

/// The platform's list as far as tokens go.
pub(super) type List = HashMap<AppId, Listed>;

/// All refresh tokens that are known, by app id.
#[derive(Debug, Default)]
pub(super) struct RefreshTokens(HashMap<AppId, Known>);

#[derive(Debug, Default)]
struct Known {
    /// When the account was authorised last, as the list said last.
    auth_time: Option<u64>,
    /// From the list.
    listed: Option<Secret>,
    /// From the last grant: newer than any other, until the account is authorised anew.
    returned: Option<Secret>,
    /// The last one that was refused.
    refused: Option<Secret>,
    /// The last grant, if no answer came.
    unheard: Option<Unheard>,
}

impl RefreshTokens {
    /// The one to use: the returned one, then `configured`, then the listed one; one that was
    /// refused only if there is no other.
    pub(super) fn choose(&self, app_id: &AppId, configured: Option<&Secret>) -> Option<Secret> {
        let known = self.0.get(app_id);
        let returned = known.and_then(|known| known.returned.as_ref());
        let listed = known.and_then(|known| known.listed.as_ref());
        let refused = known.and_then(|known| known.refused.as_ref());
        let mut tokens = [returned, configured, listed].into_iter().flatten();
        let first = tokens.clone().next();
        tokens.find(|token| Some(*token) != refused).or(first).cloned()
    }

    /// A grant failed.
    pub(super) fn failed(&mut self, app_id: &AppId, unheard: Option<Unheard>) {
        self.0.entry(app_id.clone()).or_default().unheard = unheard;
    }

    /// How the last grant failed, while it is too soon for another one.
    pub(super) fn forbids(&self, app_id: &AppId, now: Instant) -> Option<Failing> {
        self.0.get(app_id)?.unheard.as_ref()?.forbids(now).cloned()
    }

    /// A grant brought `token`.
    pub(super) fn keep(&mut self, app_id: &AppId, token: Secret) {
        self.0.entry(app_id.clone()).or_default().returned = Some(token);
    }

    /// `token` was refused.
    pub(super) fn refuse(&mut self, app_id: &AppId, token: &Secret) {
        self.0.entry(app_id.clone()).or_default().refused = Some(token.clone());
    }

    /// Takes over what the whole list says.
    pub(super) fn take_list(&mut self, list: &List) {
        self.0.retain(|app_id, known| {
            let is_listed = list.contains_key(app_id);
            if !is_listed {
                known.listed = None;
            }
            is_listed || known.returned.is_some() || known.unheard.is_some()
        });
        for (app_id, listed) in list {
            let known = self.0.entry(app_id.clone()).or_default();
            // A new authorisation retires all refresh tokens before it.
            if known.auth_time.is_some_and(|before| before < listed.auth_time) {
                (known.returned, known.refused) = (None, None);
            }
            known.auth_time = Some(listed.auth_time);
            known.listed.clone_from(&listed.refresh_token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> AppId {
        AppId::parse("wx00000000000000aa").unwrap()
    }

    fn secret(value: &str) -> Secret {
        Secret::new(value.into())
    }

    fn list(auth_time: u64, token: &str) -> List {
        List::from([(id(), Listed { auth_time, refresh_token: Some(secret(token)) })])
    }

    fn chosen(tokens: &RefreshTokens, configured: Option<&str>) -> Option<String> {
        let configured = configured.map(secret);
        tokens.choose(&id(), configured.as_ref()).map(|token| token.expose().to_owned())
    }

    #[test]
    fn the_newest_token_wins_and_a_refused_one_gives_way() {
        let mut tokens = RefreshTokens::default();
        assert_eq!(chosen(&tokens, None), None);
        assert_eq!(chosen(&tokens, Some("configured")).as_deref(), Some("configured"));
        tokens.take_list(&list(1, "listed"));
        assert_eq!(chosen(&tokens, None).as_deref(), Some("listed"));
        assert_eq!(chosen(&tokens, Some("configured")).as_deref(), Some("configured"));
        tokens.refuse(&id(), &secret("configured"));
        assert_eq!(chosen(&tokens, Some("configured")).as_deref(), Some("listed"));
        tokens.keep(&id(), secret("returned"));
        tokens.take_list(&list(1, "listed"));
        assert_eq!(chosen(&tokens, Some("configured")).as_deref(), Some("returned"));
        tokens.refuse(&id(), &secret("returned"));
        assert_eq!(chosen(&tokens, None).as_deref(), Some("listed"));
    }

    #[test]
    fn a_new_authorisation_retires_what_was_returned_before() {
        let mut tokens = RefreshTokens::default();
        tokens.take_list(&list(1, "old"));
        tokens.keep(&id(), secret("returned"));
        tokens.take_list(&list(2, "new"));
        assert_eq!(chosen(&tokens, None).as_deref(), Some("new"));
    }

    #[test]
    fn the_first_list_is_not_a_new_authorisation() {
        let mut tokens = RefreshTokens::default();
        tokens.refuse(&id(), &secret("configured"));
        tokens.take_list(&list(1, "listed"));
        assert_eq!(chosen(&tokens, Some("configured")).as_deref(), Some("listed"));
        let mut tokens = RefreshTokens::default();
        tokens.keep(&id(), secret("returned"));
        tokens.take_list(&list(1, "listed"));
        assert_eq!(chosen(&tokens, None).as_deref(), Some("returned"));
    }

    #[test]
    fn the_only_token_is_tried_again_after_a_refusal() {
        let mut tokens = RefreshTokens::default();
        tokens.take_list(&list(1, "only"));
        tokens.refuse(&id(), &secret("only"));
        assert_eq!(chosen(&tokens, None).as_deref(), Some("only"));
        tokens.take_list(&List::new());
        assert_eq!(chosen(&tokens, None), None);
    }
}
