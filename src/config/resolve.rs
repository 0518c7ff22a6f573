//! What accounts and platforms have in common: the keys of an account's settings, and how they
//! become values by the settings of the whole file.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::account::{BaseUrl, Collect, Endpoint, Limits};
use super::budget::{BudgetCheck, BudgetKeys};
use super::fault::{Place, Report, join};
use super::keys::{CollectKeys, LimitKeys, PollKeys};
use super::secret_keys::PROXY;
use super::secrets::Variables;
use super::section::Section;
use super::settings::{
    BASE_URL_RULE, Encryption, HTTP_RULE, PLAIN_HTTP, Settings, cloud_hosting_base_url, default_fallback,
    encryption, is_default,
};
use super::share::Budget;
use super::token::TokenSource;
use crate::budget::{Polling, TokenCalls};
use crate::secret::SecretSource;
use crate::shard::{self, Shard};

/// The highest number of a shard.
const MOST_SHARD: u64 = shard::MOST as u64 - 1;

/// The settings that an account or platform sets itself.
#[derive(Debug)]
pub(super) struct AccountKeys {
    labels: Vec<(String, String)>,
    poll: PollKeys,
    limits: LimitKeys,
    collect: CollectKeys,
    budget: BudgetKeys,
    shard: Option<u32>,
    /// The URL, if it sets a good one.
    base_url: Option<Box<BaseUrl>>,
    proxy: Option<SecretSource>,
}

impl AccountKeys {
    pub(super) fn read(section: &mut Section<'_>, variables: &Variables<'_>) -> Self {
        for key in ["poll", "limits"] {
            section.refuse(key, "not a section here", "write its keys directly, without it");
        }
        let labels = section.section("labels");
        Self {
            labels: labels
                .map_or_else(Vec::new, |it| it.into_texts("a text", "write the label's value as text")),
            poll: PollKeys::read(section),
            limits: LimitKeys::read(section),
            collect: CollectKeys::read(section),
            budget: BudgetKeys::read(section),
            shard: section.whole_from("shard", 0..=MOST_SHARD).and_then(|n| u32::try_from(n).ok()),
            base_url: section.text("base_url", "a base URL", BASE_URL_RULE, BaseUrl::parse).map(Box::new),
            proxy: PROXY.read(section, variables),
        }
    }
}

/// An account's settings.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) info_labels: Box<[Box<str>]>,
    pub(super) interval: Duration,
    pub(super) collect: Collect,
    pub(super) hold: Duration,
    pub(super) limits: Limits,
    pub(super) budget: Budget,
    pub(super) shard: Option<u32>,
    /// Nothing only where there is a fault.
    pub(super) endpoint: Option<Arc<Endpoint>>,
}

/// Where the keys of one account or platform stand, and where their faults go.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) of: &'a dyn Fn(&str) -> Place,
    pub(super) report: &'a Report,
}

/// Turns keys into settings, one account or platform after the other.
#[derive(Debug)]
pub(super) struct Resolver<'s> {
    settings: &'s Settings,
    shard: Shard,
    budget_check: BudgetCheck<'s>,
    endpoints: HashMap<(BaseUrl, SecretPlace), Vec<Arc<Endpoint>>>,
}

/// What can be hashed of a proxy.
type SecretPlace = Option<(u8, String)>;

impl<'s> Resolver<'s> {
    pub(super) fn new(settings: &'s Settings, shard: Shard) -> Self {
        let budget_check = BudgetCheck::new(&settings.budget);
        Self { settings, shard, budget_check, endpoints: HashMap::new() }
    }

    /// The settings by `keys`, which stand in `place`, for calls with `token`.
    pub(super) fn resolve(
        &mut self,
        keys: &AccountKeys,
        place: &Places<'_>,
        token: Option<&TokenSource>,
    ) -> Resolved {
        let report = place.report;
        let poll = keys.poll.over(self.settings.poll, place.of, report);
        let limits = keys.limits.over(self.settings.limits, place.of, report);
        let cloud = token.filter(|token| token.is_cloud()).map(TokenSource::label);
        let collect = keys.collect.over(poll, cloud, &(place.of)("collect"), report);
        Resolved {
            info_labels: self.info_labels(keys, place),
            interval: poll.interval,
            collect,
            hold: poll.hold,
            limits,
            budget: keys.budget.over(self.settings.budget.budget),
            shard: self.pin(keys, place),
            endpoint: self.endpoint(keys, place, token),
        }
    }

    /// Checks what `settings` come to in calls, with a token that costs `token`.
    pub(super) fn check_budget(
        &mut self,
        keys: &AccountKeys,
        settings: &Resolved,
        token: TokenCalls,
        place: &Places<'_>,
    ) {
        let Resolved { interval, collect, budget, .. } = *settings;
        let polling = Polling { interval, collect, daily_calls: budget.daily_calls, token };
        self.budget_check.check(polling, keys.poll.own(keys.budget), place.of, place.report);
    }

    /// Which part of the fleet is to be polled.
    pub(super) fn shard(&self) -> Shard {
        self.shard
    }

    /// Reports what is wrong with settings that many accounts share.
    pub(super) fn finish(self, report: &Report) {
        self.budget_check.finish(report);
    }

    fn pin(&self, keys: &AccountKeys, place: &Places<'_>) -> Option<u32> {
        let total = self.shard.total();
        if !self.shard.is_whole() && keys.shard.is_some_and(|pin| pin >= total) {
            let right = format!("name one from 0 to {}, or start more with `--total-shards`", total - 1);
            place.report.fault(&(place.of)("shard"), "a shard that there is none of", right);
        }
        keys.shard
    }

    fn info_labels(&self, keys: &AccountKeys, place: &Places<'_>) -> Box<[Box<str>]> {
        const WRONG: &str = "a label that `info_labels` does not name";
        // The names there are values of the file, which a fault must not quote.
        const RIGHT: &str = "check its spelling, or add it to `info_labels` at the top of the main file";
        let known = &self.settings.info_labels;
        for (name, _) in keys.labels.iter().filter(|(name, _)| !known.contains(name)) {
            let at = match (place.of)("labels") {
                Place::Key(path) => Place::Key(join(&path, name)),
                other => other,
            };
            place.report.fault(&at, WRONG, RIGHT);
        }
        let value = |label: &String| keys.labels.iter().find(|(name, _)| name == label);
        known
            .iter()
            .map(|label| value(label).map_or_else(Box::default, |(_, text)| text.as_str().into()))
            .collect()
    }

    fn endpoint(
        &mut self,
        keys: &AccountKeys,
        place: &Places<'_>,
        token: Option<&TokenSource>,
    ) -> Option<Arc<Endpoint>> {
        let (base_url, fallback) = match token {
            Some(TokenSource::CloudHosting { .. }) => (self.hosted_base_url(keys, place)?, None),
            _ => self.base_urls(keys, place, HTTP_RULE)?,
        };
        let proxy = keys.proxy.as_ref().or(self.settings.api.proxy.as_ref());
        let key = (base_url.clone(), proxy.map(secret_place));
        let shared = self.endpoints.entry(key).or_default();
        let same = |known: &&Arc<Endpoint>| known.fallback == fallback && known.proxy.as_ref() == proxy;
        if let Some(known) = shared.iter().find(same) {
            return Some(Arc::clone(known));
        }
        let endpoint = Arc::new(Endpoint { base_url, fallback, proxy: proxy.cloned() });
        shared.push(Arc::clone(&endpoint));
        Some(endpoint)
    }

    /// The base URL and its fallback. `http_rule` says what to do where encryption is missing.
    fn base_urls(
        &self,
        keys: &AccountKeys,
        place: &Places<'_>,
        http_rule: &str,
    ) -> Option<(BaseUrl, Option<BaseUrl>)> {
        let api = &self.settings.api;
        let Some(own) = keys.base_url.as_deref() else {
            return Some((api.base_url.clone()?, api.fallback.clone()));
        };
        match encryption(own, api.allow_http) {
            Encryption::Fine => {}
            Encryption::Doubtful => place.report.warn(&(place.of)("base_url"), PLAIN_HTTP, "use `https`"),
            Encryption::Missing => place.report.fault(&(place.of)("base_url"), PLAIN_HTTP, http_rule),
        }
        let fallback = match (is_default(own), api.base_url.as_ref() == Some(own)) {
            (true, true) => api.fallback.clone(),
            (true, false) => default_fallback(),
            (false, _) => None,
        };
        Some((own.clone(), fallback))
    }

    /// The base URL for calls that a sidecar adds the credential to. It listens for one host, so
    /// there is no fallback.
    fn hosted_base_url(&self, keys: &AccountKeys, place: &Places<'_>) -> Option<BaseUrl> {
        if keys.base_url.is_none() && !self.settings.api.is_base_url_set {
            return cloud_hosting_base_url();
        }
        let http_rule = "remove it, or set `allow_http: true` under `api`";
        let (base_url, _) = self.base_urls(keys, place, http_rule)?;
        if is_default(&base_url) {
            let doubtful = "`cloud_hosting` with an `https` base URL, which the sidecar cannot see into";
            place.report.warn(&(place.of)("token"), doubtful, "remove `base_url` here and under `api`");
        }
        Some(base_url)
    }
}

fn secret_place(source: &SecretSource) -> (u8, String) {
    match source {
        SecretSource::Inline(_) => (0, String::new()),
        SecretSource::File(file) => (1, file.path().to_string_lossy().into_owned()),
        SecretSource::Env(name) => (2, name.clone()),
    }
}
