//! Profiles that no discovery holds: those of a former run, and those of discoveries that ended. They
//! save a call each, if nothing has changed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::roster::Seen;
use crate::config::{AppId, PlatformName};
use crate::state::record::{Record, SavedProfile};
use crate::state::saver::Saver;

/// Profiles to begin with, and where new ones are kept. Shared by all platforms.
#[derive(Debug)]
pub struct Profiles {
    idle: Mutex<HashMap<PlatformName, HashMap<AppId, Seen>>>,
    saver: Saver,
}

impl Profiles {
    /// Begins with those of a `former` run, and gives new ones to `saver`.
    pub fn new(former: Vec<SavedProfile>, saver: Saver) -> Self {
        let mut idle: HashMap<_, HashMap<_, _>> = HashMap::new();
        for SavedProfile { platform, app_id, auth_time, asked_at, profile } in former {
            idle.entry(platform).or_default().insert(app_id, Seen { profile, at: asked_at, auth_time });
        }
        Self { idle: Mutex::new(idle), saver }
    }

    /// Hands out the profile of one authorizer, if there is one.
    pub(super) fn take(&self, platform: &PlatformName, app_id: &AppId) -> Option<Seen> {
        self.idle().get_mut(platform)?.remove(app_id)
    }

    /// Takes back the profiles of a discovery that ended.
    pub(super) fn put_back(&self, platform: &PlatformName, seen: impl Iterator<Item = (AppId, Seen)>) {
        self.idle().entry(platform.clone()).or_default().extend(seen);
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

    fn idle(&self) -> MutexGuard<'_, HashMap<PlatformName, HashMap<AppId, Seen>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
