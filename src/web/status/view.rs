//! The status page as HTML: what it says in the reader's language. Layout is the template's; this
//! module makes no HTML.

use askama::Template;

use super::REFRESH_SECONDS;
use super::figures::{self, Figure, Options};
use super::fleet::{Fleet, Material};
use super::query::View;
use super::row::Row;
use super::standing::{NEAR_LIMIT, NEARLY_FULL, State};
use super::trouble::Trouble;
use super::words::{Moment, exact, grouped, readable};
use crate::store::{AuthorizerState, LastPoll, PlatformReadings};
use crate::web::negotiate::Language;
use crate::web::telemetry_path::{CONFIG, DISCOVERY, HEALTHY, READY, STATUS_JSON, STYLE, TelemetryPath};
use crate::web::texts::{self, Texts, filled};

/// Accounts on one page: more than anybody reads, and quickly drawn.
const PAGE_SIZE: usize = 100;

/// The page as HTML.
pub(super) fn page(
    material: &Material<'_>,
    view: &View,
    language: Language,
    telemetry_path: &TelemetryPath,
) -> Result<Vec<u8>, askama::Error> {
    let texts = texts::of(language);
    let fleet = Fleet::new(material, view, PAGE_SIZE);
    let is_narrowed = !view.search.is_empty() || view.filter.is_some();
    let all = View { language: view.language, is_still: view.is_still, ..View::default() };
    let (config_faults, more) = material.faults();
    let page = StatusPage {
        texts,
        version: env!("CARGO_PKG_VERSION"),
        trouble: fleet.summary.states[State::Failing as usize],
        style: relative(STYLE),
        links: links(telemetry_path, texts),
        languages: languages(view, language),
        as_of: Moment { exact: exact(material.now), words: readable(material.now) },
        refresh: refresh(view, texts),
        figures: figures::states(&fleet.summary, view, texts),
        classes: figures::classes(&fleet.summary, view, texts),
        config_faults,
        more_faults: (more > 0).then(|| filled(texts.more_faults, &grouped(more as u64))),
        platforms: material.platforms.iter().map(|platform| PlatformRow::new(platform, texts)).collect(),
        search: &view.search,
        options: Options::new(view, texts),
        kept: view.kept(),
        all: is_narrowed.then(|| all.link(|_| {})),
        unknown: view.unknown.as_deref().map(|state| filled(texts.unknown_state, state)),
        empty: match (fleet.matching, fleet.summary.accounts) {
            (0, 0) => Some(texts.no_accounts),
            (0, _) => Some(texts.no_match),
            _ => None,
        },
        shown: shown(&fleet, texts),
        previous: (fleet.page > 1).then(|| view.link(|view| view.page = fleet.page - 1)),
        next: (fleet.page < fleet.pages).then(|| view.link(|view| view.page = fleet.page + 1)),
        // A meter changes its colour above these.
        low: NEARLY_FULL - 1,
        high: NEAR_LIMIT - 1,
        rows: fleet.accounts.iter().map(|standing| Row::new(standing, material.now, texts)).collect(),
    };
    page.render().map(String::into_bytes)
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage<'a> {
    texts: &'static Texts,
    version: &'static str,
    /// Failing accounts.
    trouble: usize,
    style: &'a str,
    links: [(&'a str, &'static str); 6],
    languages: [LanguageLink; 2],
    as_of: Moment,
    refresh: Refresh,
    figures: Vec<Figure>,
    classes: Vec<Figure>,
    config_faults: &'a [String],
    more_faults: Option<String>,
    platforms: Vec<PlatformRow<'a>>,
    search: &'a str,
    options: Options,
    /// What the form sends along.
    kept: Vec<(&'static str, String)>,
    /// Leads to all accounts, where not all are shown.
    all: Option<String>,
    unknown: Option<String>,
    /// In the place of accounts.
    empty: Option<&'static str>,
    shown: String,
    previous: Option<String>,
    next: Option<String>,
    /// From where a meter is yellow, and red.
    low: u64,
    high: u64,
    rows: Vec<Row<'a>>,
}

/// The other pages.
fn links<'a>(telemetry_path: &'a TelemetryPath, texts: &'static Texts) -> [(&'a str, &'static str); 6] {
    [
        (telemetry_path.as_str(), texts.metrics),
        (STATUS_JSON, "JSON"),
        (DISCOVERY, texts.targets),
        (CONFIG, texts.configuration),
        (HEALTHY, texts.health),
        (READY, texts.readiness),
    ]
    .map(|(path, label)| (relative(path), label))
}

/// `path` as a link that also works below a proxy's path prefix.
fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

struct LanguageLink {
    label: &'static str,
    tag: &'static str,
    link: String,
    is_chosen: bool,
}

fn languages(view: &View, shown: Language) -> [LanguageLink; 2] {
    [(Language::En, "English"), (Language::Zh, "中文")].map(|(language, label)| LanguageLink {
        label,
        tag: texts::of(language).tag,
        link: view.link(|view| view.language = Some(language)),
        is_chosen: language == shown,
    })
}

/// Whether the page loads itself anew, and the link that changes it.
struct Refresh {
    state: String,
    label: String,
    link: String,
}

fn refresh(view: &View, texts: &Texts) -> Refresh {
    let (state, label) = if view.is_still {
        (texts.is_still.to_owned(), filled(texts.resume, REFRESH_SECONDS))
    } else {
        (filled(texts.refreshes, REFRESH_SECONDS), texts.pause.to_owned())
    };
    Refresh { state, label, link: view.link(|view| view.is_still = !view.is_still) }
}

/// "1 to 100 of 1,700"
fn shown(fleet: &Fleet<'_>, texts: &Texts) -> String {
    let first = (fleet.page - 1) * PAGE_SIZE;
    let numbers = [first + 1, first + fleet.accounts.len(), fleet.matching];
    numbers
        .iter()
        .fold(texts.shown.to_owned(), |text, number| text.replacen("{}", &grouped(*number as u64), 1))
}

/// A third-party platform.
struct PlatformRow<'a> {
    name: &'a str,
    style: &'static str,
    state: &'static str,
    trouble: Option<Trouble>,
    authorizers: Vec<(&'static str, String)>,
}

impl<'a> PlatformRow<'a> {
    fn new(readings: &'a PlatformReadings, texts: &'static Texts) -> Self {
        let (state, text, failing) = match &readings.last_call {
            LastPoll::Pending => (State::Pending, texts.not_called, None),
            LastPoll::Succeeded => (State::Healthy, texts.works, None),
            LastPoll::Failed(failing) => (State::Failing, texts.parked, Some(failing)),
        };
        let counts = readings.authorizers.into_iter().flatten();
        let counts = AuthorizerState::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0);
        Self {
            name: readings.name.as_str(),
            style: state.label(),
            state: text,
            trouble: failing.map(|failing| Trouble::new(None, failing, texts)),
            authorizers: counts.map(|(state, count)| (texts.authorizer(state), grouped(count))).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
