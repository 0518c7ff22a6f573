//! Who polls which app id: an account is polled once, however many platforms it authorised.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::config::{AppId, PlatformName};

/// The app ids that are taken. Shared by all platforms.
#[derive(Debug, Default)]
pub(super) struct Claims {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_hand: HashSet<AppId>,
    by_platform: HashMap<AppId, PlatformName>,
}

/// Who may poll an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// The platform that asked.
    Granted,
    /// It is listed in the configuration.
    ByHand,
    /// Another platform.
    Other(PlatformName),
}

impl Claims {
    /// Takes over what the configuration lists now. The app ids that were not listed before, or
    /// are no longer. A platform keeps its claim on a listed one until it releases it.
    pub(super) fn list_by_hand(&self, by_hand: HashSet<AppId>) -> Vec<AppId> {
        let mut taken = self.taken();
        let changed = taken.by_hand.symmetric_difference(&by_hand).cloned().collect();
        taken.by_hand = by_hand;
        changed
    }

    /// Whether the configuration lists `app_id`.
    pub(super) fn is_by_hand(&self, app_id: &AppId) -> bool {
        self.taken().by_hand.contains(app_id)
    }

    /// Takes `app_id` for `platform`, if it is free.
    pub(super) fn claim(&self, app_id: &AppId, platform: &PlatformName) -> Claim {
        let mut taken = self.taken();
        if taken.by_hand.contains(app_id) {
            return Claim::ByHand;
        }
        let owner = taken.by_platform.entry(app_id.clone()).or_insert_with(|| platform.clone());
        if owner == platform { Claim::Granted } else { Claim::Other(owner.clone()) }
    }

    /// Gives back what `platform` took.
    pub(super) fn release(&self, app_id: &AppId, platform: &PlatformName) {
        let mut taken = self.taken();
        if taken.by_platform.get(app_id) == Some(platform) {
            taken.by_platform.remove(app_id);
        }
    }

    /// Gives back all that `platform` took.
    pub(super) fn release_all(&self, platform: &PlatformName) {
        self.taken().by_platform.retain(|_, owner| owner != platform);
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_belongs_to_the_first_who_asks_and_to_the_hand_before_all() {
        let id = |text: &str| AppId::parse(text).unwrap();
        let (first, second) = (PlatformName::parse("one").unwrap(), PlatformName::parse("two").unwrap());
        let claims = Claims::default();
        let listed = id("wx00000000000000aa");
        assert_eq!(claims.list_by_hand([listed.clone()].into()), std::slice::from_ref(&listed));
        assert_eq!(claims.claim(&listed, &first), Claim::ByHand);
        let free = id("wx00000000000000bb");
        assert_eq!(claims.claim(&free, &first), Claim::Granted);
        assert_eq!(claims.claim(&free, &first), Claim::Granted);
        assert_eq!(claims.claim(&free, &second), Claim::Other(first.clone()));
        claims.release(&free, &second);
        assert_eq!(claims.claim(&free, &second), Claim::Other(first.clone()));
        claims.release(&free, &first);
        assert_eq!(claims.claim(&free, &second), Claim::Granted);
        assert_eq!(claims.list_by_hand(HashSet::new()), std::slice::from_ref(&listed));
        assert_eq!(claims.claim(&listed, &first), Claim::Granted);
    }
}
