//! Finds a platform's accounts, in rounds: the list first, then the profiles of those who are new
//! or changed. A round that the platform cuts short goes on when it answers again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::answer::{self, Profile};
use super::call::{ComponentCall, authorizer_appid, own_code};
use super::handle::{NOT_AUTHORIZED, Shared};
use super::members::{Members, Reconfigured};
use super::profiles::Former;
use super::refresh::List;
use super::roster::Seen;
use super::running::{Common, PlatformParts};
use crate::clock::WallTime;
use crate::config::platform::Discovery;
use crate::config::{AccountName, AppId, Platform, PlatformName};
use crate::wechat::api::Api;
use crate::wechat::class::ErrorClass;
use crate::wechat::error::ApiError;

/// Most profiles asked for at once: enough for half of any sensible rate at usual latencies.
const MOST_AT_ONCE: usize = 32;
/// Least time between two tries of a list that failed though the platform may be called.
const LIST_PAUSE: Duration = Duration::from_secs(1);

/// Discovery: at work in [`Rounds::run`], or at rest, when its settings may be changed. Calls that
/// are under way go on while it rests; their outcome waits.
#[derive(Debug)]
pub(super) struct Rounds {
    common: Arc<Common>,
    shared: Arc<Shared>,
    lost: mpsc::UnboundedReceiver<AppId>,
    members: Members,
    refresh_interval: Duration,
    next_round: Instant,
    /// The list that is being read, and when that began.
    reading: JoinSet<(Instant, Result<List, ApiError>)>,
    /// Whether the list was ever read, be it by a former run.
    has_list: bool,
    /// Whose profile this round has still to ask for.
    queue: VecDeque<AppId>,
    asking: JoinSet<Asked>,
    /// Whose profile is being asked for.
    asked: HashSet<AppId>,
    /// Whose profile the platform failed to give, and when it may be asked for again. One authorizer
    /// must not park the platform for good by being each next probe.
    spoilt: HashMap<AppId, Instant>,
    /// Whether something has changed since the authorizers were counted.
    is_uncounted: bool,
}

/// What asking for a profile came to.
#[derive(Debug)]
struct Asked {
    app_id: AppId,
    at: WallTime,
    auth_time: u64,
    answer: Result<Profile, ApiError>,
    /// Whether the platform failed at this question, rather than being out of reach or parked.
    is_spoilt: bool,
}

/// How long discovery works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Until it is told to rest.
    Told,
    /// Until the authorizers are counted, or the platform is found parked; all it found is told.
    Counted,
}

impl Rounds {
    /// A discovery that was never at work. `lost` names the accounts that `shared` tells of.
    pub(super) fn new(
        common: Arc<Common>,
        shared: Arc<Shared>,
        lost: mpsc::UnboundedReceiver<AppId>,
        platform: &Platform,
        settings: Discovery,
    ) -> Self {
        let mut members = Members::new(platform, settings, Arc::clone(&common.claims));
        let PlatformParts { profiles, clock, .. } = &common.parts;
        let former = profiles.take_former(platform);
        let (has_list, mut next_round) = (former.is_some(), Instant::now());
        if let Some(Former { read_at, authorizers }) = former {
            members.revive(authorizers);
            next_round += platform.refresh_interval.saturating_sub(clock.now().since(read_at));
        }
        Self {
            common,
            shared,
            lost,
            members,
            refresh_interval: platform.refresh_interval,
            next_round,
            reading: JoinSet::new(),
            has_list,
            queue: VecDeque::new(),
            asking: JoinSet::new(),
            asked: HashSet::new(),
            spoilt: HashMap::new(),
            is_uncounted: false,
        }
    }

    /// Works until it is done, or `rest` is called for, which it does at once. Fails when one of its
    /// calls has panicked.
    pub(super) async fn run(mut self, until: Until, rest: CancellationToken) -> Result<Self, JoinError> {
        let mut is_done = false;
        loop {
            let is_counted = self.count();
            is_done |= is_counted && !self.is_list_due();
            if is_done && until == Until::Counted && !self.members.has_news() {
                return Ok(self);
            }
            let (shared, changes) = (Arc::clone(&self.shared), self.common.parts.changes.clone());
            let gate = &shared.caller.gate;
            let may_ask = !self.queue.is_empty() && self.asking.len() < MOST_AT_ONCE;
            let list_due = async |at| {
                sleep_until(at).await;
                gate.open().await;
            };
            tokio::select! {
                () = rest.cancelled() => return Ok(self),
                permit = changes.reserve(), if self.members.has_news() => {
                    let Ok(permit) = permit else {
                        tracing::debug!(platform = %self.platform(), "nobody takes the fleet's changes any more");
                        if until == Until::Told {
                            rest.cancelled().await;
                        }
                        return Ok(self);
                    };
                    self.members.tell(permit);
                }
                Some(app_id) = self.lost.recv() => self.lose(&app_id),
                Some(read) = self.reading.join_next() => {
                    let (began, list) = read?;
                    self.take_list(began, list);
                }
                Some(asked) = self.asking.join_next() => self.take(asked?),
                () = list_due(self.next_round), if self.reading.is_empty() => self.read_list(),
                () = gate.open(), if may_ask => self.ask(),
                () = gate.parked(), if until == Until::Counted && !is_done => is_done = true,
            }
        }
    }

    /// Goes on with other settings. The accounts that are left out now: the caller tells that they
    /// went.
    pub(super) fn reconfigure(&mut self, platform: &Platform, settings: Discovery) -> Vec<AccountName> {
        let Reconfigured { gone, needs_list } =
            self.members.reconfigure(platform, settings, &self.common.parts.profiles);
        let now = Instant::now();
        self.refresh_interval = platform.refresh_interval;
        self.next_round = if needs_list { now } else { self.next_round.min(now + platform.refresh_interval) };
        gone
    }

    /// Goes on with another connection to the same platform: what was asked of the old one is asked
    /// again of the new one.
    pub(super) fn reconnect(&mut self, shared: Arc<Shared>) {
        self.shared = shared;
        self.reading = JoinSet::new();
        self.asking = JoinSet::new();
        self.queue.extend(self.asked.drain());
        self.next_round = Instant::now();
    }

    /// The configuration lists other accounts of `changed` than before. Leaves to it those that it
    /// lists now; of them those that the scheduler polls: the caller tells that they went.
    pub(super) fn heed_hand(&mut self, changed: &[AppId]) -> Vec<AccountName> {
        let now = self.common.parts.clock.now();
        let free = changed.iter().filter(|app_id| self.members.due_since(app_id, now).is_some());
        self.queue.extend(free.cloned());
        changed.iter().filter_map(|app_id| self.members.yield_to_hand(app_id)).collect()
    }

    /// Looks at all accounts again, after others may have given theirs up.
    pub(super) fn judge_all(&mut self) {
        self.members.judge_all();
        self.is_uncounted = true;
    }

    /// Ends for good. All accounts that the scheduler polls: the caller tells that they went.
    pub(super) fn dissolve(self) -> Vec<AccountName> {
        self.members.dissolve(&self.common.parts.profiles)
    }

    /// Which platform this is.
    pub(super) fn platform(&self) -> &PlatformName {
        &self.shared.caller.platform.name
    }

    /// Whether the list is being read, or has to be.
    fn is_list_due(&self) -> bool {
        !self.reading.is_empty() || self.next_round <= Instant::now()
    }

    /// Begins a round.
    fn read_list(&mut self) {
        let shared = Arc::clone(&self.shared);
        self.reading.spawn(async move {
            let began = Instant::now();
            (began, shared.authorizers.read(&shared.caller).await)
        });
    }

    fn take_list(&mut self, began: Instant, list: Result<List, ApiError>) {
        let list = match list {
            Ok(list) => list,
            Err(error) => {
                tracing::debug!(platform = %self.platform(), %error, "list of authorizers not read");
                self.next_round = Instant::now() + LIST_PAUSE.min(self.refresh_interval);
                return;
            }
        };
        self.next_round = began + self.refresh_interval;
        let (profiles, now) = (&self.common.parts.profiles, self.common.parts.clock.now());
        profiles.keep_list(&self.shared.caller.platform, now);
        self.spoilt.retain(|_, again| began < *again);
        let due = self.members.take_list(&list, profiles, now).into_iter();
        self.queue = due.filter(|app_id| !self.spoilt.contains_key(app_id)).collect();
        (self.has_list, self.is_uncounted) = (true, true);
    }

    /// Asks for the next profile.
    fn ask(&mut self) {
        let next = std::iter::from_fn(|| self.queue.pop_front()).find_map(|app_id| {
            let PlatformParts { profiles, clock, .. } = &self.common.parts;
            if self.asked.contains(&app_id) {
                return None;
            }
            let auth_time = self.members.ask(&app_id, profiles, clock.now())?;
            Some((app_id, auth_time))
        });
        let Some((app_id, auth_time)) = next else { return };
        self.asked.insert(app_id.clone());
        let (shared, common) = (Arc::clone(&self.shared), Arc::clone(&self.common));
        self.asking.spawn(async move {
            shared.caller.pacer.slot().await;
            let at = common.parts.clock.now();
            let body = [authorizer_appid(&app_id)].into_iter().collect();
            let call = ComponentCall { api: Api::AuthorizerInfo, body, secrets: &[] };
            let mut is_spoilt = false;
            let note = |error: &ApiError| is_spoilt = !error.failed_to_connect();
            let answer = shared.caller.call_noting(call, |answer| Ok(answer::profile(answer)), note).await;
            Asked { app_id, at, auth_time, answer, is_spoilt }
        });
    }

    fn take(&mut self, asked: Asked) {
        let Asked { app_id, at, auth_time, answer, is_spoilt } = asked;
        self.asked.remove(&app_id);
        match answer {
            Ok(profile) => self.see(&app_id, Seen { profile, at, auth_time }),
            Err(error) => match own_code(&error) {
                Some(NOT_AUTHORIZED) => match self.members.due_since(&app_id, at) {
                    // It was authorised anew meanwhile.
                    Some(since) if since != auth_time => self.queue.push_back(app_id),
                    _ => self.lose(&app_id),
                },
                Some(_) => {
                    tracing::debug!(
                        platform = %self.platform(),
                        app_id = app_id.as_str(),
                        %error,
                        "no profile of an authorizer"
                    );
                    // It is not asked for again in each round. What was known before still holds.
                    let known = self.members.profile(&app_id).cloned();
                    let profile = known.unwrap_or(match error.class() {
                        ErrorClass::Permission => Profile::NotPermitted,
                        _ => Profile::Unavailable,
                    });
                    self.see(&app_id, Seen { profile, at, auth_time });
                }
                None if is_spoilt => self.spoil(app_id),
                // The platform fails: the question is put again when it answers.
                None => self.queue.push_back(app_id),
            },
        }
    }

    fn see(&mut self, app_id: &AppId, seen: Seen) {
        self.common.parts.profiles.keep(self.platform(), app_id, &seen);
        self.members.see(app_id, seen);
        self.is_uncounted = true;
    }

    /// Leaves `app_id` alone until the next round. The list is what tries the platform again, if
    /// there is nothing else to ask.
    fn spoil(&mut self, app_id: AppId) {
        let now = Instant::now();
        let is_due = self.next_round <= now;
        let again = if is_due { now + self.refresh_interval } else { self.next_round };
        self.spoilt.insert(app_id, again);
        if self.queue.is_empty() {
            self.next_round = now;
        }
    }

    fn lose(&mut self, app_id: &AppId) {
        let PlatformParts { profiles, clock, .. } = &self.common.parts;
        self.members.lose(app_id, profiles, clock.now());
        self.is_uncounted = true;
    }

    /// Shows how many authorizers there are of each kind, if all is known of them that can be.
    /// Whether it did.
    fn count(&mut self) -> bool {
        let is_known = self.has_list && self.queue.is_empty() && self.asking.is_empty();
        let is_due = is_known && self.is_uncounted;
        if is_due {
            self.is_uncounted = false;
            self.shared.caller.gate.show_authorizers(Some(self.members.count()));
        }
        is_due
    }
}
