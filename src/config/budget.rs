//! The section `budget`, and the check of plans against it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::fault::{Place, Report};
use super::keys::INTERVAL;
use super::section::Section;
use super::share::{Budget, Share};
use crate::budget::table::{Calls, Percent};
use crate::budget::{Planned, Polling};
use crate::wechat::api::Api;

const MOST_DAILY_CALLS: u64 = 1_000_000_000;

/// The map `budget`.
#[derive(Clone, Debug)]
pub(super) struct BudgetSettings {
    pub(super) budget: Budget,
    places: SettingPlaces,
    /// Whether all that stands there could be read, so that it can be compared.
    is_sound: bool,
}

impl BudgetSettings {
    /// Takes the keys of `budget`; those of `poll` were taken before.
    pub(super) fn read(mut section: Section<'_>, poll: &Section<'_>) -> Self {
        const KEYS: [&str; 4] = ["daily_calls", "max_share", "reserve", "allow_over_budget"];
        let given = KEYS.map(|key| section.has(key));
        let whole = Share::of_million(1_000_000);
        let daily_calls = section.whole("daily_calls", MOST_DAILY_CALLS);
        let max_share = section.share("max_share", "above 0 and up to 1", |share| {
            Share::of_million(0) < share && share <= whole
        });
        let reserve = section.share("reserve", "from 0 to below 1", |share| share < whole);
        let allow_over_budget = section.boolean("allow_over_budget");
        let read =
            [daily_calls.is_some(), max_share.is_some(), reserve.is_some(), allow_over_budget.is_some()];
        let default = Budget::default();
        let budget = Budget {
            daily_calls: daily_calls.unwrap_or(default.daily_calls),
            max_share: max_share.unwrap_or(default.max_share),
            reserve: reserve.unwrap_or(default.reserve),
            allow_over_budget: allow_over_budget.unwrap_or(default.allow_over_budget),
        };
        let places = SettingPlaces {
            interval: poll.place("interval"),
            draft_interval: poll.place("draft_interval"),
            max_share: section.place("max_share"),
        };
        section.finish();
        Self { budget, places, is_sound: given == read }
    }
}

/// Where the settings of all accounts stand that plans come from.
#[derive(Clone, Debug)]
struct SettingPlaces {
    interval: Place,
    draft_interval: Place,
    max_share: Place,
}

/// The key of `budget` that an account or platform can have for itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct BudgetKeys {
    daily_calls: Option<u64>,
    /// Whether what stands there could be read.
    is_sound: bool,
}

impl BudgetKeys {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        const KEY: &str = "daily_calls";
        let given = section.has(KEY);
        let daily_calls = section.whole(KEY, MOST_DAILY_CALLS);
        Self { daily_calls, is_sound: given == daily_calls.is_some() }
    }

    /// This key over `base`.
    pub(super) fn over(self, base: Budget) -> Budget {
        Budget { daily_calls: self.daily_calls.unwrap_or(base.daily_calls), ..base }
    }
}

/// What an account or platform sets itself of that which a plan comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) interval: bool,
    pub(super) draft_interval: bool,
    pub(super) budget: BudgetKeys,
}

/// What a plan comes from.
#[derive(Clone, Copy, Debug)]
enum Cause {
    /// A key of the account or platform itself.
    Own(&'static str),
    /// A setting of all accounts.
    Shared(Setting),
}

impl Own {
    /// What the calls of `api` come from.
    fn cause(self, api: Api) -> Cause {
        match api {
            Api::MaterialCount if self.interval => Cause::Own("interval"),
            Api::MaterialCount if self.budget.daily_calls.is_some() => Cause::Own("daily_calls"),
            Api::MaterialCount => Cause::Shared(Setting::Interval),
            Api::DraftCount if self.draft_interval => Cause::Own("draft_interval"),
            Api::DraftCount => Cause::Shared(Setting::DraftInterval),
            token => Cause::Shared(Setting::MaxShare(token.label())),
        }
    }
}

/// Checks plans. A setting that many accounts share is reported once, when all are checked.
#[derive(Debug)]
pub(super) struct BudgetCheck<'s> {
    settings: &'s BudgetSettings,
    /// The worst plan of each API that comes from no account's own setting.
    shared: BTreeMap<Setting, Planned>,
}

/// A setting of all accounts that a plan comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Setting {
    Interval,
    DraftInterval,
    /// Calls for tokens follow from their life: only the share can be changed.
    MaxShare(&'static str),
}

impl<'s> BudgetCheck<'s> {
    pub(super) fn new(settings: &'s BudgetSettings) -> Self {
        Self { settings, shared: BTreeMap::new() }
    }

    /// Checks the plan of one account, or of those that a platform discovers; `place` knows where
    /// `own` keys stand.
    pub(super) fn check(
        &mut self,
        polling: Polling,
        own: Own,
        place: &dyn Fn(&str) -> Place,
        report: &Report,
    ) {
        if !self.settings.is_sound || !own.budget.is_sound {
            return;
        }
        let max_share = self.settings.budget.max_share;
        for planned in polling.plan().into_iter().filter(|planned| planned.is_above(max_share)) {
            match own.cause(planned.api) {
                Cause::Own(key) => self.tell(&planned, &place(key), report),
                Cause::Shared(setting) => {
                    let worst = self.shared.entry(setting).or_insert(planned);
                    if planned.every < worst.every {
                        *worst = planned;
                    }
                }
            }
        }
    }

    /// Reports the settings of all accounts.
    pub(super) fn finish(self, report: &Report) {
        let places = &self.settings.places;
        for (setting, planned) in &self.shared {
            let place = match setting {
                Setting::Interval => &places.interval,
                Setting::DraftInterval => &places.draft_interval,
                Setting::MaxShare(_) => &places.max_share,
            };
            self.tell(planned, place, report);
        }
    }

    fn tell(&self, planned: &Planned, place: &Place, report: &Report) {
        let Budget { max_share, allow_over_budget, .. } = self.settings.budget;
        let (Some(share), Some(quota)) = (planned.share_millionths(), planned.daily_quota) else { return };
        let wrong = format!(
            "{} calls of {} a day are {} of {quota}, more than `max_share` {}",
            Calls(planned.per_day()),
            planned.api.label(),
            Percent(share),
            Percent(max_share.millionths().into()),
        );
        let mut ways = Vec::new();
        let key = match planned.api {
            Api::MaterialCount => Some("interval"),
            Api::DraftCount => Some("draft_interval"),
            _ => None,
        };
        let shortest = planned.shortest_within(max_share).filter(|shortest| *shortest <= INTERVAL.most);
        match (key, shortest) {
            (Some(key), Some(shortest)) => {
                ways.push(format!("let `{key}` be at least `{}`", Unit(shortest)));
            }
            (Some(_), None) => {}
            (None, _) => {
                let least = Share::of_million(u32::try_from(share).unwrap_or(u32::MAX));
                ways.push(format!("let `max_share` be at least `{}`", least.ratio()));
            }
        }
        if planned.api == Api::MaterialCount {
            ways.push("raise `daily_calls` if the account's quota is larger".to_owned());
        }
        if allow_over_budget {
            report.warn(place, wrong, ways.join(", or "));
        } else {
            ways.push("set `allow_over_budget: true` under `budget`".to_owned());
            report.fault(place, wrong, ways.join(", or "));
        }
    }
}

/// A duration of whole seconds, minutes or hours.
struct Unit(Duration);

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds % 3_600 == 0 => write!(f, "{}h", seconds / 3_600),
            seconds if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            seconds => write!(f, "{seconds}s"),
        }
    }
}
