//! What a state file held at the start, to be taken by those it is about; and what was wrong with it.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::line::VERSION;
use super::record::{Record, SavedAccount, SavedList, SavedProfile};
use crate::clock::WallTime;
use crate::config::{AccountName, AppId, PlatformName};

/// The records of a state file, the last of each account and authorizer.
#[derive(Debug, Default)]
pub struct Restored {
    /// When the file was written last; none if there was nothing to restore.
    pub written_at: Option<WallTime>,
    pub(super) accounts: HashMap<AccountName, SavedAccount>,
    pub(super) profiles: HashMap<(PlatformName, AppId), SavedProfile>,
    pub(super) lists: HashMap<PlatformName, SavedList>,
}

/// What was kept of third-party platforms, in no order.
#[derive(Debug, Default)]
pub struct FormerPlatforms {
    /// Of their authorizers.
    pub profiles: Vec<SavedProfile>,
    /// Of their lists.
    pub lists: Vec<SavedList>,
    /// The authorizers that were polled.
    pub polled: HashSet<AppId>,
}

impl Restored {
    /// Whether anything was kept of this account.
    pub fn has_account(&self, name: &AccountName, app_id: &AppId) -> bool {
        self.accounts.get(name).is_some_and(|saved| saved.app_id == *app_id)
    }

    /// Gives memory back after most was taken out.
    pub fn shrink(&mut self) {
        self.accounts.shrink_to_fit();
    }

    /// Takes out what was kept of the account `name`. Nothing if that was another account.
    pub fn take_account(&mut self, name: &AccountName, app_id: &AppId) -> Option<SavedAccount> {
        self.accounts.remove(name).filter(|saved| saved.app_id == *app_id)
    }

    /// Takes out what was kept of all platforms.
    pub fn take_platforms(&mut self) -> FormerPlatforms {
        let profiles: Vec<_> = std::mem::take(&mut self.profiles).into_values().collect();
        let authorizers = profiles.iter().map(|saved| &saved.app_id);
        // A discovered account is named by its app id.
        let was_polled = |app_id: &&AppId| {
            AccountName::parse(app_id.as_str()).is_some_and(|name| self.has_account(&name, app_id))
        };
        let polled = authorizers.filter(was_polled).cloned().collect();
        FormerPlatforms { profiles, lists: std::mem::take(&mut self.lists).into_values().collect(), polled }
    }

    /// As if these were in a file that was written last at `written_at`.
    #[cfg(test)]
    pub(crate) fn of(written_at: Option<WallTime>, accounts: impl Iterator<Item = SavedAccount>) -> Self {
        let accounts = accounts.map(|account| (account.name.clone(), account)).collect();
        Self { written_at, accounts, profiles: HashMap::new(), lists: HashMap::new() }
    }

    pub(super) fn put(&mut self, record: Record) {
        match record {
            Record::Account(account) => drop(self.accounts.insert(account.name.clone(), account)),
            Record::Profile(profile) => {
                drop(self.profiles.insert((profile.platform.clone(), profile.app_id.clone()), profile));
            }
            Record::List(list) => drop(self.lists.insert(list.platform.clone(), list)),
        }
    }
}

/// Something wrong with a state file, to be told; the exporter starts all the same.
#[derive(Debug)]
pub enum Trouble {
    /// It cannot be made sure that no other process uses the file.
    NotLocked {
        /// The file that is locked for it.
        lock: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The file is there and cannot be read: it is left as it is.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Some lines cannot be read.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// How many.
        lines: u64,
        /// Number of the first of them, from 1.
        first: u64,
    },
    /// The file is of another version than this exporter's.
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// The file is somebody else's: it is left as it is.
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLocked { lock, error } => write!(
                f,
                "cannot lock `{}`: {error}: make sure that no other process uses this state file",
                lock.display()
            ),
            Self::Unreadable { path, error } => write!(
                f,
                "cannot read the state file `{}`: {error}: nothing is restored, and nothing is saved until it can be read",
                path.display()
            ),
            Self::Corrupt { path, lines, first } => write!(
                f,
                "the state file `{path}` is corrupt from line {first}, in {lines} of its lines: the others are used, and the file is kept as `{path}.corrupt`",
                path = path.display()
            ),
            Self::OtherVersion { path, version } => write!(
                f,
                "the state file `{path}` is of version {version}, this exporter's of version {VERSION}: nothing is restored, and the file is kept as `{path}.version-{version}`",
                path = path.display()
            ),
            Self::Foreign { path } => write!(
                f,
                "`{}` is no state file of this exporter: nothing is restored, and nothing is saved while it is there: move it away, or name another file by `--state.file`",
                path.display()
            ),
        }
    }
}
