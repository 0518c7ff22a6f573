//! The component token: read where its owner keeps it, or fetched from the verify ticket. There is
//! no "stable" one: each fetch retires the token that others hold, so there are as few as can be.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::call::Caller;
use super::gate::Pass;
use super::turns::Turns;
use crate::config::platform::ComponentToken;
use crate::config::token::{Ids, ReadOnlySource};
use crate::secret::{Secret, SecretError, SecretSource};
use crate::wechat::answer;
use crate::wechat::api::Api;
use crate::wechat::class::ErrorClass;
use crate::wechat::client::Request;
use crate::wechat::error::{ApiError, Failure, Step};

const API: Api = Api::ComponentToken;
/// The page of `api_component_token` asks for a renewal 10 min before the end; later is safe too,
/// the old token working for 5 min beside the new one.
const RENEW_BELOW: Duration = Duration::from_secs(300);
/// Least time between two fetches for age.
const FETCH_FLOOR: Duration = Duration::from_secs(60);
/// Least time between two fetches after a rejection.
const REJECTION_FLOOR: Duration = Duration::from_secs(300);
/// Where failures of the ticket's source are said to come from.
const TICKET: &str = "verify_ticket";

/// The component token of one platform, if any is held.
#[derive(Debug, Default)]
pub(super) struct Component {
    state: Mutex<TokenState>,
    fetching: Turns,
}

#[derive(Debug, Default)]
struct TokenState {
    held: Option<Held>,
    tried_at: Option<Instant>,
    replaced_at: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    value: Secret,
    /// The expiry of a fetched token; of one that was read, when it is read again.
    until: Instant,
}

/// What a call does about the token.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    /// Use the held one.
    Nothing(Secret),
    /// Fetch, but go on with the held one if that fails.
    Renewal(Secret),
    /// Fetch; without a token there is no call.
    Token,
}

impl TokenState {
    /// For tokens that are fetched here.
    fn need(&self, now: Instant) -> Need {
        let Some(held) = &self.held else { return Need::Token };
        let remains = held.until.saturating_duration_since(now);
        if remains > RENEW_BELOW || self.tried_at.is_some_and(|tried| now - tried < FETCH_FLOOR) {
            Need::Nothing(held.value.clone())
        } else if remains > Duration::ZERO {
            Need::Renewal(held.value.clone())
        } else {
            Need::Token
        }
    }

    /// The held token, if it is another one than `rejected`.
    fn other(&self, rejected: &Secret) -> Option<Secret> {
        self.held.as_ref().map(|held| &held.value).filter(|value| *value != rejected).cloned()
    }

    fn may_replace(&self, now: Instant) -> bool {
        self.replaced_at.is_none_or(|replaced| now - replaced >= REJECTION_FLOOR)
    }
}

impl Component {
    /// The token for the call that `pass` allows. A failure is the platform's.
    pub(super) async fn hold(&self, caller: &Caller, pass: &mut Pass<'_>) -> Result<Secret, ApiError> {
        match &caller.platform.component_token {
            ComponentToken::ReadOnly(source) => match self.read_before(Instant::now()) {
                Some(held) => Ok(held),
                None => self.read(caller, source).await.map_err(|error| caller.failed(pass, error)),
            },
            ComponentToken::VerifyTicket { component_app_secret, ticket } => {
                let fetch = Fetch { caller, component_app_secret, ticket };
                self.fetched(fetch, pass).await
            }
        }
    }

    /// After `rejected` was refused: another token, if there is one. Fetches at most once in 5
    /// minutes; what is only read is read each time.
    pub(super) async fn replace(
        &self,
        caller: &Caller,
        rejected: &Secret,
        pass: &mut Pass<'_>,
    ) -> Result<Option<Secret>, ApiError> {
        match &caller.platform.component_token {
            ComponentToken::ReadOnly(source) => {
                let read = self.read(caller, source).await.map_err(|error| caller.failed(pass, error))?;
                Ok(Some(read).filter(|read| read != rejected))
            }
            ComponentToken::VerifyTicket { component_app_secret, ticket } => {
                let fetch = Fetch { caller, component_app_secret, ticket };
                self.refetched(fetch, rejected, pass).await
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, TokenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The held token, if it need not be read again yet.
    fn read_before(&self, now: Instant) -> Option<Secret> {
        self.state().held.as_ref().filter(|held| now < held.until).map(|held| held.value.clone())
    }

    async fn read(&self, caller: &Caller, source: &ReadOnlySource) -> Result<Secret, ApiError> {
        let read = caller.reader.read(source, caller.ids()).await;
        let read = read.map_err(|failure| ApiError { step: Step::Source(source.label()), failure })?;
        let until = read.good_until.unwrap_or_else(Instant::now);
        self.state().held = Some(Held { value: read.value.clone(), until });
        Ok(read.value)
    }

    async fn fetched(&self, fetch: Fetch<'_>, pass: &mut Pass<'_>) -> Result<Secret, ApiError> {
        loop {
            if let Need::Nothing(held) = self.need() {
                return Ok(held);
            }
            pass.check(API)?;
            let Some(_turn) = self.fetching.take().await else { continue };
            // Between the look and the turn, another one's turn may have passed.
            return match self.need() {
                Need::Nothing(held) => Ok(held),
                Need::Token => {
                    pass.check(API)?;
                    self.fetch(fetch).await.map_err(|error| fetch.caller.failed(pass, error))
                }
                Need::Renewal(held) => Ok(self.fetch(fetch).await.unwrap_or_else(|error| {
                    let platform = &fetch.caller.platform.name;
                    tracing::debug!(%platform, %error, "component token not renewed, the held one is still valid");
                    held
                })),
            };
        }
    }

    async fn refetched(
        &self,
        fetch: Fetch<'_>,
        rejected: &Secret,
        pass: &mut Pass<'_>,
    ) -> Result<Option<Secret>, ApiError> {
        loop {
            if let Some(other) = self.state().other(rejected) {
                return Ok(Some(other));
            }
            pass.check(API)?;
            let Some(_turn) = self.fetching.take().await else { continue };
            pass.check(API)?;
            {
                let (mut state, now) = (self.state(), Instant::now());
                if let Some(other) = state.other(rejected) {
                    return Ok(Some(other));
                }
                if !state.may_replace(now) {
                    return Ok(None);
                }
                state.replaced_at = Some(now);
                state.held = None;
            }
            let fetched = self.fetch(fetch).await.map_err(|error| fetch.caller.failed(pass, error))?;
            return Ok(Some(fetched).filter(|fetched| fetched != rejected));
        }
    }

    fn need(&self) -> Need {
        self.state().need(Instant::now())
    }

    async fn fetch(&self, fetch: Fetch<'_>) -> Result<Secret, ApiError> {
        self.state().tried_at = Some(Instant::now());
        let (value, life) = fetch.send().await?;
        let until = Instant::now() + life;
        self.state().held = Some(Held { value: value.clone(), until });
        Ok(value)
    }
}

/// What a fetch needs.
#[derive(Clone, Copy, Debug)]
struct Fetch<'a> {
    caller: &'a Caller,
    component_app_secret: &'a SecretSource,
    ticket: &'a ReadOnlySource,
}

impl Fetch<'_> {
    async fn send(self) -> Result<(Secret, Duration), ApiError> {
        let Self { caller, component_app_secret, ticket } = self;
        let unread = |error: SecretError| ApiError { step: Step::Call(API), failure: error.into() };
        let secret = component_app_secret.read().await.map_err(unread)?;
        let ticket = caller.reader.read(ticket, caller.ids()).await.map_err(no_ticket)?.value;
        let body = json!({
            "component_appid": caller.platform.component_app_id.as_str(),
            "component_appsecret": secret.expose(),
            "component_verify_ticket": ticket.expose(),
        });
        let request = Request {
            endpoint: &caller.platform.endpoint,
            api: API,
            query: &[],
            body: Some(&body),
            secrets: &[&secret, &ticket],
        };
        let read = |mut answer| answer::token_in(&mut answer, "component_access_token");
        caller.client.call(request, read).await
    }
}

/// A source that answers but holds no ticket is waited for like a ticket that has expired; one
/// that does not answer is what its own class says.
fn no_ticket(failure: Failure) -> ApiError {
    let failure = match failure {
        Failure::Source { class: class @ (ErrorClass::Network | ErrorClass::Busy), code, text } => {
            Failure::Source { class, code, text }
        }
        failure => Failure::Source {
            class: ErrorClass::Ticket,
            code: None,
            text: format!("no ticket in its source: {failure}"),
        },
    };
    ApiError { step: Step::Source(TICKET), failure }
}

impl Caller {
    /// The ids that the platform's own sources are read with.
    fn ids(&self) -> Ids<'_> {
        Ids { app_id: "", component_app_id: self.platform.component_app_id.as_str() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(remains: u64, tried_ago: u64, now: Instant) -> TokenState {
        let until = now + Duration::from_secs(remains);
        TokenState {
            held: Some(Held { value: Secret::new("t".into()), until }),
            tried_at: Some(now - Duration::from_secs(tried_ago)),
            replaced_at: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_fetched_late_and_rarely() {
        let now = Instant::now() + Duration::from_secs(10_000);
        let token = || Secret::new("t".into());
        assert_eq!(TokenState::default().need(now), Need::Token);
        assert_eq!(held(301, 6_899, now).need(now), Need::Nothing(token()));
        assert_eq!(held(300, 6_900, now).need(now), Need::Renewal(token()));
        assert_eq!(held(300, 59, now).need(now), Need::Nothing(token()), "the floor of 60 s");
        assert_eq!(held(0, 7_200, now).need(now), Need::Token);
    }

    #[test]
    fn a_source_without_a_ticket_is_waited_for_like_an_expired_one() {
        let source = |class| Failure::Source { class, code: None, text: "`/run/ticket` is empty".to_owned() };
        let class = |failure| {
            let error = no_ticket(failure);
            (error.class(), error.to_string())
        };
        let (told, text) = class(source(ErrorClass::Secret));
        assert_eq!(told, ErrorClass::Ticket);
        assert_eq!(text, "verify_ticket: no ticket in its source: `/run/ticket` is empty");
        assert_eq!(class(source(ErrorClass::Network)).0, ErrorClass::Network);
    }
}
