//! Whether a password is right. A check is slow on purpose, so it runs beside the runtime, one at a
//! time, and a password that was right is remembered: by a keyed hash, under a key that nobody has.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand::SystemRandom;
use tokio::task::spawn_blocking;

use crate::config::web::{PasswordHash, WebUser};
use crate::web::guard::Origin;
use crate::web::guard::credentials::Credentials;
use crate::web::guard::turns::{Crowded, Turns};

/// The users that are known, in name order.
#[derive(Debug)]
pub(super) struct Passwords(Vec<Known>);

#[derive(Debug)]
struct Known {
    user: WebUser,
    /// Of the password that was found right. Held for a few instructions only, never across an await.
    right: Mutex<Option<hmac::Tag>>,
}

impl Known {
    fn new(user: WebUser, right: Option<hmac::Tag>) -> Self {
        Self { user, right: Mutex::new(right) }
    }

    fn right(&self) -> Option<hmac::Tag> {
        *self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_right(&self, tag: &hmac::Tag) -> bool {
        self.right().is_some_and(|right| verify_slices_are_equal(right.as_ref(), tag.as_ref()).is_ok())
    }

    fn remember(&self, tag: hmac::Tag) {
        *self.right.lock().unwrap_or_else(PoisonError::into_inner) = Some(tag);
    }
}

impl Passwords {
    /// None of them is remembered yet. `users` are in name order.
    pub(super) fn new(users: Vec<WebUser>) -> Self {
        Self(users.into_iter().map(|user| Known::new(user, None)).collect())
    }

    /// Those of `users`; what is remembered stays so for each whose hash is the same.
    pub(super) fn replaced_by(&self, users: Vec<WebUser>) -> Self {
        let right =
            |user: &WebUser| self.find(user.name.as_bytes()).filter(|known| known.user == *user)?.right();
        let known = |user: WebUser| {
            let right = right(&user);
            Known::new(user, right)
        };
        Self(users.into_iter().map(known).collect())
    }

    /// Whether nobody is asked for a password.
    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    fn find(&self, name: &[u8]) -> Option<&Known> {
        let at = self.0.binary_search_by(|known| known.user.name.as_bytes().cmp(name)).ok()?;
        self.0.get(at)
    }

    /// The hash to check a password against that belongs to nobody: always the same for the same name,
    /// and as likely to be a slow one as that of a user. So the time tells nothing of who is known.
    fn decoy(&self, key: &hmac::Key, name: &[u8]) -> Option<&PasswordHash> {
        let tag = hmac::sign(key, name);
        let number = tag.as_ref().first_chunk().map(|bytes| usize::from_le_bytes(*bytes))?;
        let at = number.checked_rem(self.0.len())?;
        self.0.get(at).map(|known| &known.user.hash)
    }
}

/// What comes of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// There were too many to look.
    Crowded,
}

/// Checks passwords.
pub(super) struct Checks {
    /// Made at the start, and never leaves the process.
    key: hmac::Key,
    turns: Arc<Turns>,
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checks").finish_non_exhaustive()
    }
}

impl Checks {
    /// With a key of its own. Fails only where the system has no random numbers.
    pub(super) fn new() -> Result<Self, Unspecified> {
        let key = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new())?;
        Ok(Self { key, turns: Arc::default() })
    }

    /// Whether `credentials` are those of a user. A wrong password and an unknown name take the same time.
    pub(super) async fn check(
        &self,
        passwords: &Passwords,
        credentials: Credentials,
        origin: Origin,
    ) -> Verdict {
        let Credentials { name, password } = credentials;
        let known = passwords.find(&name);
        let tag = hmac::sign(&self.key, &password);
        let is_remembered = || known.is_some_and(|known| known.is_right(&tag));
        if is_remembered() {
            return Verdict::Right;
        }
        let turn = match self.turns.take(origin).await {
            Ok(turn) => turn,
            Err(Crowded) => return Verdict::Crowded,
        };
        // Somebody before us may have brought the same one.
        if is_remembered() {
            return Verdict::Right;
        }
        let hash = known.map(|known| &known.user.hash).or_else(|| passwords.decoy(&self.key, &name));
        let Some(hash) = hash.cloned() else { return Verdict::Wrong };
        // The turn is held until the check ends, even if nobody waits for it any more.
        let check = spawn_blocking(move || {
            let is_right = hash.is_of(&password);
            drop(turn);
            is_right
        });
        match (check.await, known) {
            (Ok(true), Some(known)) => {
                known.remember(tag);
                Verdict::Right
            }
            _ => Verdict::Wrong,
        }
    }
}

#[cfg(test)]
mod tests;
