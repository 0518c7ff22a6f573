//! The status page's content: which accounts, in which order, in which words. Layout is the
//! template's; this module makes no HTML and reads no clock.

use std::cmp::Reverse;
use std::sync::Arc;

use askama::Template;
use jiff::Timestamp;

use crate::clock::WallTime;
use crate::config::{Account, Kind, Pool};
use crate::store::{Failing, LastGood, LastPoll, Readings};
use crate::web::negotiate::Language;
use crate::web::telemetry_path::{HEALTHY, READY, STYLE, TelemetryPath};
use crate::web::texts::{self, Texts, filled};

/// Most accounts on the page: beyond it nobody reads, and a browser gets slow.
const MOST_ROWS: usize = 500;

/// Most faults of the configuration on the page; the log has all of them.
const MOST_FAULTS: usize = 100;

/// Usage from which an account counts as nearly full, in thousandths of the limit; the same as
/// the template's `high` of each meter.
const NEARLY_FULL: u64 = 900;

/// The page as HTML. `now` is what ages are counted from.
pub(super) fn page(
    readings: &[Arc<Readings>],
    config_faults: &[String],
    now: WallTime,
    language: Language,
    telemetry_path: &TelemetryPath,
) -> Result<Vec<u8>, askama::Error> {
    let texts = texts::of(language);
    let mut standings: Vec<Standing<'_>> = readings.iter().map(|one| Standing::new(one, now)).collect();
    let summary = Summary::new(&standings);
    standings.sort_by_key(|one| (one.state, Reverse(one.fullness)));
    let rows: Vec<Row<'_>> =
        standings.iter().take(MOST_ROWS).map(|standing| Row::new(standing, now, texts)).collect();
    let not_shown = (standings.len() > rows.len())
        .then(|| filled(texts.not_shown, &grouped((standings.len() - rows.len()) as u64)));
    let page = StatusPage {
        texts,
        version: env!("CARGO_PKG_VERSION"),
        style: relative(STYLE),
        metrics: relative(telemetry_path.as_str()),
        healthy: relative(HEALTHY),
        ready: relative(READY),
        as_of: Moment { exact: exact(now), words: String::new() },
        summary,
        config_faults: &config_faults[..config_faults.len().min(MOST_FAULTS)],
        rows,
        not_shown,
    };
    page.render().map(String::into_bytes)
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    texts: &'static Texts,
    version: &'static str,
    style: &'a str,
    metrics: &'a str,
    healthy: &'a str,
    ready: &'a str,
    as_of: Moment,
    summary: Summary,
    config_faults: &'a [String],
    rows: Vec<Row<'a>>,
    not_shown: Option<String>,
}

/// How an account stands, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// The last poll failed.
    Failing,
    /// It did not, but the values are past `hold`.
    Stale,
    /// No poll has ended yet.
    Pending,
    /// The last poll brought the values shown.
    Healthy,
}

impl State {
    /// The class in the style sheet.
    const fn style(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Stale => "stale",
            Self::Pending => "pending",
            Self::Healthy => "healthy",
        }
    }

    const fn text(self, texts: &Texts) -> &'static str {
        match self {
            Self::Failing => texts.failing,
            Self::Stale => texts.stale,
            Self::Pending => texts.pending,
            Self::Healthy => texts.healthy,
        }
    }
}

/// One account with what decides its place on the page.
struct Standing<'a> {
    readings: &'a Readings,
    held: Option<&'a LastGood>,
    state: State,
    /// The largest of its usages, in thousandths of the limit.
    fullness: u64,
}

impl<'a> Standing<'a> {
    fn new(readings: &'a Readings, now: WallTime) -> Self {
        let held = readings.held(now);
        let state = match readings.last_poll {
            LastPoll::Failed(_) => State::Failing,
            LastPoll::Pending if readings.last_good.is_none() => State::Pending,
            LastPoll::Pending | LastPoll::Succeeded if held.is_none() => State::Stale,
            LastPoll::Pending => State::Pending,
            LastPoll::Succeeded => State::Healthy,
        };
        let usages = held.map(|good| usages(&readings.account, good)).unwrap_or_default();
        let fullness = usages.iter().map(Usage::thousandths).max().unwrap_or(0);
        Self { readings, held, state, fullness }
    }
}

/// The counts on top of the page.
struct Summary {
    accounts: String,
    healthy: String,
    failing: String,
    pending: String,
    stale: String,
    nearly_full: String,
}

impl Summary {
    fn new(standings: &[Standing<'_>]) -> Self {
        let count = |counts: &dyn Fn(&Standing<'_>) -> bool| {
            grouped(standings.iter().filter(|one| counts(one)).count() as u64)
        };
        Self {
            accounts: count(&|_| true),
            healthy: count(&|one| one.state == State::Healthy),
            failing: count(&|one| one.state == State::Failing),
            pending: count(&|one| one.state == State::Pending),
            stale: count(&|one| one.state == State::Stale),
            nearly_full: count(&|one| one.fullness >= NEARLY_FULL),
        }
    }
}

#[derive(Clone, Copy)]
enum Counted {
    Kind(Kind),
    Pool(Pool),
}

/// Items of one kind, or of one pool, against their limit.
struct Usage {
    counted: Counted,
    items: u64,
    limit: u64,
}

impl Usage {
    /// Rounded down, so that 100 % means full.
    fn thousandths(&self) -> u64 {
        let exact = u128::from(self.items) * 1_000 / u128::from(self.limit.max(1));
        u64::try_from(exact).unwrap_or(u64::MAX)
    }
}

fn usages(account: &Account, good: &LastGood) -> Vec<Usage> {
    let limits = &account.limits;
    let of_pool = |pool: Pool| {
        let items = pool.items(&good.counts);
        Some(Usage { counted: Counted::Pool(pool), items, limit: limits.of_pool(pool)? })
    };
    let of_kind = |kind: Kind| Usage {
        counted: Counted::Kind(kind),
        items: good.counts[kind],
        limit: limits.items[kind],
    };
    let pools: Option<Vec<_>> = Pool::ALL.into_iter().map(of_pool).collect();
    pools.unwrap_or_else(|| Kind::ALL.map(of_kind).into())
}

struct Row<'a> {
    name: &'a str,
    display_name: &'a str,
    app_id: &'a str,
    state: &'static str,
    style: &'static str,
    bars: Vec<Bar>,
    /// In the place of bars.
    note: Option<String>,
    updated: Option<Moment>,
    next_poll: Moment,
    trouble: Option<Trouble>,
}

impl<'a> Row<'a> {
    fn new(standing: &Standing<'a>, now: WallTime, texts: &Texts) -> Self {
        let Standing { readings, held, state, .. } = *standing;
        let account = &readings.account;
        let age = |at| texts.ago(now.since(at));
        let usages = held.map(|good| usages(account, good)).unwrap_or_default();
        let note = match (held, &readings.last_good) {
            (Some(_), _) => None,
            (None, Some(past)) => Some(filled(texts.hidden_values, &age(past.at))),
            (None, None) if state == State::Pending => Some(texts.waiting.to_owned()),
            (None, None) => Some(texts.no_values.to_owned()),
        };
        let next_poll = match readings.next_poll.since(now) {
            wait if wait.as_secs() == 0 => texts.due.to_owned(),
            wait => texts.ahead(wait),
        };
        Self {
            name: account.name.as_str(),
            display_name: &account.display_name,
            app_id: account.app_id.as_str(),
            state: state.text(texts),
            style: state.style(),
            bars: usages.iter().map(|usage| Bar::new(usage, texts)).collect(),
            note,
            updated: readings.last_good.map(|good| Moment { exact: exact(good.at), words: age(good.at) }),
            next_poll: Moment { exact: exact(readings.next_poll), words: next_poll },
            trouble: match &readings.last_poll {
                LastPoll::Failed(failing) => Some(Trouble::new(failing, texts)),
                LastPoll::Pending | LastPoll::Succeeded => None,
            },
        }
    }
}

struct Bar {
    label: &'static str,
    items: String,
    limit: String,
    thousandths: u64,
    percent: String,
}

impl Bar {
    fn new(usage: &Usage, texts: &Texts) -> Self {
        let thousandths = usage.thousandths();
        Self {
            label: match usage.counted {
                Counted::Kind(kind) => texts.kind(kind),
                Counted::Pool(pool) => texts.pool(pool),
            },
            items: grouped(usage.items),
            limit: grouped(usage.limit),
            thousandths,
            percent: format!("{}.{}%", grouped(thousandths / 10), thousandths % 10),
        }
    }
}

/// A time in words, and exactly for who looks closer.
struct Moment {
    exact: String,
    words: String,
}

/// Why an account fails and what to do about it.
struct Trouble {
    class: &'static str,
    errcode: Option<String>,
    seen_ip: Option<String>,
    summary: &'static str,
    remedy: &'static str,
}

impl Trouble {
    fn new(failing: &Failing, texts: &Texts) -> Self {
        let row = failing.class.row();
        Self {
            class: row.label,
            errcode: failing.errcode.map(|code| code.to_string()),
            seen_ip: failing.seen_ip.map(|ip| ip.to_string()),
            summary: texts.pick(row.summary),
            remedy: texts.pick(failing.remedy()),
        }
    }
}

/// `path` as a link that also works below a proxy's path prefix.
fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

/// RFC 3339 in UTC, to the second; empty for a time beyond the calendar.
fn exact(at: WallTime) -> String {
    let whole_seconds = at.millis().div_euclid(1_000);
    Timestamp::from_second(whole_seconds).map(|time| time.to_string()).unwrap_or_default()
}

/// With a comma between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
