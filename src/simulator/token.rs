//! The tokens of one account: stable and plain ones, which never touch each other. Pure: `now` is an
//! argument.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::clock::WallTime;
use crate::simulator::quota::Daily;

/// What the platform says about forced refreshes.
const FORCED_PER_DAY: u64 = 20;
const FORCED_APART: Duration = Duration::from_secs(30);

/// Digits of a token, of 6 bits each.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const NUMBER: &str = "98_";
/// Digits that a `u64` takes.
const WORD: usize = 11;
/// Words after the first: with it and the number 135 characters, as long as tokens seen in public.
const RANDOM_WORDS: u64 = 11;
/// Keeps the first word of a token from looking like a small number.
const VEIL: u64 = 0x9e37_79b9_7f4a_7c15;

/// How long tokens live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TokenRules {
    /// From issue to expiry.
    pub lifetime: Duration,
    /// How long an old and a new token work side by side.
    pub overlap: Duration,
}

/// What a token call brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub token: Box<str>,
    pub expires_in_seconds: u64,
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Never issued, or retired since.
    Retired,
    /// Lived to its end.
    Expired,
}

/// The day's forced refreshes are used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ForcedTooOften;

#[derive(Debug)]
struct Issued {
    text: Box<str>,
    expires: WallTime,
    /// When a newer token ends it before its expiry.
    retires: Option<WallTime>,
}

/// All tokens of one account that can still be told from unknown ones.
#[derive(Debug)]
pub(super) struct Tokens {
    rules: TokenRules,
    place: usize,
    seed: u64,
    serial: u64,
    /// In order of issue.
    stable: Vec<Issued>,
    /// In order of issue.
    plain: Vec<Issued>,
    forced: Daily,
    last_forced: Option<WallTime>,
}

impl Tokens {
    /// No tokens yet. `place` can be read back from each token by [`place`].
    pub(super) fn new(place: usize, seed: u64, rules: TokenRules) -> Self {
        let (stable, plain) = (Vec::new(), Vec::new());
        Self { rules, place, seed, serial: 0, stable, plain, forced: Daily::default(), last_forced: None }
    }

    /// `stable_token` in normal mode: the same token until the overlap begins.
    pub(super) fn stable(&mut self, now: WallTime) -> Grant {
        self.forget(now);
        if let Some(current) = self.stable.last().filter(|t| t.expires > now.plus(self.rules.overlap)) {
            return current.grant(now);
        }
        let issued = self.issue(now);
        let grant = issued.grant(now);
        self.stable.push(issued);
        grant
    }

    /// `stable_token` in forced mode. A call too close to the last one does not refresh.
    pub(super) fn force(&mut self, now: WallTime) -> Result<Grant, ForcedTooOften> {
        if self.last_forced.is_some_and(|last| now.since(last) < FORCED_APART) {
            return Ok(self.stable(now));
        }
        if !self.forced.take(now, FORCED_PER_DAY) {
            return Err(ForcedTooOften);
        }
        self.last_forced = Some(now);
        self.stable.clear();
        Ok(self.stable(now))
    }

    /// `token`: always a new one; the one before works on through the overlap.
    pub(super) fn plain(&mut self, now: WallTime) -> Grant {
        self.forget(now);
        if let Some(current) = self.plain.last_mut() {
            current.retires = Some(now.plus(self.rules.overlap));
        }
        let issued = self.issue(now);
        let grant = issued.grant(now);
        self.plain.push(issued);
        grant
    }

    /// Whether a data call may use this token.
    pub(super) fn check(&self, now: WallTime, token: &str) -> Result<(), Refusal> {
        let known = self.stable.iter().chain(&self.plain).rev().find(|t| *t.text == *token);
        match known {
            Some(t) if t.expires <= now => Err(Refusal::Expired),
            Some(t) if !t.is_retired(now) => Ok(()),
            Some(_) | None => Err(Refusal::Retired),
        }
    }

    /// Ends all tokens at once.
    pub(super) fn retire_all(&mut self) {
        self.stable.clear();
        self.plain.clear();
    }

    /// Drops retired tokens at once and expired ones after a further lifetime: until then a caller
    /// that still holds one is told that it expired.
    fn forget(&mut self, now: WallTime) {
        let lifetime = self.rules.lifetime;
        let keep = |t: &Issued| !t.is_retired(now) && t.expires.plus(lifetime) > now;
        self.stable.retain(keep);
        self.plain.retain(keep);
    }

    fn issue(&mut self, now: WallTime) -> Issued {
        self.serial += 1;
        let mut text = String::with_capacity(NUMBER.len() + WORD * 12);
        text.push_str(NUMBER);
        push_word(&mut text, self.place as u64 ^ VEIL);
        for word in 0..RANDOM_WORDS {
            push_word(
                &mut text,
                xxh3_64_with_seed(&[self.serial, word].map(u64::to_le_bytes).concat(), self.seed),
            );
        }
        Issued { text: text.into(), expires: now.plus(self.rules.lifetime), retires: None }
    }
}

impl Issued {
    fn is_retired(&self, now: WallTime) -> bool {
        self.retires.is_some_and(|at| at <= now)
    }

    fn grant(&self, now: WallTime) -> Grant {
        Grant { token: self.text.clone(), expires_in_seconds: self.expires.since(now).as_secs() }
    }
}

/// The place of the account that a token was issued to. Tokens carry it, opaque to clients, so that
/// a data call finds its account without an index of all tokens that every account would lock.
pub(super) fn place(token: &str) -> Option<usize> {
    let word = token.strip_prefix(NUMBER)?.get(..WORD)?;
    let digit = |b: u8| DIGITS.iter().position(|&d| d == b);
    let value = word.bytes().rev().try_fold(0u64, |value, b| Some(value << 6 | digit(b)? as u64))?;
    usize::try_from(value ^ VEIL).ok()
}

/// Writes `word` as 11 digits, lowest first.
fn push_word(text: &mut String, word: u64) {
    text.extend((0..WORD).map(|digit| char::from(DIGITS[(word >> (6 * digit) & 63) as usize])));
}
