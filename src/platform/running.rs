//! The platforms that run, brought in line with each configuration. Discovery rests while that is
//! done, so that nothing changes under its hands, and nothing is told out of turn.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::anyhow;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::call::Caller;
use super::claims::Claims;
use super::component::Component;
use super::discovery::{Rounds, Until};
use super::gate::{Gate, Tally};
use super::handle::{PlatformHandle, PlatformHandles, Shared};
use super::list::Authorizers;
use super::profiles::Profiles;
use crate::clock::Clock;
use crate::config::{AccountName, ApiConfig, AppId, Platform, PlatformName};
use crate::poll::change::FleetChange;
use crate::store::Store;
use crate::token::read::Reader;
use crate::wechat::client::ApiClient;
use crate::wechat::pacer::Pacer;

/// What platforms need from outside.
#[derive(Debug)]
pub struct PlatformParts {
    /// Calls of the API.
    pub client: Arc<ApiClient>,
    /// Tokens and tickets that other programs keep.
    pub reader: Arc<Reader>,
    /// Where their readings are shown.
    pub store: Arc<Store>,
    /// The wall clock.
    pub clock: Clock,
    /// Profiles of a former run, and where new ones are kept.
    pub profiles: Profiles,
    /// Where accounts that come and go are told.
    pub changes: mpsc::Sender<FleetChange>,
    /// Most requests a second, to begin with; discovery takes at most half of them.
    pub requests_per_second: NonZeroU32,
}

/// What all discoveries share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) parts: PlatformParts,
    pub(super) claims: Arc<Claims>,
    pacer: Arc<Pacer>,
}

/// All platforms of the configuration, and their discoveries.
#[derive(Debug)]
pub struct RunningPlatforms {
    common: Arc<Common>,
    handles: Arc<PlatformHandles>,
    running: HashMap<PlatformName, Running>,
    /// By component app id, and never forgotten: a refresh token that a grant returned may be the
    /// only one that is valid.
    authorizers: HashMap<AppId, Arc<Authorizers>>,
    resting: BTreeMap<PlatformName, Rounds>,
    at_work: JoinSet<Result<Rounds, JoinError>>,
    /// Calls those at work to rest.
    rest: CancellationToken,
    /// A discovery that panicked.
    panicked: Option<JoinError>,
}

#[derive(Debug)]
struct Running {
    platform: Arc<Platform>,
    shared: Arc<Shared>,
}

impl RunningPlatforms {
    /// No platform yet.
    pub fn new(parts: PlatformParts) -> Self {
        let pacer = Arc::new(Pacer::half(parts.requests_per_second));
        Self {
            common: Arc::new(Common { parts, claims: Arc::default(), pacer }),
            handles: Arc::default(),
            running: HashMap::new(),
            authorizers: HashMap::new(),
            resting: BTreeMap::new(),
            at_work: JoinSet::new(),
            rest: CancellationToken::new(),
            panicked: None,
        }
    }

    /// Where polls find the platforms. Follows each [`RunningPlatforms::apply`].
    pub fn handles(&self) -> Arc<PlatformHandles> {
        Arc::clone(&self.handles)
    }

    /// Takes over how fast discovery may be, and how long a connection to a source may take, for what
    /// begins from then on.
    pub fn reconfigure(&self, api: &ApiConfig) {
        self.common.pacer.set_rate(api.requests_per_second);
        self.common.parts.reader.set_connect_timeout(api.connect_timeout);
    }

    /// Brings the platforms in line with a configuration that lists the app ids `by_hand`. A
    /// platform that is configured as before goes on as before. The discovered accounts that are
    /// gone by it: their platform is, or leaves them out, or they are listed by hand now. Nothing
    /// else tells that they went, and whatever told that they are there has been sent before.
    ///
    /// Discovery rests from then on until [`RunningPlatforms::resume`], so that the scheduler can
    /// be told of the whole configuration first. Makes no call and never waits for the scheduler.
    pub async fn apply(
        &mut self,
        platforms: &[Arc<Platform>],
        by_hand: impl Iterator<Item = AppId>,
    ) -> Vec<AccountName> {
        self.pause().await;
        // Without a platform nobody asks who is listed by hand, and the others are many.
        let by_hand = if platforms.is_empty() { HashSet::new() } else { by_hand.collect() };
        let listed_otherwise = self.common.claims.list_by_hand(by_hand);
        let mut gone = Vec::new();
        let mut before = std::mem::take(&mut self.running);
        let mut is_changed = !listed_otherwise.is_empty();
        // Those that go make way first: an account of theirs may be another one's too.
        let stays = |old: &Running| {
            platforms.iter().any(|new| new.name == old.platform.name && is_same_component(new, &old.platform))
        };
        for (_, old) in before.extract_if(|_, old| !stays(old)) {
            gone.extend(self.end(&old));
            is_changed = true;
        }
        for platform in platforms {
            let running = match before.remove(&platform.name) {
                Some(old) if old.platform == *platform => old,
                old => {
                    is_changed = true;
                    self.bring_up(platform, old, &mut gone)
                }
            };
            self.running.insert(platform.name.clone(), running);
        }
        if is_changed {
            for rounds in self.resting.values_mut() {
                gone.extend(rounds.heed_hand(&listed_otherwise));
            }
            self.resting.values_mut().for_each(Rounds::judge_all);
        }
        let handle = |running: &Running| PlatformHandle { shared: Arc::clone(&running.shared) };
        self.handles
            .replace(self.running.iter().map(|(name, running)| (name.clone(), handle(running))).collect());
        gone
    }

    /// Sends all discoveries to work.
    pub fn resume(&mut self) {
        self.send_to_work(Until::Told);
    }

    /// Sends all discoveries to work for one complete round each: until each has counted its
    /// authorizers, or found its platform parked, and told what it found. Fails if one panicked.
    pub async fn one_round(&mut self) -> anyhow::Result<()> {
        self.send_to_work(Until::Counted);
        self.gather().await;
        self.panicked.take().map_or(Ok(()), |panicked| Err(has_panicked(panicked)))
    }

    /// Returns when a discovery has panicked, or ended by itself: neither should ever be. May be
    /// given up and asked for again.
    pub async fn failed(&mut self) -> anyhow::Error {
        if let Some(panicked) = self.panicked.take() {
            return has_panicked(panicked);
        }
        let Some(ended) = self.at_work.join_next().await else { return std::future::pending().await };
        match ended.flatten() {
            Ok(rounds) => anyhow!("the discovery of platform `{}` ended by itself", rounds.platform()),
            Err(panicked) => has_panicked(panicked),
        }
    }

    /// Ends all discoveries. The handles work as long as they are held.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.pause().await;
        self.panicked.map_or(Ok(()), |panicked| Err(has_panicked(panicked)))
    }

    fn send_to_work(&mut self, until: Until) {
        for rounds in std::mem::take(&mut self.resting).into_values() {
            self.at_work.spawn(rounds.run(until, self.rest.clone()));
        }
    }

    async fn pause(&mut self) {
        std::mem::take(&mut self.rest).cancel();
        self.gather().await;
    }

    /// Waits for all discoveries to rest.
    async fn gather(&mut self) {
        while let Some(came) = self.at_work.join_next().await {
            match came.flatten() {
                Ok(rounds) => {
                    self.resting.insert(rounds.platform().clone(), rounds);
                }
                Err(panicked) => self.panicked = Some(panicked),
            }
        }
    }

    /// Ends a platform; its accounts.
    fn end(&mut self, old: &Running) -> Vec<AccountName> {
        let name = &old.platform.name;
        old.shared.caller.gate.retire();
        self.common.parts.store.forget_platform(name);
        self.resting.remove(name).map_or_else(Vec::new, Rounds::dissolve)
    }

    /// A platform as it is configured now, in place of `old`, which has the same component app id.
    fn bring_up(
        &mut self,
        platform: &Arc<Platform>,
        old: Option<Running>,
        gone: &mut Vec<AccountName>,
    ) -> Running {
        let caller = match &old {
            Some(old) if is_same_connection(platform, &old.platform) => Arc::clone(&old.shared.caller),
            Some(old) => {
                let before = &old.shared.caller;
                let has_same_token = platform.component_token == old.platform.component_token;
                let component = if has_same_token { Arc::clone(&before.component) } else { Arc::default() };
                self.caller(platform, component, before.gate.retire())
            }
            None => self.caller(platform, Arc::default(), None),
        };
        let gate = &caller.gate;
        let authorizers = self.authorizers.entry(platform.component_app_id.clone()).or_default();
        let authorizers = Arc::clone(authorizers);
        let shared = match (self.resting.remove(&platform.name), &platform.discovery, old) {
            (Some(mut rounds), Some(settings), Some(old)) => {
                gone.extend(rounds.reconfigure(platform, settings.clone()));
                let mut shared = old.shared;
                if !Arc::ptr_eq(&shared.caller, &caller) {
                    let lost = shared.lost.clone();
                    shared = Arc::new(Shared { caller, authorizers, lost });
                    rounds.reconnect(Arc::clone(&shared));
                }
                self.resting.insert(platform.name.clone(), rounds);
                shared
            }
            (rounds, settings, _) => {
                gone.extend(rounds.map_or_else(Vec::new, Rounds::dissolve));
                gate.show_authorizers(None);
                let (lost, found_lost) = mpsc::unbounded_channel();
                let shared = Arc::new(Shared { caller, authorizers, lost });
                if let Some(settings) = settings {
                    let (common, shared) = (Arc::clone(&self.common), Arc::clone(&shared));
                    let rounds = Rounds::new(common, shared, found_lost, platform, settings.clone());
                    self.resting.insert(platform.name.clone(), rounds);
                }
                shared
            }
        };
        Running { platform: Arc::clone(platform), shared }
    }

    fn caller(
        &self,
        platform: &Arc<Platform>,
        component: Arc<Component>,
        authorizers: Option<Tally>,
    ) -> Arc<Caller> {
        let PlatformParts { client, reader, store, clock, .. } = &self.common.parts;
        let gate = Gate::new(platform.name.clone(), Arc::clone(store), *clock, authorizers);
        Arc::new(Caller {
            platform: Arc::clone(platform),
            client: Arc::clone(client),
            reader: Arc::clone(reader),
            gate,
            pacer: Arc::clone(&self.common.pacer),
            component,
        })
    }
}

/// Under another component app id it is another platform.
fn is_same_component(new: &Platform, old: &Platform) -> bool {
    new.component_app_id == old.component_app_id
}

/// Whether the platform is called as before.
fn is_same_connection(new: &Platform, old: &Platform) -> bool {
    let Platform {
        name,
        component_app_id,
        endpoint,
        component_token,
        authorizer_token,
        discovery: _,
        refresh_interval: _,
    } = new;
    *name == old.name
        && *component_app_id == old.component_app_id
        && *endpoint == old.endpoint
        && *component_token == old.component_token
        && *authorizer_token == old.authorizer_token
}

fn has_panicked(panicked: JoinError) -> anyhow::Error {
    anyhow::Error::new(panicked).context("the discovery of a platform panicked")
}

#[cfg(test)]
mod tests;
