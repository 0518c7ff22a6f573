//! Finds a platform's accounts, in rounds: the list first, then the profiles of those who are new
//! or changed. A round that the platform cuts short goes on when it answers again.

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::answer::{self, Profile};
use super::call::{ComponentCall, authorizer_appid, own_code};
use super::claims::{Claim, Claims};
use super::gate::Tally;
use super::roster::{Roster, Verdict};
use super::{NOT_AUTHORIZED, Shared};
use crate::config::platform::Discovery;
use crate::config::{AccountName, AppId, PlatformName};
use crate::poll::change::FleetChange;
use crate::store::AuthorizerState;
use crate::wechat::api::Api;
use crate::wechat::error::ApiError;
use crate::wechat::pacer::Pacer;

/// Most profiles asked for at once: enough for half of any sensible rate at usual latencies.
const MOST_AT_ONCE: usize = 32;
/// Least time between two tries of a list that failed though the platform may be called.
const LIST_PAUSE: Duration = Duration::from_secs(1);

/// Discovery at work.
#[derive(Debug)]
pub(super) struct Rounds {
    shared: Arc<Shared>,
    claims: Arc<Claims>,
    changes: mpsc::Sender<FleetChange>,
    lost: mpsc::UnboundedReceiver<AppId>,
    pacer: Arc<Pacer>,
    roster: Roster,
    next_round: Instant,
    /// Whose profile this round has still to ask for.
    queue: VecDeque<AppId>,
    asking: JoinSet<(AppId, Result<Profile, ApiError>)>,
    /// Whose profile is being asked for.
    asked: HashSet<AppId>,
    /// Whether something has changed since the authorizers were counted.
    is_uncounted: bool,
    /// Accounts that another platform was found to poll.
    duplicates: HashSet<AppId>,
    /// Those of them that the log does not know of yet.
    new_duplicates: Vec<(AppId, PlatformName)>,
}

impl Rounds {
    pub(super) fn new(
        shared: Arc<Shared>,
        settings: Discovery,
        claims: Arc<Claims>,
        changes: mpsc::Sender<FleetChange>,
        lost: mpsc::UnboundedReceiver<AppId>,
        requests_per_second: NonZeroU32,
    ) -> Self {
        let platform = &shared.caller.platform;
        let roster = Roster::new(settings, platform.name.clone(), &platform.authorizer_token);
        Self {
            shared,
            claims,
            changes,
            lost,
            pacer: Arc::new(Pacer::half(requests_per_second)),
            roster,
            next_round: Instant::now(),
            queue: VecDeque::new(),
            asking: JoinSet::new(),
            asked: HashSet::new(),
            is_uncounted: false,
            duplicates: HashSet::new(),
            new_duplicates: Vec::new(),
        }
    }

    /// Goes round for as long as it is let.
    pub(super) async fn run(mut self) {
        loop {
            if self.queue.is_empty() && self.asking.is_empty() && self.is_uncounted {
                self.count();
            }
            let shared = Arc::clone(&self.shared);
            let gate = &shared.caller.gate;
            let may_ask = !self.queue.is_empty() && self.asking.len() < MOST_AT_ONCE;
            let list_due = async |at| {
                sleep_until(at).await;
                gate.open().await;
            };
            tokio::select! {
                Some(app_id) = self.lost.recv() => self.lose(&app_id).await,
                Some(asked) = self.asking.join_next() => self.take(asked).await,
                () = list_due(self.next_round) => self.list().await,
                () = gate.open(), if may_ask => self.ask(),
            }
        }
    }

    fn platform(&self) -> &PlatformName {
        &self.shared.caller.platform.name
    }

    /// Begins a round: reads the list, lets go who was missing twice, and queues who is new.
    async fn list(&mut self) {
        let began = Instant::now();
        let interval = self.shared.caller.platform.refresh_interval;
        let list = match self.shared.authorizers.read(&self.shared.caller).await {
            Ok(list) => list,
            Err(error) => {
                tracing::debug!(platform = %self.platform(), %error, "list of authorizers not read");
                self.next_round = Instant::now() + LIST_PAUSE.min(interval);
                return;
            }
        };
        self.next_round = began + interval;
        for app_id in self.roster.take_list(&list) {
            let account = self.roster.forget(&app_id);
            self.duplicates.remove(&app_id);
            self.let_go(&app_id, account).await;
        }
        let mut due = self.roster.due(began);
        // Nothing need be known of an account that the operator has listed by hand.
        due.retain(|app_id| !self.asked.contains(app_id) && !self.claims.is_by_hand(app_id));
        self.queue = due.into();
        for app_id in self.roster.app_ids() {
            self.judge(&app_id).await;
        }
        self.is_uncounted = true;
    }

    /// Asks for the next profile.
    fn ask(&mut self) {
        let Some(app_id) = self.queue.pop_front() else { return };
        self.asked.insert(app_id.clone());
        let (shared, pacer) = (Arc::clone(&self.shared), Arc::clone(&self.pacer));
        self.asking.spawn(async move {
            pacer.slot().await;
            let body = [authorizer_appid(&app_id)].into_iter().collect();
            let call = ComponentCall { api: Api::AuthorizerInfo, body, secrets: &[] };
            let profile = shared.caller.call(call, |answer| Ok(answer::profile(answer))).await;
            (app_id, profile)
        });
    }

    async fn take(&mut self, asked: Result<(AppId, Result<Profile, ApiError>), JoinError>) {
        let Ok((app_id, profile)) = asked else { return };
        self.asked.remove(&app_id);
        match profile {
            Ok(profile) => {
                self.roster.see(&app_id, profile, Instant::now());
                self.judge(&app_id).await;
                self.is_uncounted = true;
            }
            Err(error) => match own_code(&error) {
                Some(NOT_AUTHORIZED) => self.lose(&app_id).await,
                Some(_) => {
                    let (platform, app_id) = (self.platform(), app_id.as_str());
                    tracing::debug!(%platform, app_id, %error, "no profile of an authorizer");
                }
                // The platform fails: the question is put again when it answers.
                None => self.queue.push_back(app_id),
            },
        }
    }

    /// Lets an account in, or go, by what is known of it now.
    async fn judge(&mut self, app_id: &AppId) {
        let nickname = match self.roster.verdict(app_id) {
            Verdict::Unknown => return,
            Verdict::Skipped(_) => {
                let account = self.roster.withdraw(app_id);
                return self.let_go(app_id, account).await;
            }
            Verdict::Polled(nickname) => nickname,
        };
        match self.claims.claim(app_id, self.platform()) {
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
            self.tell(FleetChange::Set(account)).await;
        }
    }

    async fn lose(&mut self, app_id: &AppId) {
        let account = self.roster.lose(app_id);
        self.let_go(app_id, account).await;
        self.is_uncounted = true;
    }

    async fn let_go(&self, app_id: &AppId, account: Option<AccountName>) {
        self.claims.release(app_id, self.platform());
        if let Some(name) = account {
            self.tell(FleetChange::Gone(name)).await;
        }
    }

    async fn tell(&self, change: FleetChange) {
        if self.changes.send(change).await.is_err() {
            tracing::debug!(platform = %self.platform(), "nobody takes the changes of the fleet any more");
        }
    }

    /// Ends a round: shows how many authorizers there are of each kind.
    fn count(&mut self) {
        self.is_uncounted = false;
        let mut tally = Tally::default();
        for (app_id, state) in self.roster.states() {
            let state = if self.claims.is_by_hand(app_id) { Some(AuthorizerState::Duplicate) } else { state };
            if let Some(state) = state {
                tally[state as usize] += 1;
            }
        }
        self.shared.caller.gate.show_authorizers(tally);
        // One line for all of them: there may be thousands.
        let new = std::mem::take(&mut self.new_duplicates);
        if let Some((app_id, other)) = new.first() {
            tracing::warn!(
                platform = %self.platform(),
                accounts = new.len(),
                app_id = app_id.as_str(),
                %other,
                "accounts authorised another platform too, which polls them: exclude them here or there"
            );
        }
    }
}
