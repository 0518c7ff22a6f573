//! The fleet as a page shows it: counted as a whole, and one page of those accounts that were asked
//! for, by trouble, then by fullness, then by name.

use std::cmp::Reverse;
use std::sync::Arc;

use super::query::View;
use super::standing::{Standing, State};
use crate::clock::WallTime;
use crate::store::{LastPoll, PlatformReadings, Readings};
use crate::wechat::class::{CLASSES, ErrorClass};

/// What a page is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Material<'a> {
    /// In name order.
    pub(super) readings: &'a [Arc<Readings>],
    /// In name order.
    pub(super) platforms: &'a [Arc<PlatformReadings>],
    /// What is wrong with the configuration, a line for each fault.
    pub(super) config_faults: &'a [String],
    /// What ages are counted from.
    pub(super) now: WallTime,
}

/// Most faults of the configuration on a page; the log has all of them.
const MOST_FAULTS: usize = 100;

impl Material<'_> {
    /// The first faults of the configuration, and how many there are beside them.
    pub(super) fn faults(&self) -> (&[String], usize) {
        let (first, rest) = self.config_faults.split_at(self.config_faults.len().min(MOST_FAULTS));
        (first, rest.len())
    }
}

/// Accounts, counted.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) accounts: usize,
    /// In the order of [`State::ALL`].
    pub(super) states: [usize; State::ALL.len()],
    pub(super) nearly_full: usize,
    pub(super) full: usize,
    /// In the order of the table of classes.
    classes: [usize; CLASSES.len()],
}

impl Summary {
    fn add(&mut self, standing: &Standing<'_>) {
        self.accounts += 1;
        self.states[standing.state as usize] += 1;
        self.nearly_full += usize::from(standing.is_nearly_full());
        self.full += usize::from(standing.is_full());
        if let LastPoll::Failed(failing) = &standing.readings.last_poll {
            self.classes[failing.class as usize] += 1;
        }
    }

    /// The classes of failing accounts with how many there are.
    pub(super) fn classes(&self) -> impl Iterator<Item = (ErrorClass, usize)> {
        let counts = CLASSES.iter().map(|row| (row.class, self.classes[row.class as usize]));
        counts.filter(|(_, count)| *count > 0)
    }
}

/// One page of a fleet.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    pub(super) summary: Summary,
    /// The accounts of this page.
    pub(super) accounts: Vec<Standing<'a>>,
    /// How many were asked for, on all pages.
    pub(super) matching: usize,
    /// The page that is shown: the last one if a later one was asked for.
    pub(super) page: usize,
    /// At least 1.
    pub(super) pages: usize,
}

impl<'a> Fleet<'a> {
    /// The page that `view` asks for, `size` accounts long.
    pub(super) fn new(material: &Material<'a>, view: &View, size: usize) -> Self {
        let of = |readings: &'a Arc<Readings>| Standing::new(readings, material.now);
        let matcher = view.matcher();
        let mut summary = Summary::default();
        // Places alone, for a fleet may be large.
        let mut places = Vec::new();
        for (at, readings) in material.readings.iter().enumerate() {
            let standing = of(readings);
            summary.add(&standing);
            if matcher.fits(&standing) {
                places.push((standing.state, Reverse(standing.fullness), at));
            }
        }
        let matching = places.len();
        let pages = matching.div_ceil(size).max(1);
        let page = view.page.min(pages);
        let (start, end) = ((page - 1) * size, (page * size).min(matching));
        // Only what stands before the page's end has to be in order.
        if end < matching {
            places.select_nth_unstable(end);
            places.truncate(end);
        }
        places.sort_unstable();
        let accounts = places.into_iter().skip(start).map(|(.., at)| of(&material.readings[at])).collect();
        Self { summary, accounts, matching, page, pages }
    }
}
