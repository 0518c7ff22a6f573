//! The accounts that one platform brings to the fleet: who of its authorizers is polled by it, what
//! the others are, and what the scheduler is to be told. Does no I/O.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::answer::Profile;
use super::claims::{Claim, Claims};
use super::gate::Tally;
use super::news::News;
use super::profiles::Profiles;
use super::refresh::List;
use super::roster::{Roster, Seen, Verdict};
use crate::clock::WallTime;
use crate::config::platform::Discovery;
use crate::config::{AccountName, AppId, Platform, PlatformName};
use crate::poll::change::FleetChange;
use crate::store::AuthorizerState;

/// The accounts of one platform. An app id is claimed from the moment its account is announced until
/// the scheduler was told that it went.
#[derive(Debug)]
pub(super) struct Members {
    platform: PlatformName,
    roster: Roster,
    claims: Arc<Claims>,
    news: News,
    /// Accounts that another platform was found to poll.
    duplicates: HashSet<AppId>,
    /// Those of them that the log does not know of yet.
    new_duplicates: Vec<(AppId, PlatformName)>,
}

/// What a change of the settings comes to.
#[derive(Debug)]
pub(super) struct Reconfigured {
    /// Accounts that are left out now. The scheduler is to be told by the caller.
    pub(super) gone: Vec<AccountName>,
    /// Whether the list may name authorizers that are wanted now and were not before.
    pub(super) needs_list: bool,
}

impl Members {
    pub(super) fn new(platform: &Platform, settings: Discovery, claims: Arc<Claims>) -> Self {
        Self {
            platform: platform.name.clone(),
            roster: Roster::new(settings, platform.name.clone(), &platform.authorizer_token),
            claims,
            news: News::default(),
            duplicates: HashSet::new(),
            new_duplicates: Vec::new(),
        }
    }

    /// Takes all authorizers for what a former run knew of them, until the next list. Who of them is
    /// polled is found by [`Members::judge_all`].
    pub(super) fn revive(&mut self, authorizers: Vec<(AppId, Seen, bool)>) {
        for (app_id, seen, was_polled) in authorizers {
            self.roster.revive(app_id, seen, was_polled);
        }
    }

    /// Takes over a complete list: lets go who was missing twice. Whose profile may have to be asked
    /// for.
    pub(super) fn take_list(&mut self, list: &List, profiles: &Profiles, now: WallTime) -> Vec<AppId> {
        for app_id in self.roster.take_list(list) {
            self.duplicates.remove(&app_id);
            // Else it would be polled again after a restart.
            profiles.keep(&self.platform, &app_id, &Seen::NOTHING);
            self.let_go(&app_id);
        }
        self.judge_all();
        self.roster.due(now)
    }

    /// The `auth_time` of an authorizer whose profile may have to be asked for. Nothing need be
    /// known of an account that the operator has listed by hand.
    pub(super) fn due_since(&mut self, app_id: &AppId, now: WallTime) -> Option<u64> {
        self.roster.due_since(app_id, now).filter(|_| !self.claims.is_by_hand(app_id))
    }

    /// Whether the profile of `app_id` has to be asked for, nobody having kept it: the `auth_time`
    /// to ask for.
    pub(super) fn ask(&mut self, app_id: &AppId, profiles: &Profiles, now: WallTime) -> Option<u64> {
        let auth_time = self.due_since(app_id, now)?;
        let Some(mut kept) = profiles.take(&self.platform, app_id) else { return Some(auth_time) };
        if !kept.is_good(auth_time, now) {
            return Some(auth_time);
        }
        self.see(app_id, kept);
        None
    }

    /// What the last profile of `app_id` said, however old.
    pub(super) fn profile(&self, app_id: &AppId) -> Option<&Profile> {
        self.roster.profile(app_id)
    }

    /// A profile came.
    pub(super) fn see(&mut self, app_id: &AppId, seen: Seen) {
        self.roster.see(app_id, seen);
        self.judge(app_id);
    }

    /// `app_id` was found not to be authorised, which is kept over a restart.
    pub(super) fn lose(&mut self, app_id: &AppId, profiles: &Profiles, now: WallTime) {
        if let Some(auth_time) = self.roster.lose(app_id) {
            profiles.keep(
                &self.platform,
                app_id,
                &Seen { profile: Profile::Unavailable, at: now, auth_time },
            );
        }
        self.let_go(app_id);
    }

    /// Goes on with other settings. Whose settings change is announced anew by
    /// [`Members::judge_all`].
    pub(super) fn reconfigure(
        &mut self,
        platform: &Platform,
        settings: Discovery,
        profiles: &Profiles,
    ) -> Reconfigured {
        let needs_list = self.roster.is_narrower_than(&settings);
        let left_out = self.roster.resettle(settings, &platform.authorizer_token);
        let mut gone = Vec::new();
        for (app_id, _) in &left_out {
            self.duplicates.remove(app_id);
            gone.extend(self.take_back(app_id));
        }
        let seen = left_out.into_iter().filter_map(|(app_id, seen)| Some((app_id, seen?)));
        profiles.put_back(&self.platform, seen);
        Reconfigured { gone, needs_list }
    }

    /// Leaves `app_id` to the configuration if that lists it now. The account, if the scheduler
    /// polls it: the caller tells that it went.
    pub(super) fn yield_to_hand(&mut self, app_id: &AppId) -> Option<AccountName> {
        if !self.claims.is_by_hand(app_id) {
            return None;
        }
        self.roster.withdraw(app_id);
        self.take_back(app_id)
    }

    /// Gives up everything but the profiles. All accounts that the scheduler polls: the caller
    /// tells that they went.
    pub(super) fn dissolve(mut self, profiles: &Profiles) -> Vec<AccountName> {
        self.claims.release_all(&self.platform);
        let gone = self.news.take_back_all();
        profiles.put_back(&self.platform, self.roster.into_seen());
        gone
    }

    /// Lets accounts in, or go, by what is known of them now.
    pub(super) fn judge_all(&mut self) {
        for app_id in self.roster.app_ids() {
            self.judge(&app_id);
        }
    }

    /// Whether there is something to tell.
    pub(super) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Tells what is to be told next.
    pub(super) fn tell(&mut self, permit: mpsc::Permit<'_, FleetChange>) {
        let Some((app_id, change)) = self.news.next() else { return };
        let is_gone = matches!(change, FleetChange::Gone(_));
        permit.send(change);
        // Not before: else another platform's account of this name could come first, and go.
        if is_gone {
            self.claims.release(&app_id, &self.platform);
        }
    }

    /// How many authorizers there are of each kind. Accounts that another platform polls are told
    /// to the log once.
    pub(super) fn count(&mut self) -> Tally {
        let mut tally = Tally::default();
        for (app_id, state) in self.roster.states() {
            let state = if self.claims.is_by_hand(app_id) { Some(AuthorizerState::Duplicate) } else { state };
            if let Some(state) = state {
                tally[state as usize] += 1;
            }
        }
        // One line for all of them: there may be thousands.
        let new = std::mem::take(&mut self.new_duplicates);
        if let Some((app_id, other)) = new.first() {
            tracing::warn!(
                platform = %self.platform,
                accounts = new.len(),
                app_id = app_id.as_str(),
                %other,
                "accounts authorised another platform too, which polls them: exclude them here or there"
            );
        }
        tally
    }

    fn judge(&mut self, app_id: &AppId) {
        let nickname = match self.roster.verdict(app_id) {
            Verdict::Unknown => return,
            Verdict::Skipped(_) => {
                self.roster.withdraw(app_id);
                return self.let_go(app_id);
            }
            Verdict::Polled(nickname) => nickname,
        };
        match self.claims.claim(app_id, &self.platform) {
            Claim::Granted => {}
            Claim::ByHand => return,
            Claim::Other(platform) => {
                if self.duplicates.insert(app_id.clone()) {
                    self.new_duplicates.push((app_id.clone(), platform));
                }
                return;
            }
        }
        if let Some(account) = self.roster.announce(app_id, &nickname) {
            self.news.set(account);
        }
    }

    fn let_go(&mut self, app_id: &AppId) {
        if !self.news.gone(app_id) {
            self.claims.release(app_id, &self.platform);
        }
    }

    fn take_back(&mut self, app_id: &AppId) -> Option<AccountName> {
        self.claims.release(app_id, &self.platform);
        self.news.take_back(app_id)
    }
}

#[cfg(test)]
mod tests;
