//! Which part of the fleet is asked for, by the query of a URL. Nothing is refused: what is not
//! understood is said on the page.

use form_urlencoded::Serializer;

use super::standing::{Standing, State};
use crate::store::LastPoll;
use crate::web::negotiate::Language;
use crate::wechat::class::ErrorClass;

/// Longest text that is searched for, or named as unknown, in characters.
const LONGEST_TEXT: usize = 100;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct View {
    /// A part of the name, display name or app id, as it was typed.
    pub(super) search: String,
    pub(super) filter: Option<Filter>,
    /// From 1.
    pub(super) page: usize,
    /// The language, where it is not the browser's.
    pub(super) language: Option<Language>,
    /// Whether the page stays as it is.
    pub(super) is_still: bool,
    /// A `state` that is none.
    pub(super) unknown: Option<String>,
}

impl Default for View {
    fn default() -> Self {
        Self { search: String::new(), filter: None, page: 1, language: None, is_still: false, unknown: None }
    }
}

/// Which accounts are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    State(State),
    /// Nearly full, and not full.
    NearlyFull,
    Full,
    /// Those whose last poll failed in this way.
    Class(ErrorClass),
}

impl Filter {
    /// Those that are no class.
    pub(super) const STATES: [Self; 7] = [
        Self::State(State::Failing),
        Self::State(State::Stale),
        Self::State(State::Degraded),
        Self::Full,
        Self::NearlyFull,
        Self::State(State::Healthy),
        Self::State(State::Pending),
    ];

    /// Its name in the query.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::State(state) => state.label(),
            Self::NearlyFull => "nearly-full",
            Self::Full => "full",
            Self::Class(class) => class.label(),
        }
    }

    fn from_label(label: &str) -> Option<Self> {
        let state = Self::STATES.into_iter().find(|filter| filter.label() == label);
        state.or_else(|| ErrorClass::from_label(label).map(Self::Class))
    }

    fn fits(self, standing: &Standing<'_>) -> bool {
        match self {
            Self::State(state) => standing.state == state,
            Self::NearlyFull => standing.is_nearly_full(),
            Self::Full => standing.is_full(),
            Self::Class(class) => {
                matches!(&standing.readings.last_poll, LastPoll::Failed(failing) if failing.class == class)
            }
        }
    }
}

impl View {
    /// The view of a URL's query. A key that stands twice counts the first time.
    pub(in crate::web) fn parse(query: &str) -> Self {
        let of = |name: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            let value = pairs.find(|(key, _)| key == name)?.1;
            let value: String = value.trim_start().chars().take(LONGEST_TEXT).collect();
            let value = value.trim_end();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let state = of("state");
        let filter = state.as_deref().and_then(Filter::from_label);
        Self {
            search: of("q").unwrap_or_default(),
            filter,
            page: of("page").and_then(|page| page.parse().ok()).unwrap_or(1).max(1),
            language: of("lang").and_then(|tag| match tag.as_str() {
                "zh" | "zh-CN" => Some(Language::Zh),
                "en" => Some(Language::En),
                _ => None,
            }),
            is_still: of("refresh").as_deref() == Some("off"),
            unknown: state.filter(|_| filter.is_none()),
        }
    }

    /// The language that is asked for, if one is.
    pub(in crate::web) fn language(&self) -> Option<Language> {
        self.language
    }

    /// Whether the page stays as it is.
    pub(in crate::web) fn is_still(&self) -> bool {
        self.is_still
    }

    /// Tells the accounts that are asked for.
    pub(super) fn matcher(&self) -> Matcher {
        Matcher { search: self.search.to_lowercase(), filter: self.filter }
    }

    /// A link to this view after `change`.
    pub(super) fn link(&self, change: impl FnOnce(&mut Self)) -> String {
        let mut view = Self { unknown: None, ..self.clone() };
        change(&mut view);
        let mut query = Serializer::for_suffix("?".to_owned(), 1);
        for (key, value) in view.pairs() {
            query.append_pair(key, &value);
        }
        query.finish()
    }

    /// As keys and values, without what is as by default.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if !self.search.is_empty() {
            pairs.push(("q", self.search.clone()));
        }
        pairs.extend(self.filter.map(|filter| ("state", filter.label().to_owned())));
        if self.page > 1 {
            pairs.push(("page", self.page.to_string()));
        }
        pairs.extend(self.kept());
        pairs
    }

    /// What another search keeps.
    pub(super) fn kept(&self) -> Vec<(&'static str, String)> {
        let language = self.language.map(|language| match language {
            Language::En => ("lang", "en".to_owned()),
            Language::Zh => ("lang", "zh".to_owned()),
        });
        let still = self.is_still.then(|| ("refresh", "off".to_owned()));
        language.into_iter().chain(still).collect()
    }
}

/// What an account has to be.
pub(super) struct Matcher {
    /// In lower case.
    search: String,
    filter: Option<Filter>,
}

impl Matcher {
    pub(super) fn fits(&self, standing: &Standing<'_>) -> bool {
        let account = &standing.readings.account;
        let has = |text: &str| text.contains(&self.search);
        let is_found = self.search.is_empty()
            || has(account.name.as_str())
            || has(account.app_id.as_str())
            || has(&account.display_name.to_lowercase());
        is_found && self.filter.is_none_or(|filter| filter.fits(standing))
    }
}

#[cfg(test)]
mod tests;
