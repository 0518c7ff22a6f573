//! A platform's authorizers as discovery knows them: who is asked about, who is polled, who goes.
//! Pure: reads no clock, does no I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::answer::Profile;
use super::refresh::List;
use crate::clock::WallTime;
use crate::config::platform::{AuthorizerToken, Discovery};
use crate::config::{Account, AccountName, AppId, PlatformName, TokenSource};
use crate::store::AuthorizerState;

/// A profile is asked for again after this time: nicknames and permissions change rarely.
pub(crate) const PROFILE_LIFE: Duration = Duration::from_secs(24 * 3_600);
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) profile: Profile,
    /// When it was asked for.
    pub(super) at: WallTime,
    /// The `auth_time` that the list named then.
    pub(super) auth_time: u64,
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

    /// Goes on with other settings. The authorizers that are left out now are forgotten; their
    /// profiles, where they are known.
    pub(super) fn resettle(
        &mut self,
        settings: Discovery,
        tokens: &AuthorizerToken,
    ) -> Vec<(AppId, Option<Seen>)> {
        let needed_refresh_token = self.needs_refresh_token;
        self.needs_refresh_token = *tokens == AuthorizerToken::Fetched;
        if self.needs_refresh_token && !needed_refresh_token {
            // Who is polled has had no grant so far that could have brought one.
            let without = self.known.values_mut().filter(|authorizer| !authorizer.has_refresh_token);
            without.for_each(|authorizer| authorizer.account = None);
        }
        self.settings = settings;
        let left_out = self.known.extract_if(|app_id, _| !wants(&self.settings, app_id));
        left_out.map(|(app_id, authorizer)| (app_id, authorizer.seen)).collect()
    }

    /// Takes an authorizer for what a former run knew of it, until the next list. Where refresh
    /// tokens are needed, one that was not polled may have none.
    pub(super) fn revive(&mut self, app_id: AppId, seen: Seen, was_polled: bool) {
        if wants(&self.settings, &app_id) {
            let fresh = Authorizer::new(seen.auth_time);
            let authorizer = Authorizer { has_refresh_token: was_polled, seen: Some(seen), ..fresh };
            self.known.insert(app_id, authorizer);
        }
    }

    /// Whether with `settings` authorizers may be wanted that are left out so far.
    pub(super) fn is_narrower_than(&self, settings: &Discovery) -> bool {
        let before = &self.settings;
        let names_no_more = settings.include.is_empty() && !before.include.is_empty();
        let mut named_otherwise = settings.include.iter().chain(&before.exclude);
        names_no_more || named_otherwise.any(|app_id| wants(settings, app_id) && !wants(before, app_id))
    }

    /// Takes over a complete list. The authorizers that were missing often enough are forgotten.
    pub(super) fn take_list(&mut self, list: &List) -> Vec<AppId> {
        let Self { settings, known, .. } = self;
        let wanted = list.iter().filter(|(app_id, _)| wants(settings, app_id));
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
        known.extract_if(|_, authorizer| authorizer.missed >= MISSES).map(|(app_id, _)| app_id).collect()
    }

    /// `app_id` was found not to be authorised: it is left alone until it is authorised anew. The
    /// authorisation that was lost.
    pub(super) fn lose(&mut self, app_id: &AppId) -> Option<u64> {
        let authorizer = self.known.get_mut(app_id)?;
        authorizer.lost_at = Some(authorizer.auth_time);
        authorizer.account = None;
        authorizer.lost_at
    }

    /// All authorizers.
    pub(super) fn app_ids(&self) -> Vec<AppId> {
        self.known.keys().cloned().collect()
    }

    /// The listed authorizers whose profile is to be asked for.
    pub(super) fn due(&mut self, now: WallTime) -> Vec<AppId> {
        let known = self.known.iter_mut();
        known.filter_map(|(app_id, authorizer)| authorizer.is_due(now).then(|| app_id.clone())).collect()
    }

    /// When `app_id` was authorised last, as the list says, if its profile is to be asked for.
    pub(super) fn due_since(&mut self, app_id: &AppId, now: WallTime) -> Option<u64> {
        let authorizer = self.known.get_mut(app_id)?;
        authorizer.is_due(now).then_some(authorizer.auth_time)
    }

    /// A profile came.
    pub(super) fn see(&mut self, app_id: &AppId, seen: Seen) {
        if let Some(authorizer) = self.known.get_mut(app_id) {
            authorizer.seen = Some(seen);
        }
    }

    /// What the last profile said, however old.
    pub(super) fn profile(&self, app_id: &AppId) -> Option<&Profile> {
        self.known.get(app_id)?.seen.as_ref().map(|seen| &seen.profile)
    }

    /// All profiles.
    pub(super) fn into_seen(self) -> impl Iterator<Item = (AppId, Seen)> {
        self.known.into_iter().filter_map(|(app_id, authorizer)| Some((app_id, authorizer.seen?)))
    }

    /// What is to be done about `app_id`.
    pub(super) fn verdict(&self, app_id: &AppId) -> Verdict {
        let Some(authorizer) = self.known.get(app_id) else { return Verdict::Unknown };
        if authorizer.lost_at.is_some() {
            return Verdict::Unknown;
        }
        match authorizer.seen.as_ref().map(|seen| &seen.profile) {
            None | Some(Profile::Unavailable) => Verdict::Unknown,
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
        let Self { settings, platform, known, .. } = self;
        let authorizer = known.get_mut(app_id)?;
        let account = account(settings, platform, app_id, nickname)?;
        if authorizer.account.as_deref() == Some(&account) {
            return None;
        }
        let account = Arc::new(account);
        authorizer.account = Some(Arc::clone(&account));
        Some(account)
    }

    /// Polls `app_id` no more.
    pub(super) fn withdraw(&mut self, app_id: &AppId) {
        if let Some(authorizer) = self.known.get_mut(app_id) {
            authorizer.account = None;
        }
    }
}

fn wants(settings: &Discovery, app_id: &AppId) -> bool {
    (settings.include.is_empty() || settings.include.contains(app_id))
        && !settings.exclude.contains(app_id)
        && settings.shard.owns(app_id.place(), settings.pin)
}

fn account(settings: &Discovery, platform: &PlatformName, app_id: &AppId, nickname: &str) -> Option<Account> {
    let Discovery {
        include: _,
        exclude: _,
        info_labels,
        interval,
        hold,
        collect,
        limits,
        budget,
        pin,
        shard: _,
        endpoint,
    } = settings;
    Some(Account {
        name: AccountName::parse(app_id.as_str())?,
        app_id: app_id.clone(),
        display_name: nickname.into(),
        info_labels: info_labels.clone(),
        interval: *interval,
        collect: *collect,
        hold: *hold,
        limits: *limits,
        budget: *budget,
        shard: *pin,
        endpoint: Arc::clone(endpoint),
        token: TokenSource::Authorizer { platform: platform.clone(), refresh_token: None },
    })
}

impl Seen {
    /// Nothing is known of the authorizer, and its profile is to be asked for where it is listed.
    pub(super) const NOTHING: Self =
        Self { profile: Profile::Unavailable, at: WallTime::from_millis(0), auth_time: 0 };

    /// Whether it says at `now` what was asked of an authorizer with this `auth_time`.
    pub(super) fn is_good(&mut self, auth_time: u64, now: WallTime) -> bool {
        // The clock may have been set back: a profile must not live longer for that.
        self.at = self.at.min(now);
        self.auth_time == auth_time && now.since(self.at) < PROFILE_LIFE
    }
}

impl Authorizer {
    fn new(auth_time: u64) -> Self {
        Self { auth_time, has_refresh_token: false, missed: 0, seen: None, lost_at: None, account: None }
    }

    fn is_due(&mut self, now: WallTime) -> bool {
        let is_seen = self.seen.as_mut().is_some_and(|seen| seen.is_good(self.auth_time, now));
        self.missed == 0 && self.lost_at.is_none() && !is_seen
    }
}

#[cfg(test)]
pub(super) mod tests;
