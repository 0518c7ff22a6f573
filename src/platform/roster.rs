//! A platform's authorizers as discovery knows them: who is asked about, who is polled, who goes.
//! Pure: reads no clock, does no I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::answer::Profile;
use super::refresh::List;
use crate::config::platform::{AuthorizerToken, Discovery};
use crate::config::{Account, AccountName, AppId, PlatformName, TokenSource};
use crate::store::AuthorizerState;

/// A profile is asked for again after this time: nicknames and permissions change rarely.
const PROFILE_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// Complete rounds without an authorizer after which it goes: the order of the pages is not
/// documented, so one may slip through while others come and go.
const MISSES: u32 = 2;

/// All authorizers of one platform that may be polled.
#[derive(Debug)]
pub(super) struct Roster {
    settings: Discovery,
    platform: PlatformName,
    needs_refresh_token: bool,
    known: HashMap<AppId, Authorizer>,
}

#[derive(Debug)]
struct Authorizer {
    auth_time: u64,
    has_refresh_token: bool,
    /// Complete rounds in a row without it.
    missed: u32,
    seen: Option<Seen>,
    /// The `auth_time` at which it was found not to be authorised.
    lost_at: Option<u64>,
    /// The account it was announced as, while it is polled.
    account: Option<Arc<Account>>,
}

/// A profile and what it was asked for.
#[derive(Debug)]
struct Seen {
    profile: Profile,
    at: Instant,
    auth_time: u64,
}

/// What is to be done about one authorizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing is known of it.
    Unknown,
    /// It is not polled, for this reason.
    Skipped(AuthorizerState),
    /// It may be polled, under this nickname.
    Polled(Box<str>),
}

impl Roster {
    pub(super) fn new(settings: Discovery, platform: PlatformName, tokens: &AuthorizerToken) -> Self {
        let needs_refresh_token = *tokens == AuthorizerToken::Fetched;
        Self { settings, platform, needs_refresh_token, known: HashMap::new() }
    }

    /// Takes over a complete list. The authorizers that were missing often enough are gone from
    /// then on.
    pub(super) fn take_list(&mut self, list: &List) -> Vec<AppId> {
        let Self { settings, known, .. } = self;
        let included = |app_id: &AppId| settings.include.is_empty() || settings.include.contains(app_id);
        let wanted = list.iter().filter(|(id, _)| included(id) && !settings.exclude.contains(*id));
        for authorizer in known.values_mut() {
            authorizer.missed += 1;
        }
        for (app_id, listed) in wanted {
            let authorizer = known.entry(app_id.clone()).or_insert(Authorizer::new(listed.auth_time));
            authorizer.missed = 0;
            authorizer.auth_time = listed.auth_time;
            authorizer.has_refresh_token = listed.refresh_token.is_some();
            if authorizer.lost_at != Some(listed.auth_time) {
                authorizer.lost_at = None;
            }
        }
        let gone = known.iter().filter(|(_, authorizer)| authorizer.missed >= MISSES);
        gone.map(|(app_id, _)| app_id.clone()).collect()
    }

    /// Forgets an authorizer; the account it was polled as, if it was.
    pub(super) fn forget(&mut self, app_id: &AppId) -> Option<AccountName> {
        self.known.remove(app_id)?.account.map(|account| account.name.clone())
    }

    /// `app_id` was found not to be authorised: it is left alone until it is authorised anew. The
    /// account it was polled as, if it was.
    pub(super) fn lose(&mut self, app_id: &AppId) -> Option<AccountName> {
        let authorizer = self.known.get_mut(app_id)?;
        authorizer.lost_at = Some(authorizer.auth_time);
        authorizer.account.take().map(|account| account.name.clone())
    }

    /// All authorizers.
    pub(super) fn app_ids(&self) -> Vec<AppId> {
        self.known.keys().cloned().collect()
    }

    /// The listed authorizers whose profile is to be asked for.
    pub(super) fn due(&self, now: Instant) -> Vec<AppId> {
        let due = self.known.iter().filter(|(_, authorizer)| authorizer.is_due(now));
        due.map(|(app_id, _)| app_id.clone()).collect()
    }

    /// A profile was asked for at `now`.
    pub(super) fn see(&mut self, app_id: &AppId, profile: Profile, now: Instant) {
        if let Some(authorizer) = self.known.get_mut(app_id) {
            authorizer.seen = Some(Seen { profile, at: now, auth_time: authorizer.auth_time });
        }
    }

    /// What is to be done about `app_id`.
    pub(super) fn verdict(&self, app_id: &AppId) -> Verdict {
        let Some(authorizer) = self.known.get(app_id) else { return Verdict::Unknown };
        if authorizer.lost_at.is_some() {
            return Verdict::Unknown;
        }
        match authorizer.seen.as_ref().map(|seen| &seen.profile) {
            None => Verdict::Unknown,
            Some(Profile::MiniProgram) => Verdict::Skipped(AuthorizerState::MiniProgram),
            Some(Profile::NotPermitted) => Verdict::Skipped(AuthorizerState::NoPermission),
            // One that is polled already has a refresh token from its last grant.
            Some(Profile::Official { .. })
                if self.needs_refresh_token
                    && !authorizer.has_refresh_token
                    && authorizer.account.is_none() =>
            {
                Verdict::Skipped(AuthorizerState::NoRefreshToken)
            }
            Some(Profile::Official { nickname }) => Verdict::Polled(nickname.clone()),
        }
    }

    /// All authorizers, with their states where they are known.
    pub(super) fn states(&self) -> impl Iterator<Item = (&AppId, Option<AuthorizerState>)> {
        self.known.iter().map(|(app_id, authorizer)| {
            let state = match self.verdict(app_id) {
                Verdict::Unknown => None,
                Verdict::Skipped(state) => Some(state),
                Verdict::Polled(_) if authorizer.account.is_some() => Some(AuthorizerState::Polled),
                Verdict::Polled(_) => Some(AuthorizerState::Duplicate),
            };
            (app_id, state)
        })
    }

    /// Polls `app_id` from now on. Its account, if it is new or another one than before; nothing
    /// too for an app id that is no account name, of which there is none.
    pub(super) fn announce(&mut self, app_id: &AppId, nickname: &str) -> Option<Arc<Account>> {
        let authorizer = self.known.get_mut(app_id)?;
        if authorizer.account.as_ref().is_some_and(|known| *known.display_name == *nickname) {
            return None;
        }
        let Discovery {
            include: _,
            exclude: _,
            info_labels,
            interval,
            hold,
            collect,
            limits,
            budget,
            endpoint,
        } = &self.settings;
        let account = Arc::new(Account {
            name: AccountName::parse(app_id.as_str())?,
            app_id: app_id.clone(),
            display_name: nickname.into(),
            info_labels: info_labels.clone(),
            interval: *interval,
            collect: *collect,
            hold: *hold,
            limits: *limits,
            budget: *budget,
            endpoint: Arc::clone(endpoint),
            token: TokenSource::Authorizer { platform: self.platform.clone(), refresh_token: None },
        });
        authorizer.account = Some(Arc::clone(&account));
        Some(account)
    }

    /// Polls `app_id` no more. The account it was polled as, if it was.
    pub(super) fn withdraw(&mut self, app_id: &AppId) -> Option<AccountName> {
        self.known.get_mut(app_id)?.account.take().map(|account| account.name.clone())
    }
}

impl Authorizer {
    fn new(auth_time: u64) -> Self {
        Self { auth_time, has_refresh_token: false, missed: 0, seen: None, lost_at: None, account: None }
    }

    fn is_due(&self, now: Instant) -> bool {
        let is_stale = match &self.seen {
            None => true,
            Some(seen) => seen.auth_time != self.auth_time || now - seen.at >= PROFILE_LIFE,
        };
        self.missed == 0 && self.lost_at.is_none() && is_stale
    }
}

#[cfg(test)]
mod tests;
