//! The platform's list of authorizers: read page by page, on a rhythm by discovery, and on demand
//! when an account's refresh token is missing or refused.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::answer;
use super::call::{Caller, ComponentCall};
use super::refresh::{List, RefreshTokens};
use super::turns::Turns;
use crate::config::platform::AuthorizerToken;
use crate::wechat::answer::decode;
use crate::wechat::api::Api;
use crate::wechat::error::ApiError;

/// Most authorizers that a page may hold (page of `api_get_authorizer_list`).
pub(crate) const PAGE: u32 = 500;
/// Least time between two readings on demand: a fleet whose refresh tokens are all refused must
/// not read the list once for each account.
const DEMAND_FLOOR: Duration = Duration::from_secs(300);

/// What the list said last.
#[derive(Debug, Default)]
pub(super) struct Authorizers {
    state: Mutex<State>,
    reading: Turns,
}

#[derive(Debug, Default)]
struct State {
    refresh_tokens: RefreshTokens,
    /// When the last complete reading began.
    read_from: Option<Instant>,
    demanded_at: Option<Instant>,
}

impl Authorizers {
    /// The refresh tokens that are known.
    pub(super) fn refresh_tokens<T>(&self, act: impl FnOnce(&mut RefreshTokens) -> T) -> T {
        act(&mut self.state().refresh_tokens)
    }

    /// Reads the whole list; all or nothing.
    pub(super) async fn read(&self, caller: &Caller) -> Result<List, ApiError> {
        let _turn = loop {
            if let Some(turn) = self.reading.take().await {
                break turn;
            }
        };
        self.read_now(caller).await
    }

    /// Reads the list again, unless somebody else has done so since `asked`, or it was read on
    /// demand a short while ago, or one that was being read made it `needless`.
    pub(super) async fn read_again(
        &self,
        caller: &Caller,
        asked: Instant,
        needless: impl Fn() -> bool,
    ) -> Result<(), ApiError> {
        loop {
            if needless() || self.is_fresh(asked) {
                return Ok(());
            }
            let Some(_turn) = self.reading.take().await else { continue };
            if needless() || self.is_fresh(asked) {
                return Ok(());
            }
            let began = Instant::now();
            self.read_now(caller).await?;
            self.state().demanded_at = Some(began);
            return Ok(());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_fresh(&self, asked: Instant) -> bool {
        let state = self.state();
        state.read_from.is_some_and(|read| read >= asked)
            || state.demanded_at.is_some_and(|demanded| demanded.elapsed() < DEMAND_FLOOR)
    }

    async fn read_now(&self, caller: &Caller) -> Result<List, ApiError> {
        let began = Instant::now();
        let list = read_pages(caller).await?;
        let mut state = self.state();
        state.read_from = Some(began);
        if caller.platform.authorizer_token == AuthorizerToken::Fetched {
            state.refresh_tokens.take_list(&list);
        }
        Ok(list)
    }
}

async fn read_pages(caller: &Caller) -> Result<List, ApiError> {
    let mut list = List::new();
    let mut offset = 0;
    loop {
        let body = [("offset".to_owned(), json!(offset)), ("count".to_owned(), json!(PAGE))];
        let call = ComponentCall { api: Api::AuthorizerList, body: body.into_iter().collect(), secrets: &[] };
        caller.pacer.slot().await;
        let page = caller
            .call(call, |answer| {
                let page = answer::list_page(answer)?;
                // Else a wrong total would be paged through to its end.
                let is_cut = page.is_empty && offset < page.total;
                if is_cut { Err(decode("`list` is empty before `total_count`")) } else { Ok(page) }
            })
            .await?;
        // Pages may shift while they are read: an authorizer may come twice.
        list.extend(page.listed);
        offset += u64::from(PAGE);
        if offset >= page.total {
            return Ok(list);
        }
    }
}
