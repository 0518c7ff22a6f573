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
use crate::token::kept::{Kept, Need, Until};
use crate::wechat::answer;
use crate::wechat::api::Api;
use crate::wechat::class::ErrorClass;
use crate::wechat::client::Request;
use crate::wechat::error::{ApiError, Failure, Step};

const API: Api = Api::ComponentToken;
/// Where failures of the ticket's source are said to come from.
const TICKET: &str = "verify_ticket";

/// The component token of one platform, if any is held.
#[derive(Debug, Default)]
pub(super) struct Component {
    kept: Mutex<Kept>,
    fetching: Turns,
}

impl Component {
    /// The token for the call that `pass` allows. A failure is the platform's.
    pub(super) async fn hold(&self, caller: &Caller, pass: &mut Pass<'_>) -> Result<Secret, ApiError> {
        match &caller.platform.component_token {
            ComponentToken::ReadOnly(source) => match self.need() {
                Need::Nothing(held) => Ok(held),
                Need::Renewal(_) | Need::Token | Need::Patience(_) => {
                    self.read(caller, source, None).await.map_err(|error| caller.failed(pass, error))
                }
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
                let read = self.read(caller, source, Some(rejected)).await;
                let read = read.map_err(|error| caller.failed(pass, error))?;
                Ok(Some(read).filter(|read| read != rejected))
            }
            ComponentToken::VerifyTicket { component_app_secret, ticket } => {
                let fetch = Fetch { caller, component_app_secret, ticket };
                self.refetched(fetch, rejected, pass).await
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(
        &self,
        caller: &Caller,
        source: &ReadOnlySource,
        rejected: Option<&Secret>,
    ) -> Result<Secret, ApiError> {
        let read = caller.reader.read_after(source, caller.ids(), rejected).await;
        let read = read.map_err(|failure| ApiError { step: Step::Source(source.label()), failure })?;
        let until = read.good_until.unwrap_or_else(Instant::now);
        self.kept().keep(read.value.clone(), Until::Look(until));
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
                Need::Patience(failing) => Err(fetch.caller.failed(pass, ApiError::too_soon(API, failing))),
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
            if let Some(other) = self.kept().other(rejected) {
                return Ok(Some(other));
            }
            pass.check(API)?;
            let Some(_turn) = self.fetching.take().await else { continue };
            pass.check(API)?;
            {
                let mut kept = self.kept();
                if let Some(other) = kept.other(rejected) {
                    return Ok(Some(other));
                }
                if !kept.refused(Instant::now()) {
                    return Ok(None);
                }
            }
            let fetched = self.fetch(fetch).await.map_err(|error| fetch.caller.failed(pass, error))?;
            return Ok(Some(fetched).filter(|fetched| fetched != rejected));
        }
    }

    fn need(&self) -> Need {
        self.kept().need(Instant::now())
    }

    async fn fetch(&self, fetch: Fetch<'_>) -> Result<Secret, ApiError> {
        self.kept().taking_over(Instant::now());
        let (value, life) = fetch.send().await.inspect_err(|error| self.kept().failed(error))?;
        let until = Instant::now() + life;
        self.kept().keep(value.clone(), Until::Expiry(until));
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
