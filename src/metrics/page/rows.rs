//! What the families are made of that every account has, gathered in one pass over the readings: each
//! family is a pass of its own, and to follow pointers to every account in each costs more than to write.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::WallTime;
use crate::config::PerKind;
use crate::metrics::write::{PIECE_ROOM, Piece, push_label};
use crate::store::{LastPoll, MaterialCounts, Readings};

/// What ends the labels of a series that has the account's alone.
const LABELS_END: &[u8] = b"} ";

/// One account's numbers.
pub(super) struct Row {
    /// Where the account's label stands.
    labels: Range<usize>,
    /// The counts that are still held.
    pub(super) counts: Option<MaterialCounts>,
    pub(super) limits: PerKind<u64>,
    pub(super) up: Option<bool>,
    pub(super) last_success: Option<WallTime>,
    pub(super) next_poll: WallTime,
    pub(super) interval: Duration,
    pub(super) polls: u64,
    pub(super) failures: u64,
    pub(super) token_refreshes: u64,
    pub(super) token_rejections: u64,
}

/// All accounts of a page.
pub(super) struct Rows<'a> {
    readings: &'a [Arc<Readings>],
    /// `{account="…"} ` of every account, one after another, and room behind the last.
    labels: Vec<u8>,
    numbers: Vec<Row>,
    /// Which accounts have more than a [`Row`] tells.
    special: Vec<usize>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(readings: &'a [Arc<Readings>], now: WallTime) -> Self {
        let mut rows = Self {
            readings,
            labels: Vec::new(),
            numbers: Vec::with_capacity(readings.len()),
            special: Vec::new(),
        };
        for (at, one) in readings.iter().enumerate() {
            rows.push(at, one, now);
        }
        rows.labels.extend_from_slice(&PIECE_ROOM);
        rows
    }

    fn push(&mut self, at: usize, readings: &Readings, now: WallTime) {
        let labels_start = self.labels.len();
        self.labels.push(b'{');
        push_label(&mut self.labels, "account", readings.account.name.as_str());
        let labels = labels_start..self.labels.len();
        self.labels.extend_from_slice(LABELS_END);
        let up = match readings.last_poll {
            LastPoll::Pending => None,
            LastPoll::Succeeded => Some(true),
            LastPoll::Failed(_) => Some(false),
        };
        self.numbers.push(Row {
            labels,
            counts: readings.held(now).map(|good| good.counts),
            limits: readings.account.limits.items,
            up,
            last_success: readings.last_good.as_ref().map(|good| good.at),
            next_poll: readings.next_poll,
            interval: readings.interval,
            polls: readings.polls,
            failures: readings.failures,
            token_refreshes: readings.token_refreshes,
            token_rejections: readings.token_rejections,
        });
        let collects_more = readings.draft.is_some() || readings.quota.is_some();
        if readings.account.limits.pooled || collects_more || up == Some(false) {
            self.special.push(at);
        }
    }

    /// Every account's row and readings.
    pub(super) fn all(&self) -> impl Iterator<Item = (&Row, &'a Readings)> {
        self.numbers.iter().zip(self.readings.iter().map(AsRef::as_ref))
    }

    /// The accounts that fail, pool their limits, or have optional collectors.
    pub(super) fn special(&self) -> impl Iterator<Item = (&Row, &'a Readings)> {
        self.special.iter().map(|&at| (&self.numbers[at], self.readings[at].as_ref()))
    }

    /// `{account="…"`
    pub(super) fn labels(&self, of: &Row) -> Piece<'_> {
        Piece::of(&self.labels[of.labels.start..], of.labels.len())
    }

    /// `{account="…"} `
    pub(super) fn only_label(&self, of: &Row) -> Piece<'_> {
        Piece::of(&self.labels[of.labels.start..], of.labels.len() + LABELS_END.len())
    }
}
