//! An account in the hands of third-party platforms. Pure: `now` is an argument.

use serde_json::{Value, json};

use crate::clock::WallTime;
use crate::simulator::Endpoint;
use crate::simulator::account::{AccountState, DataCall};
use crate::simulator::answer::{Answer, Outcome};
use crate::simulator::scenario::SimulatedAuthorizer;
use crate::simulator::token::{Grant, Line, TokenRules};

/// The permission sets of which one is needed for material and drafts.
const MATERIAL_SETS: [u32; 2] = [11, 100];

/// What one platform holds of the account.
#[derive(Debug)]
pub(super) struct Authorization {
    /// The platform's number.
    platform: usize,
    terms: SimulatedAuthorizer,
    tokens: Line,
}

impl Authorization {
    fn new(platform: usize, terms: SimulatedAuthorizer, rules: TokenRules) -> Self {
        Self { platform, terms, tokens: Line::new(rules) }
    }

    pub(super) fn retire_tokens(&mut self) {
        self.tokens.retire_all();
    }

    /// Whether `token` may make the call; nothing when it is not of this platform.
    pub(super) fn admit(&self, now: WallTime, call: DataCall<'_>, token: &str) -> Option<Result<(), i64>> {
        let valid = self.tokens.check(now, token)?;
        let granted = MATERIAL_SETS.iter().any(|set| self.terms.func_info.contains(set));
        Some(match (valid, call) {
            (Err(refusal), _) => Err(refusal.errcode()),
            (Ok(()), DataCall::Material | DataCall::Draft) if !granted => Err(61007),
            (Ok(()), _) => Ok(()),
        })
    }
}

impl AccountState {
    /// Gives the account to `platform`, anew where it was given before.
    pub(in crate::simulator) fn authorize(&mut self, platform: usize, terms: SimulatedAuthorizer) {
        self.deauthorize(platform);
        self.authorizations.push(Authorization::new(platform, terms, self.rules));
    }

    /// Takes the account away from `platform`, with all tokens. Whether it was there.
    pub(in crate::simulator) fn deauthorize(&mut self, platform: usize) -> bool {
        let before = self.authorizations.len();
        self.authorizations.retain(|authorization| authorization.platform != platform);
        self.authorizations.len() < before
    }

    /// Replaces the refresh token; the old one ends at once. Whether `platform` has the account.
    pub(in crate::simulator) fn change_refresh_token(&mut self, platform: usize, token: &str) -> bool {
        let found = self.authorizations.iter_mut().find(|authorization| authorization.platform == platform);
        found.map(|authorization| token.clone_into(&mut authorization.terms.refresh_token)).is_some()
    }

    /// A call of `api_authorizer_token`, the component token checked already.
    pub(in crate::simulator) fn authorizer_token(
        &mut self,
        now: WallTime,
        platform: usize,
        refresh_token: Option<&str>,
    ) -> Outcome {
        let strike = self.ledger.visit(now, Endpoint::AuthorizerToken);
        strike.on(|| self.exchanged(now, platform, refresh_token).unwrap_or_else(Answer::Error).into())
    }

    /// The authorizer token that the platform's owner works with: no call is counted.
    pub(in crate::simulator) fn authorizer_token_of(
        &mut self,
        now: WallTime,
        platform: usize,
    ) -> Option<Grant> {
        let found = self.authorizations.iter_mut().find(|authorization| authorization.platform == platform);
        Some(found?.tokens.current(now, self.tokens.issuer()))
    }

    /// The account's entry in the platform's list.
    pub(in crate::simulator) fn listed(&self, platform: usize) -> Option<Value> {
        let SimulatedAuthorizer { app_id, refresh_token, auth_time, .. } =
            &self.authorization(platform)?.terms;
        Some(json!({
            "authorizer_appid": app_id.as_str(),
            "refresh_token": refresh_token,
            "auth_time": auth_time,
        }))
    }

    /// A call of `api_get_authorizer_info`, the component token checked already. The account's own
    /// faults do not strike it: it is about the account, not of it.
    pub(in crate::simulator) fn authorizer_info(&mut self, platform: usize) -> Answer {
        self.ledger.count(Endpoint::AuthorizerInfo);
        match self.authorization(platform) {
            Some(authorization) => Answer::Json(self.described(&authorization.terms)),
            None => Answer::Error(61003),
        }
    }

    fn authorization(&self, platform: usize) -> Option<&Authorization> {
        self.authorizations.iter().find(|authorization| authorization.platform == platform)
    }

    fn exchanged(
        &mut self,
        now: WallTime,
        platform: usize,
        refresh_token: Option<&str>,
    ) -> Result<Answer, i64> {
        let found = self.authorizations.iter_mut().find(|authorization| authorization.platform == platform);
        let Authorization { terms, tokens, .. } = found.ok_or(61003)?;
        // An empty refresh token means that the platform's owner never exchanged the code for one.
        if terms.refresh_token.is_empty() || refresh_token != Some(&terms.refresh_token) {
            return Err(61023);
        }
        let Grant { token, expires_in_seconds } = tokens.renew(now, self.tokens.issuer());
        Ok(Answer::Json(json!({
            "authorizer_access_token": token,
            "expires_in": expires_in_seconds,
            "authorizer_refresh_token": terms.refresh_token,
        })))
    }

    fn described(&self, terms: &SimulatedAuthorizer) -> Value {
        let mut info = json!({
            "nick_name": self.account.display_name,
            "head_img": "",
            "service_type_info": {"id": if terms.mini_program { 0 } else { 2 }},
            "verify_type_info": {"id": 0},
            "user_name": format!("gh_{:012x}", self.ledger.salt() >> 16),
            "alias": "",
            "principal_name": self.account.display_name,
            "account_status": 1,
        });
        if terms.mini_program {
            info["MiniProgramInfo"] = json!({"network": {"RequestDomain": []}, "visit_status": 0});
        }
        let sets = terms.func_info.iter().map(|id| json!({"funcscope_category": {"id": id}}));
        json!({
            "authorizer_info": info,
            "authorization_info": {
                "authorizer_appid": terms.app_id.as_str(),
                "authorizer_refresh_token": terms.refresh_token,
                "func_info": sets.collect::<Vec<_>>(),
            },
        })
    }
}
