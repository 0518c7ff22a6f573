//! What is known of authorizers that no discovery holds: by a former run, and by discoveries that
//! ended. It saves calls, if nothing has changed.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::roster::Seen;
use crate::clock::WallTime;
use crate::config::{AppId, Platform, PlatformName};
use crate::state::record::{Record, SavedList, SavedProfile};
use crate::state::restored::FormerPlatforms;
use crate::state::saver::Saver;

/// Profiles to begin with, and where new ones are kept. Shared by all platforms.
#[derive(Debug)]
pub struct Profiles {
    idle: Mutex<Idle>,
    saver: Saver,
}

#[derive(Debug, Default)]
struct Idle {
    profiles: HashMap<PlatformName, HashMap<AppId, Seen>>,
    /// Of a former run, as the next.
    lists: HashMap<PlatformName, SavedList>,
    polled: HashSet<AppId>,
}

/// What a former run knew of a platform.
#[derive(Debug)]
pub(super) struct Former {
    /// When it read the list last.
    pub(super) read_at: WallTime,
    /// Authorizers with their profiles, and whether it polled them.
    pub(super) authorizers: Vec<(AppId, Seen, bool)>,
}

impl Profiles {
    /// Begins with what a `former` run knew, and gives what is new to `saver`.
    pub fn new(former: FormerPlatforms, saver: Saver) -> Self {
        let FormerPlatforms { profiles, lists, polled } = former;
        let lists = lists.into_iter().map(|list| (list.platform.clone(), list)).collect();
        let mut idle = Idle { profiles: HashMap::new(), lists, polled };
        for SavedProfile { platform, app_id, auth_time, asked_at, profile } in profiles {
            let of_platform = idle.profiles.entry(platform).or_default();
            of_platform.insert(app_id, Seen { profile, at: asked_at, auth_time });
        }
        Self { idle: Mutex::new(idle), saver }
    }

    /// Hands out all that a former run knew of `platform`, once; nothing if that never read its list.
    pub(super) fn take_former(&self, platform: &Platform) -> Option<Former> {
        let mut idle = self.idle();
        let list = idle.lists.remove(&platform.name)?;
        if list.component_app_id != platform.component_app_id {
            return None;
        }
        let profiles = idle.profiles.remove(&platform.name).unwrap_or_default();
        let authorizers = profiles.into_iter().map(|(app_id, seen)| {
            let was_polled = idle.polled.contains(&app_id);
            (app_id, seen, was_polled)
        });
        Some(Former { read_at: list.read_at, authorizers: authorizers.collect() })
    }

    /// Hands out the profile of one authorizer, if there is one.
    pub(super) fn take(&self, platform: &PlatformName, app_id: &AppId) -> Option<Seen> {
        self.idle().profiles.get_mut(platform)?.remove(app_id)
    }

    /// Takes back the profiles of a discovery that ended.
    pub(super) fn put_back(&self, platform: &PlatformName, seen: impl Iterator<Item = (AppId, Seen)>) {
        self.idle().profiles.entry(platform.clone()).or_default().extend(seen);
    }

    /// Keeps a new profile over a restart.
    pub(super) fn keep(&self, platform: &PlatformName, app_id: &AppId, seen: &Seen) {
        self.saver.keep(Record::Profile(SavedProfile {
            platform: platform.clone(),
            app_id: app_id.clone(),
            auth_time: seen.auth_time,
            asked_at: seen.at,
            profile: seen.profile.clone(),
        }));
    }

    /// Keeps over a restart that the list was read.
    pub(super) fn keep_list(&self, platform: &Platform, read_at: WallTime) {
        self.saver.keep(Record::List(SavedList {
            platform: platform.name.clone(),
            component_app_id: platform.component_app_id.clone(),
            read_at,
        }));
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
