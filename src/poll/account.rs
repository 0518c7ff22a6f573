//! One visit to one account.

use std::sync::Arc;

use crate::config::Account;
use crate::token::{Credential, TokenState, cloud};
use crate::upstream::Upstream;
use crate::wechat::class::ErrorClass;
use crate::wechat::collect::{Collected, Collector, collect};
use crate::wechat::error::ApiError;

/// What a visit needs.
#[derive(Debug)]
pub struct Visit {
    /// Whom to visit.
    pub account: Arc<Account>,
    /// Its token, lent for the visit.
    pub token: TokenState,
    /// What to collect; not empty.
    pub due: Vec<Collector>,
    /// Whether a failure ends the poll, or is tried again in a second or two.
    pub last_attempt: bool,
}

/// What a visit brought back.
#[derive(Debug)]
pub struct PollReport {
    /// The token, returned.
    pub token: TokenState,
    /// What each collector brought, or why it brought nothing; the same as another's where that was
    /// refused with the only token. Those that are missing were not asked, because of `token_error`.
    pub outcomes: Vec<(Collector, Result<Collected, ApiError>)>,
    /// Why there was no token.
    pub token_error: Option<ApiError>,
    /// Tokens obtained during the visit.
    pub refreshes: u64,
    /// Tokens refused on a data call during the visit.
    pub rejections: u64,
}

/// Visits an account: holds a token, asks what is due, and on a refused token repeats once.
pub async fn poll_account(upstream: &Upstream, visit: Visit) -> PollReport {
    let Visit { account, token, due, last_attempt } = visit;
    let mut round = Round { upstream, account: &account, token, outcomes: Vec::new(), rejections: 0 };
    let token_error = round.collect(&due).await.err();
    let Round { mut token, outcomes, rejections, .. } = round;
    let errors = outcomes.iter().filter_map(|(_, result)| result.as_ref().err()).chain(&token_error);
    if last_attempt && errors.into_iter().any(ApiError::failed_to_connect) {
        upstream.client.poll_failed_to_connect(&account.endpoint);
    }
    let refreshes = token.take_refreshes();
    PollReport { token, outcomes, token_error, refreshes, rejections }
}

struct Round<'a> {
    upstream: &'a Upstream,
    account: &'a Account,
    token: TokenState,
    outcomes: Vec<(Collector, Result<Collected, ApiError>)>,
    rejections: u64,
}

impl Round<'_> {
    /// An error is one of the token: it concerns all collectors.
    async fn collect(&mut self, due: &[Collector]) -> Result<(), ApiError> {
        let mut credential = self.token.hold(self.upstream, self.account).await?;
        let mut may_repeat = true;
        for (at, &collector) in due.iter().enumerate() {
            let mut result = self.ask(collector, &credential).await;
            if may_repeat && is_refused(&result) {
                may_repeat = false;
                // A repeat with the same token would be refused again: it needs another one.
                if let Some(other) = self.token.replace(self.upstream, self.account, &credential).await? {
                    credential = other;
                    result = self.ask(collector, &credential).await;
                }
            }
            if let Err(error) = &result
                && error.class() == ErrorClass::Authorization
            {
                self.token.unauthorized(self.upstream, self.account, error.errcode());
            }
            let refused = result.as_ref().err().filter(|error| error.class() == ErrorClass::Token).cloned();
            self.outcomes.push((collector, result));
            if let Some(error) = refused {
                // There is no other token, and this one would be refused for the rest too.
                let rest = due.iter().skip(at + 1);
                self.outcomes.extend(rest.map(|&collector| (collector, Err(error.clone()))));
                break;
            }
        }
        Ok(())
    }

    async fn ask(&mut self, collector: Collector, credential: &Credential) -> Result<Collected, ApiError> {
        let result = collect(&self.upstream.client, self.account, collector, credential).await;
        self.rejections += u64::from(is_refused(&result));
        if self.account.token.is_cloud() {
            let (source, up) = (self.account.token.label(), self.upstream.started.elapsed());
            return result.map_err(|error| cloud::explain(error, source, up));
        }
        result
    }
}

fn is_refused(result: &Result<Collected, ApiError>) -> bool {
    result.as_ref().is_err_and(|error| error.class() == ErrorClass::Token)
}
