//! Tokens, line by line: those of one line replace each other, those of different lines never touch.
//! Pure: `now` is an argument.

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

/// A cloud container's token file: pushed anew every 10 minutes, each token valid for 30.
const CLOUD_RULES: TokenRules =
    TokenRules { lifetime: Duration::from_secs(1_800), overlap: Duration::from_secs(1_200) };

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Never issued, or retired since.
    Retired,
    /// Lived to its end.
    Expired,
}

impl Refusal {
    /// What a call with the token gets.
    pub(super) const fn errcode(self) -> i64 {
        match self {
            Self::Retired => 40001,
            Self::Expired => 42001,
        }
    }
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

/// Writes tokens, no two of them alike.
#[derive(Debug)]
pub(super) struct Issuer {
    place: usize,
    seed: u64,
    serial: u64,
}

impl Issuer {
    /// `place` can be read back from each token by [`place`].
    pub(super) fn new(place: usize, seed: u64) -> Self {
        Self { place, seed, serial: 0 }
    }

    fn issue(&mut self) -> Box<str> {
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
        text.into()
    }
}

/// Tokens that follow one another, as far as they can still be told from unknown ones.
#[derive(Debug)]
pub(super) struct Line {
    rules: TokenRules,
    /// In order of issue.
    issued: Vec<Issued>,
}

impl Line {
    /// No tokens yet.
    pub(super) fn new(rules: TokenRules) -> Self {
        Self { rules, issued: Vec::new() }
    }

    /// The same token until its overlap begins, then a new one beside it.
    pub(super) fn current(&mut self, now: WallTime, issuer: &mut Issuer) -> Grant {
        self.forget(now);
        let lives_on = now.plus(self.rules.overlap);
        match self.issued.last().filter(|token| token.expires > lives_on) {
            Some(current) => current.grant(now),
            None => self.issue(now, issuer),
        }
    }

    /// Always a new token; the one before works on through the overlap.
    pub(super) fn renew(&mut self, now: WallTime, issuer: &mut Issuer) -> Grant {
        self.forget(now);
        if let Some(current) = self.issued.last_mut() {
            current.retires = Some(now.plus(self.rules.overlap));
        }
        self.issue(now, issuer)
    }

    /// Whether a call may use `token`; nothing when it is none of these.
    pub(super) fn check(&self, now: WallTime, token: &str) -> Option<Result<(), Refusal>> {
        let known = self.issued.iter().rev().find(|issued| *issued.text == *token)?;
        Some(match known {
            known if known.expires <= now => Err(Refusal::Expired),
            known if known.is_retired(now) => Err(Refusal::Retired),
            _ => Ok(()),
        })
    }

    /// Ends all tokens at once.
    pub(super) fn retire_all(&mut self) {
        self.issued.clear();
    }

    /// Drops retired tokens at once and expired ones after a further lifetime: until then a caller
    /// that still holds one is told that it expired.
    fn forget(&mut self, now: WallTime) {
        let lifetime = self.rules.lifetime;
        self.issued.retain(|t| !t.is_retired(now) && t.expires.plus(lifetime) > now);
    }

    fn issue(&mut self, now: WallTime, issuer: &mut Issuer) -> Grant {
        let expires = now.plus(self.rules.lifetime);
        let token = Issued { text: issuer.issue(), expires, retires: None };
        let grant = token.grant(now);
        self.issued.push(token);
        grant
    }
}

/// The tokens that an account gets by itself.
#[derive(Debug)]
pub(super) struct Tokens {
    issuer: Issuer,
    stable: Line,
    plain: Line,
    cloud: Line,
    forced: Daily,
    last_forced: Option<WallTime>,
}

impl Tokens {
    /// No tokens yet.
    pub(super) fn new(issuer: Issuer, rules: TokenRules) -> Self {
        let (stable, plain, cloud) = (Line::new(rules), Line::new(rules), Line::new(CLOUD_RULES));
        Self { issuer, stable, plain, cloud, forced: Daily::default(), last_forced: None }
    }

    /// `stable_token` in normal mode: the same token until the overlap begins.
    pub(super) fn stable(&mut self, now: WallTime) -> Grant {
        self.stable.current(now, &mut self.issuer)
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
        self.stable.retire_all();
        Ok(self.stable(now))
    }

    /// `token`: always a new one; the one before works on through the overlap.
    pub(super) fn plain(&mut self, now: WallTime) -> Grant {
        self.plain.renew(now, &mut self.issuer)
    }

    /// What stands in the token file of a cloud container.
    pub(super) fn cloud(&mut self, now: WallTime) -> Grant {
        self.cloud.current(now, &mut self.issuer)
    }

    /// Whether a data call may use this `access_token`.
    pub(super) fn check(&self, now: WallTime, token: &str) -> Result<(), Refusal> {
        let known = self.stable.check(now, token).or_else(|| self.plain.check(now, token));
        known.unwrap_or(Err(Refusal::Retired))
    }

    /// Whether a data call may use this `cloudbase_access_token`.
    pub(super) fn check_cloud(&self, now: WallTime, token: &str) -> Result<(), Refusal> {
        self.cloud.check(now, token).unwrap_or(Err(Refusal::Retired))
    }

    /// Writes the tokens of the account's other lines.
    pub(super) fn issuer(&mut self) -> &mut Issuer {
        &mut self.issuer
    }

    /// Ends all tokens at once.
    pub(super) fn retire_all(&mut self) {
        self.stable.retire_all();
        self.plain.retire_all();
        self.cloud.retire_all();
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

/// The place of the app id that a token was issued to. Tokens carry it, opaque to clients, so that
/// a call finds its account without an index of all tokens that every account would lock.
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
