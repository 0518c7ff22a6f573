//! What an earlier process kept.

use std::collections::HashMap;

use super::record::SavedAccount;
use crate::clock::WallTime;
use crate::config::{AccountName, AppId};

/// What an earlier process kept, until somebody takes it over.
#[derive(Debug, Default)]
pub struct Restored {
    /// When that process wrote last; nothing if there was none.
    pub written_at: Option<WallTime>,
    accounts: HashMap<AccountName, SavedAccount>,
}

impl Restored {
    /// What was kept of this account, once.
    pub fn take_account(&mut self, name: &AccountName, app_id: &AppId) -> Option<SavedAccount> {
        self.accounts.remove(name).filter(|saved| saved.app_id == *app_id)
    }
}
