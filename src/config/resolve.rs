//! What accounts and platforms have in common: the keys of an account's settings, and how they
//! become values by the settings of the whole file.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::account::{BaseUrl, Budget, Collect, Endpoint, Limits};
use super::fault::{Place, Report, join};
use super::keys::{CollectKeys, LimitKeys, PollKeys};
use super::secret_keys::PROXY;
use super::secrets::Variables;
use super::section::Section;
use super::settings::{
    BASE_URL_RULE, Encryption, HTTP_RULE, PLAIN_HTTP, Settings, cloud_hosting_base_url, default_fallback,
    encryption, is_default,
};
use super::token::TokenSource;
use crate::secret::SecretSource;

/// The settings that an account or platform sets itself.
#[derive(Debug)]
pub(super) struct AccountKeys {
    labels: Vec<(String, String)>,
    poll: PollKeys,
    limits: LimitKeys,
    collect: CollectKeys,
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
    /// Nothing only where there is a fault.
    pub(super) endpoint: Option<Arc<Endpoint>>,
}

/// Turns keys into settings, one account or platform after the other.
#[derive(Debug)]
pub(super) struct Resolver<'s> {
    settings: &'s Settings,
    report: &'s Report,
    endpoints: HashMap<(BaseUrl, SecretPlace), Vec<Arc<Endpoint>>>,
}

/// What can be hashed of a proxy.
type SecretPlace = Option<(u8, String)>;

impl<'s> Resolver<'s> {
    pub(super) fn new(settings: &'s Settings, report: &'s Report) -> Self {
        Self { settings, report, endpoints: HashMap::new() }
    }

    /// The settings by `keys`, whose places `place` knows, for calls with `token`.
    pub(super) fn resolve(
        &mut self,
        keys: &AccountKeys,
        place: &dyn Fn(&str) -> Place,
        token: Option<&TokenSource>,
    ) -> Resolved {
        let poll = keys.poll.over(self.settings.poll, place, self.report);
        let limits = keys.limits.over(self.settings.limits, place, self.report);
        let cloud = token.filter(|token| token.is_cloud()).map(TokenSource::label);
        let collect = keys.collect.over(poll, cloud, &place("collect"), self.report);
        Resolved {
            info_labels: self.info_labels(keys, place),
            interval: poll.interval,
            collect,
            hold: poll.hold,
            limits,
            budget: Budget::default(),
            endpoint: self.endpoint(keys, place, token),
        }
    }

    fn info_labels(&self, keys: &AccountKeys, place: &dyn Fn(&str) -> Place) -> Box<[Box<str>]> {
        const WRONG: &str = "a label that `info_labels` does not name";
        // The names there are values of the file, which a fault must not quote.
        const RIGHT: &str = "check its spelling, or add it to `info_labels` at the top of the file";
        let known = &self.settings.info_labels;
        for (name, _) in keys.labels.iter().filter(|(name, _)| !known.contains(name)) {
            let place = match place("labels") {
                Place::Key(path) => Place::Key(join(&path, name)),
                other => other,
            };
            self.report.fault(&place, WRONG, RIGHT);
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
        place: &dyn Fn(&str) -> Place,
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
        place: &dyn Fn(&str) -> Place,
        http_rule: &str,
    ) -> Option<(BaseUrl, Option<BaseUrl>)> {
        let api = &self.settings.api;
        let Some(own) = keys.base_url.as_deref() else {
            return Some((api.base_url.clone()?, api.fallback.clone()));
        };
        match encryption(own, api.allow_http) {
            Encryption::Fine => {}
            Encryption::Doubtful => self.report.warn(&place("base_url"), PLAIN_HTTP, "use `https`"),
            Encryption::Missing => self.report.fault(&place("base_url"), PLAIN_HTTP, http_rule),
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
    fn hosted_base_url(&self, keys: &AccountKeys, place: &dyn Fn(&str) -> Place) -> Option<BaseUrl> {
        if keys.base_url.is_none() && !self.settings.api.is_base_url_set {
            return cloud_hosting_base_url();
        }
        let http_rule = "remove it, or set `allow_http: true` under `api`";
        let (base_url, _) = self.base_urls(keys, place, http_rule)?;
        if is_default(&base_url) {
            let doubtful = "`cloud_hosting` with an `https` base URL, which the sidecar cannot see into";
            self.report.warn(&place("token"), doubtful, "remove `base_url` here and under `api`");
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
