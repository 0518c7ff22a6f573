//! Keys that say how accounts are polled. They stand in a section of the file, and again directly
//! in an account or platform, where they go before it.

use std::time::Duration;

use super::account::{Collect, Kind, Limits, PerKind, Pool};
use super::budget::{BudgetKeys, Own};
use super::fault::{Place, Report};
use super::section::{Section, Span, did_you_mean, nearest};

const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What an interval may be.
pub(super) const INTERVAL: Span =
    Span { least: Duration::from_secs(1), most: Duration::from_secs(DAY), text: "`1s` to `24h`" };
const HOLD: Span =
    Span { least: Duration::from_secs(1), most: Duration::from_secs(366 * DAY), text: "`1s` to `8784h`" };

/// Below this an account that is parked until the next day (UTC+8) loses its values.
const DOUBTFUL_HOLD: Duration = Duration::from_secs(26 * HOUR);

const MOST_ITEMS: u64 = 1_000_000_000_000;

/// The map `poll`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    pub(super) interval: Duration,
    pub(super) draft_interval: Duration,
    pub(super) quota_interval: Duration,
    pub(super) hold: Duration,
}

impl Default for Poll {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10 * MINUTE),
            draft_interval: Duration::from_secs(HOUR),
            quota_interval: Duration::from_secs(HOUR),
            hold: Duration::from_secs(72 * HOUR),
        }
    }
}

/// The keys of `poll` as they stand in it, in an account or in a platform.
#[derive(Debug)]
pub(super) struct PollKeys {
    interval: Option<Duration>,
    draft_interval: Option<Duration>,
    quota_interval: Option<Duration>,
    hold: Option<Duration>,
    /// Whether all that stands there could be read, so that it can be compared.
    is_sound: bool,
}

impl PollKeys {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let given = ["interval", "hold"].map(|key| section.has(key));
        let interval = section.duration("interval", INTERVAL);
        let draft_interval = section.duration("draft_interval", INTERVAL);
        let quota_interval = section.duration("quota_interval", INTERVAL);
        let hold = section.duration("hold", HOLD);
        let is_sound = given == [interval.is_some(), hold.is_some()];
        Self { interval, draft_interval, quota_interval, hold, is_sound }
    }

    /// Which of them are set that a plan comes from, with `budget`.
    pub(super) fn own(&self, budget: BudgetKeys) -> Own {
        Own { interval: self.interval.is_some(), draft_interval: self.draft_interval.is_some(), budget }
    }

    /// These keys over `base`, checked if any of them is set.
    pub(super) fn over(&self, base: Poll, place: impl Fn(&str) -> Place, report: &Report) -> Poll {
        let interval = self.interval.unwrap_or(base.interval);
        let hold = self.hold.unwrap_or(base.hold);
        let is_set = self.interval.is_some() || self.hold.is_some();
        if self.is_sound && is_set && hold < interval {
            let at = place(if self.hold.is_some() { "hold" } else { "interval" });
            let wrong = "values are held for less than one interval";
            report.fault(&at, wrong, "let `hold` be at least `interval`");
        } else if self.hold.is_some() && hold < DOUBTFUL_HOLD {
            let doubtful = "values are gone when an account has to wait for its next daily quota";
            report.warn(&place("hold"), doubtful, "let `hold` be at least `26h`");
        }
        let draft_interval = self.draft_interval.unwrap_or(base.draft_interval);
        let quota_interval = self.quota_interval.unwrap_or(base.quota_interval);
        Poll { interval, draft_interval, quota_interval, hold }
    }
}

/// The keys of `limits` as they stand in it, in an account or in a platform.
#[derive(Debug)]
pub(super) struct LimitKeys {
    items: PerKind<Option<u64>>,
    pooled: Option<bool>,
    /// Whether all that stands there could be read, so that it can be compared.
    is_sound: bool,
}

impl LimitKeys {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let given = PerKind::new(|kind| section.has(kind.label()));
        let items = PerKind::new(|kind| section.whole(kind.label(), MOST_ITEMS));
        let is_sound = Kind::ALL.into_iter().all(|kind| given[kind] == items[kind].is_some());
        Self { items, pooled: section.boolean("pooled"), is_sound }
    }

    /// These keys over `base`, checked if any of them is set.
    pub(super) fn over(&self, base: Limits, place: impl Fn(&str) -> Place, report: &Report) -> Limits {
        let items = PerKind::new(|kind| self.items[kind].unwrap_or(base.items[kind]));
        let pooled = self.pooled.unwrap_or(base.pooled);
        let is_set = |kind: Kind| self.items[kind].is_some();
        for kinds in Pool::ALL.map(Pool::kinds) {
            let [first, second] = kinds;
            let concerned = self.pooled.is_some() || is_set(first) || is_set(second);
            if self.is_sound && concerned && pooled && items[first] != items[second] {
                let key = kinds.into_iter().find(|kind| is_set(*kind)).map_or("pooled", Kind::label);
                let wrong = format!("`{}` and `{}` share one limit", first.label(), second.label());
                report.fault(&place(key), wrong, "give both the same number, or set `pooled` to `false`");
            }
        }
        Limits { items, pooled }
    }
}

/// The key `collect` of an account or platform.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CollectKeys {
    draft: bool,
    quota: bool,
}

impl CollectKeys {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        const KEY: &str = "collect";
        const ITEMS: [&str; 2] = ["draft", "quota"];
        let items = section.texts(KEY, "write a list, such as `[draft, quota]`").unwrap_or_default();
        if let Some(unknown) = items.iter().find(|item| !ITEMS.contains(&item.as_str())) {
            let meant = nearest(unknown, &ITEMS).map_or_else(String::new, did_you_mean);
            let right = format!("{meant}known here: {}; material is always collected", ITEMS.join(", "));
            section.fault(KEY, "an item that is not a collector", right);
        }
        let [draft, quota] = ITEMS.map(|known| items.iter().filter(|item| *item == known).count());
        if draft > 1 || quota > 1 {
            section.fault(KEY, "a collector that stands twice", "keep one of them");
        }
        Self { draft: draft > 0, quota: quota > 0 }
    }

    /// The collectors at their intervals. `cloud` is the token source, if it is one of the cloud's.
    pub(super) fn over(self, poll: Poll, cloud: Option<&str>, place: &Place, report: &Report) -> Collect {
        let collect = Collect {
            draft: self.draft.then_some(poll.draft_interval),
            quota: self.quota.then_some(poll.quota_interval),
        };
        for (interval, key) in [(collect.draft, "draft_interval"), (collect.quota, "quota_interval")] {
            if interval.is_some_and(|interval| interval > poll.hold) {
                let right = format!("let `hold` be at least `{key}`");
                report.fault(place, format_args!("values are held for less than one `{key}`"), right);
            }
        }
        if let Some(source) = cloud.filter(|_| self.quota) {
            let wrong = format!("`quota` with the token source `{source}`, which has no quota API");
            report.fault(place, wrong, "remove `quota`");
        }
        collect
    }
}
