//! One account on the status page, in words.

use super::standing::{Standing, State, Usage};
use super::trouble::Trouble;
use super::words::{Moment, exact, grouped};
use crate::clock::WallTime;
use crate::config::TokenSource;
use crate::store::{Failing, LastPoll, Readings};
use crate::web::texts::{Texts, filled};
use crate::wechat::collect::{Collector, QuotaLimit};

pub(super) struct Row<'a> {
    pub(super) name: &'a str,
    pub(super) display_name: &'a str,
    /// Where the name is another.
    pub(super) app_id: Option<&'a str>,
    pub(super) state: &'static str,
    pub(super) style: &'static str,
    /// Whether there is little room left: in words, and as a class in the style sheet.
    pub(super) room: Option<(&'static str, &'static str)>,
    pub(super) bars: Vec<Bar>,
    /// In the place of bars.
    pub(super) note: Option<String>,
    pub(super) updated: Option<Moment>,
    /// Whether that is longer ago than it should be.
    pub(super) is_old: bool,
    pub(super) next_poll: Moment,
    /// What a stale account is told, whose polls do not fail.
    pub(super) late: Option<&'static str>,
    /// Labels and what stands beside them.
    pub(super) details: Vec<(&'static str, String)>,
    pub(super) troubles: Vec<Trouble>,
}

impl<'a> Row<'a> {
    pub(super) fn new(standing: &Standing<'a>, now: WallTime, texts: &'static Texts) -> Self {
        let Standing { readings, held, state, is_old, .. } = *standing;
        let account = &readings.account;
        let age = |at| age(at, now, texts);
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
        // Where the clock has changed, that is what is said of the age.
        let is_late = state == State::Stale && readings.last_good.is_some_and(|good| good.at <= now);
        Self {
            name: account.name.as_str(),
            display_name: &account.display_name,
            app_id: Some(account.app_id.as_str()).filter(|app_id| *app_id != account.name.as_str()),
            state: texts.state(state),
            style: state.label(),
            room: if standing.is_full() {
                Some((texts.full, "full"))
            } else {
                standing.is_nearly_full().then_some((texts.nearly_full, "nearly-full"))
            },
            bars: bars(standing, texts),
            note,
            updated: readings.last_good.map(|good| Moment { exact: exact(good.at), words: age(good.at) }),
            is_old,
            next_poll: Moment { exact: exact(readings.next_poll), words: next_poll },
            late: is_late.then_some(texts.late),
            details: details(readings, now, texts),
            troubles: troubles(readings, texts),
        }
    }
}

/// How long ago `at` was. One from the future is as old as nobody knows: the clock was wrong then, or
/// is now.
fn age(at: WallTime, now: WallTime, texts: &Texts) -> String {
    if at.since(now).as_secs() > 0 { texts.from_the_future.to_owned() } else { texts.ago(now.since(at)) }
}

fn details(readings: &Readings, now: WallTime, texts: &'static Texts) -> Vec<(&'static str, String)> {
    let hold = readings.account.hold;
    let mut details = vec![(texts.token, token(readings, now, texts))];
    let drafts = readings.draft.as_deref().and_then(|draft| draft.held(hold, now));
    details.extend(drafts.map(|drafts| (texts.drafts, grouped(*drafts))));
    let quotas = readings.quota.as_deref().and_then(|quota| quota.held(hold, now));
    let left = quotas.into_iter().flatten().filter_map(|quota| {
        let QuotaLimit { calls, remaining } = quota.limit?;
        Some(format!("{} {} / {}", quota.api.label(), grouped(remaining), grouped(calls)))
    });
    let left: Vec<_> = left.collect();
    if !left.is_empty() {
        details.push((texts.calls_left, left.join(", ")));
    }
    details
}

/// The source, whether a token is held, and how often that was fetched and refused.
fn token(readings: &Readings, now: WallTime, texts: &Texts) -> String {
    let source = &readings.account.token;
    let mut token = source.label().to_owned();
    if !source.platform().is_empty() {
        token = format!("{token} ({})", source.platform());
    }
    let left = readings.token_until.map(|until| until.since(now)).filter(|left| !left.is_zero());
    let held = match (left, source) {
        (Some(left), _) => Some(filled(texts.token_left, &texts.span(left))),
        (None, TokenSource::StableToken { .. } | TokenSource::Token { .. }) => {
            Some(texts.no_token.to_owned())
        }
        // Read where it is kept, whenever it is used.
        (None, _) => None,
    };
    let times = |text, number: u64| (number > 0).then(|| filled(text, &grouped(number)));
    let fetched = times(texts.fetched, readings.token_refreshes);
    let refused = times(texts.refused, readings.token_rejections);
    std::iter::once(token).chain(held).chain(fetched).chain(refused).collect::<Vec<_>>().join(texts.comma)
}

/// Each failure once: where the token fails, all collectors fail in the same way.
fn troubles(readings: &Readings, texts: &'static Texts) -> Vec<Trouble> {
    let all = [
        (None, Some(&readings.last_poll)),
        (Some(Collector::Draft), readings.draft.as_deref().map(|draft| &draft.last_poll)),
        (Some(Collector::Quota), readings.quota.as_deref().map(|quota| &quota.last_poll)),
    ];
    let mut told: Vec<&Failing> = Vec::new();
    let mut troubles = Vec::new();
    for (collector, last_poll) in all {
        if let Some(LastPoll::Failed(failing)) = last_poll
            && !told.contains(&failing)
        {
            troubles.push(Trouble::new(collector, failing, texts));
            told.push(failing);
        }
    }
    troubles
}

pub(super) struct Bar {
    pub(super) label: &'static str,
    pub(super) items: String,
    pub(super) limit: String,
    pub(super) thousandths: u64,
    pub(super) percent: String,
    /// What it is the sum of, with labels.
    pub(super) parts: Vec<(&'static str, String)>,
}

/// One for each pool where kinds share a limit, else one for each kind.
fn bars(standing: &Standing<'_>, texts: &'static Texts) -> Vec<Bar> {
    let kinds = || standing.kinds().map(|(kind, usage)| (kind, texts.kind(kind), usage));
    let pools = standing.pools().map(|(pool, usage)| {
        let parts = kinds().filter(|(kind, ..)| pool.kinds().contains(kind));
        let parts = parts.map(|(_, label, usage)| (label, grouped(usage.items)));
        Bar::new(texts.pool(pool), usage, parts.collect())
    });
    let pools: Vec<_> = pools.collect();
    if pools.is_empty() {
        kinds().map(|(_, label, usage)| Bar::new(label, usage, Vec::new())).collect()
    } else {
        pools
    }
}

impl Bar {
    fn new(label: &'static str, usage: Usage, parts: Vec<(&'static str, String)>) -> Self {
        let thousandths = usage.thousandths();
        Self {
            label,
            items: grouped(usage.items),
            limit: grouped(usage.limit),
            thousandths,
            percent: format!("{}.{}%", grouped(thousandths / 10), thousandths % 10),
            parts,
        }
    }
}
