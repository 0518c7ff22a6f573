//! The token of one account: when it is fetched, when it is kept. Fetches are few on purpose:
//! each one is a call against a quota, and a loop of them has broken many an account.

pub mod cloud;
pub mod read;

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::config::{Account, TokenSource};
use crate::secret::{Secret, SecretError};
use crate::upstream::Upstream;
use crate::wechat::answer;
use crate::wechat::api::Api;
use crate::wechat::client::Request;
use crate::wechat::error::{ApiError, Step};

/// A stable token is renewed when so little of its life remains: from then on the platform hands
/// out the next one while the old one still works (page of `getStableAccessToken`).
const RENEW_BELOW: Duration = Duration::from_secs(300);
/// Least time between two fetches for age.
const FETCH_FLOOR: Duration = Duration::from_secs(60);
/// Lives are 7,200 s; a much larger one is a gateway's defect and must not pin a dead token.
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
/// Least time between two fetches after a rejection.
const REJECTION_FLOOR: Duration = Duration::from_secs(300);

/// What an account holds of its token. Moves with the poll that uses it.
#[derive(Debug, Default)]
pub struct TokenState {
    held: Option<Held>,
    tried_at: Option<Instant>,
    replaced_at: Option<Instant>,
    /// Tokens fetched since the last [`TokenState::take_refreshes`].
    refreshes: u64,
}

#[derive(Debug)]
struct Held {
    value: Secret,
    expires_at: Instant,
}

/// What a poll does about its token.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    /// Use the held one.
    Nothing(Secret),
    /// Fetch, but go on with the held one if that fails.
    Renewal(Secret),
    /// Fetch; without a token there is no poll.
    Token,
}

impl TokenState {
    fn need(&self, now: Instant) -> Need {
        let Some(held) = &self.held else { return Need::Token };
        let remains = held.expires_at.saturating_duration_since(now);
        if remains > RENEW_BELOW || self.tried_at.is_some_and(|tried| now - tried < FETCH_FLOOR) {
            Need::Nothing(held.value.clone())
        } else if remains > Duration::ZERO {
            Need::Renewal(held.value.clone())
        } else {
            Need::Token
        }
    }

    /// Tokens fetched since this was last asked.
    pub fn take_refreshes(&mut self) -> u64 {
        std::mem::take(&mut self.refreshes)
    }

    /// The token to poll with, fetched if needed.
    pub(crate) async fn hold(&mut self, upstream: &Upstream, account: &Account) -> Result<Secret, ApiError> {
        match self.need(Instant::now()) {
            Need::Nothing(held) => Ok(held),
            Need::Token => self.fetch(upstream, account).await,
            Need::Renewal(held) => Ok(self.fetch(upstream, account).await.unwrap_or_else(|error| {
                tracing::debug!(account = %account.name, %error, "token not renewed, the held one is still valid");
                held
            })),
        }
    }

    /// After `rejected` was refused on a data call: another token, if there is one. Fetches at
    /// most once in 5 minutes, so that two programs that fight over a token cost few calls.
    pub(crate) async fn replace(
        &mut self,
        upstream: &Upstream,
        account: &Account,
        rejected: &Secret,
    ) -> Result<Option<Secret>, ApiError> {
        let now = Instant::now();
        if self.replaced_at.is_some_and(|replaced| now - replaced < REJECTION_FLOOR) {
            return Ok(None);
        }
        self.replaced_at = Some(now);
        self.held = None;
        let fetched = self.fetch(upstream, account).await?;
        Ok(Some(fetched).filter(|value| value != rejected))
    }

    async fn fetch(&mut self, upstream: &Upstream, account: &Account) -> Result<Secret, ApiError> {
        self.tried_at = Some(Instant::now());
        let TokenSource::StableToken { app_secret } = &account.token else {
            return Err(ApiError { step: Step::Call(Api::StableToken), failure: answer::decode("not yet") });
        };
        let step = Step::Call(Api::StableToken);
        let unread = |error: SecretError| ApiError { step, failure: error.into() };
        let secret = app_secret.read().await.map_err(unread)?;
        let body = json!({
            "grant_type": "client_credential",
            "appid": account.app_id.as_str(),
            "secret": secret.expose(),
        });
        let request = Request {
            endpoint: &account.endpoint,
            api: Api::StableToken,
            query: &[],
            body: Some(&body),
            secrets: &[&secret],
        };
        let (value, life) = upstream.client.call(request, answer::token).await?;
        self.refreshes += 1;
        let expires_at = Instant::now() + life.min(LONGEST_LIFE);
        self.held = Some(Held { value: value.clone(), expires_at });
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(remains: u64, tried_ago: Option<u64>, now: Instant) -> TokenState {
        let value = Secret::new("t".into());
        TokenState {
            held: Some(Held { value, expires_at: now + Duration::from_secs(remains) }),
            tried_at: tried_ago.map(|ago| now - Duration::from_secs(ago)),
            ..TokenState::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_fetched_late_and_rarely() {
        let now = Instant::now() + Duration::from_secs(10_000);
        let held = || Secret::new("t".into());
        assert_eq!(TokenState::default().need(now), Need::Token);
        assert_eq!(state(7_200, Some(0), now).need(now), Need::Nothing(held()));
        assert_eq!(state(301, Some(9_000), now).need(now), Need::Nothing(held()));
        assert_eq!(state(300, Some(6_900), now).need(now), Need::Renewal(held()));
        assert_eq!(state(300, Some(59), now).need(now), Need::Nothing(held()), "the floor of 60 s");
        assert_eq!(state(300, Some(60), now).need(now), Need::Renewal(held()));
        assert_eq!(state(0, Some(7_200), now).need(now), Need::Token);
        assert_eq!(state(0, Some(59), now).need(now), Need::Nothing(held()), "a token born with no life");
    }
}
