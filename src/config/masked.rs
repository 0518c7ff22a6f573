//! The configuration in force as YAML, for people: everything as it was resolved, without secrets. A
//! secret that stands in the configuration itself is shown as `<secret>`, one that is read elsewhere by
//! its place. URLs are scheme and host; templates are not shown, because some SDKs put secrets there.

use std::fmt::{Display, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use super::platform::{AuthorizerToken, ComponentToken, Discovery};
use super::token::{Pointer, ReadOnlySource, RedisFormat};
use super::{
    Account, ApiConfig, AppId, Budget, Collect, Config, Endpoint, Kind, Limits, Platform, TokenSource,
};
use crate::secret::{MASK, SecretSource};

/// Lines of YAML, nested by indentation. Texts are double-quoted, in which YAML is as JSON.
#[derive(Debug, Default)]
struct Lines {
    text: String,
    depth: usize,
}

impl Config {
    /// The configuration as YAML, without secrets. Takes time in proportion to the accounts.
    pub fn masked(&self) -> String {
        let Self { api, info_labels, accounts, platforms, shard, account_files } = self;
        let mut lines = Lines::default();
        lines
            .text
            .push_str("# Everything as it is in force, each account with what it takes from the whole.\n");
        lines.map("api", |lines| lines.api(api));
        lines.texts("info_labels", info_labels);
        lines.map("shard", |lines| {
            lines.plain("ordinal", shard.ordinal());
            lines.plain("total", shard.total());
        });
        lines.texts("account_files", account_files.iter().map(|file| file.path.to_string_lossy()));
        lines.map("accounts", |lines| {
            for account in accounts {
                lines.map(account.name.as_str(), |lines| lines.account(account, info_labels));
            }
        });
        lines.map("platforms", |lines| {
            for platform in platforms {
                lines.map(platform.name.as_str(), |lines| lines.platform(platform, info_labels));
            }
        });
        lines.text
    }
}

impl Lines {
    /// `key: `, at the present depth.
    fn key(&mut self, key: &str) {
        self.text.extend(std::iter::repeat_n("  ", self.depth));
        let is_plain = key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && key.len() > 3;
        if is_plain {
            self.text.push_str(key);
        } else {
            self.quoted(key);
        }
        self.text.push(':');
    }

    fn quoted(&mut self, text: &str) {
        // Serialising a text cannot fail.
        self.text.push_str(&serde_json::to_string(text).unwrap_or_default());
    }

    /// A number, a boolean, or a word of ours.
    fn plain(&mut self, key: &str, value: impl Display) {
        self.key(key);
        // Writing to a text cannot fail.
        writeln!(self.text, " {value}").unwrap_or_default();
    }

    fn words(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push(' ');
        self.quoted(value);
        self.text.push('\n');
    }

    fn words_of(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.words(key, value);
        }
    }

    fn path(&mut self, key: &str, path: Option<&PathBuf>) {
        if let Some(path) = path {
            self.words(key, &path.to_string_lossy());
        }
    }

    fn texts<T: AsRef<str>>(&mut self, key: &str, values: impl IntoIterator<Item = T>) {
        let values: Vec<_> = values.into_iter().collect();
        if values.is_empty() {
            return;
        }
        self.key(key);
        for (at, value) in values.iter().enumerate() {
            self.text.push_str(if at == 0 { " [" } else { ", " });
            self.quoted(value.as_ref());
        }
        self.text.push_str("]\n");
    }

    fn duration(&mut self, key: &str, value: Duration) {
        match value.subsec_millis() {
            0 => self.plain(key, format_args!("{}s", value.as_secs())),
            _ => self.plain(key, format_args!("{}ms", value.as_millis())),
        }
    }

    /// Nothing if nothing stands below it.
    fn map(&mut self, key: &str, below: impl FnOnce(&mut Self)) {
        let before = self.text.len();
        self.key(key);
        self.text.push('\n');
        let start = self.text.len();
        self.depth += 1;
        below(self);
        self.depth -= 1;
        if self.text.len() == start {
            self.text.truncate(before);
        }
    }

    fn secret(&mut self, key: &str, secret: &SecretSource) {
        match secret {
            SecretSource::Inline(_) => self.words(key, MASK),
            SecretSource::File(file) => self.words(&format!("{key}_file"), &file.path().to_string_lossy()),
            SecretSource::Env(name) => self.words(&format!("{key}_env"), name),
        }
    }

    fn api(&mut self, api: &ApiConfig) {
        let ApiConfig { timeout, connect_timeout, requests_per_second, max_in_flight, ca_file } = api;
        self.duration("timeout", *timeout);
        self.duration("connect_timeout", *connect_timeout);
        self.plain("requests_per_second", requests_per_second);
        self.plain("max_in_flight", max_in_flight);
        self.path("ca_file", ca_file.as_ref());
    }

    fn account(&mut self, account: &Account, info_labels: &[String]) {
        let Account { name: _, app_id, display_name, info_labels: values, .. } = account;
        let Account { interval, collect, hold, limits, budget, shard, endpoint, token, .. } = account;
        self.words("app_id", app_id.as_str());
        if !display_name.is_empty() {
            self.words("display_name", display_name);
        }
        self.labels(info_labels, values);
        self.polling(*interval, *hold, *collect);
        self.limits(*limits);
        self.budget(*budget);
        if let Some(shard) = shard {
            self.plain("shard", shard);
        }
        self.endpoint(endpoint);
        self.map("token", |lines| lines.token(token));
    }

    fn labels(&mut self, names: &[String], values: &[Box<str>]) {
        self.map("labels", |lines| {
            for (name, value) in names.iter().zip(values).filter(|(_, value)| !value.is_empty()) {
                lines.words(name, value);
            }
        });
    }

    fn polling(&mut self, interval: Duration, hold: Duration, collect: Collect) {
        self.duration("interval", interval);
        let Collect { draft, quota } = collect;
        let on = [("draft", draft), ("quota", quota)].map(|(name, every)| every.map(|every| (name, every)));
        self.texts("collect", on.iter().flatten().map(|(name, _)| name));
        for (name, every) in on.into_iter().flatten() {
            self.duration(&format!("{name}_interval"), every);
        }
        self.duration("hold", hold);
    }

    fn limits(&mut self, limits: Limits) {
        for kind in Kind::ALL {
            self.plain(kind.label(), limits.items[kind]);
        }
        self.plain("pooled", limits.pooled);
    }

    fn budget(&mut self, budget: Budget) {
        let Budget { daily_calls, max_share, reserve, allow_over_budget } = budget;
        self.plain("daily_calls", daily_calls);
        self.plain("max_share", max_share.ratio());
        self.plain("reserve", reserve.ratio());
        self.plain("allow_over_budget", allow_over_budget);
    }

    fn endpoint(&mut self, endpoint: &Endpoint) {
        let Endpoint { base_url, fallback, proxy } = endpoint;
        self.words("base_url", &base_url.to_string());
        self.words_of("fallback_base_url", fallback.as_ref().map(ToString::to_string).as_deref());
        if let Some(proxy) = proxy {
            self.secret("proxy", proxy);
        }
    }

    fn token(&mut self, token: &TokenSource) {
        if !matches!(token, TokenSource::ReadOnly(_)) {
            self.words("source", token.label());
        }
        match token {
            TokenSource::StableToken { app_secret } => self.secret("app_secret", app_secret),
            TokenSource::Token { app_secret } => {
                self.secret("app_secret", app_secret);
                self.plain("accept_token_takeover", true);
            }
            TokenSource::ReadOnly(source) => self.read_only(source),
            TokenSource::CloudHosting { from_app_id } => {
                self.words_of("from_app_id", from_app_id.as_ref().map(AppId::as_str));
            }
            TokenSource::CloudFile { path, from_app_id } => {
                self.path("path", Some(path));
                self.words_of("from_app_id", from_app_id.as_ref().map(AppId::as_str));
            }
            TokenSource::Authorizer { platform, refresh_token } => {
                self.words("platform", platform.as_str());
                if let Some(token) = refresh_token {
                    self.secret("refresh_token", token);
                }
            }
        }
    }

    fn read_only(&mut self, source: &ReadOnlySource) {
        self.words("source", source.label());
        let mut pointers = Vec::new();
        let ca_file = match source {
            ReadOnlySource::File(file) => {
                self.words("path", MASK);
                pointers.push(("pointer", file.pointer.as_ref()));
                None
            }
            ReadOnlySource::Http(http) => {
                self.secret("url", &http.url);
                self.texts("headers", http.headers.iter().map(|(name, _)| name));
                pointers.push(("pointer", http.pointer.as_ref()));
                pointers.push(("expires_pointer", http.expires_pointer.as_ref()));
                http.ca_file.as_ref()
            }
            ReadOnlySource::Redis(redis) => {
                self.secret("url", &redis.url);
                self.words("key", MASK);
                if let RedisFormat::Json(pointer) = &redis.format {
                    self.words("format", "json");
                    pointers.push(("pointer", Some(pointer)));
                }
                redis.ca_file.as_ref()
            }
        };
        for (key, pointer) in pointers {
            self.words_of(key, pointer.map(Pointer::as_str));
        }
        self.path("ca_file", ca_file);
    }

    fn platform(&mut self, platform: &Platform, info_labels: &[String]) {
        let Platform { name: _, component_app_id, endpoint, component_token, .. } = platform;
        let Platform { authorizer_token, discovery, refresh_interval, .. } = platform;
        self.words("component_app_id", component_app_id.as_str());
        self.endpoint(endpoint);
        self.map("component_token", |lines| match component_token {
            ComponentToken::ReadOnly(source) => lines.read_only(source),
            ComponentToken::VerifyTicket { component_app_secret, ticket } => {
                lines.words("source", "verify_ticket");
                lines.secret("component_app_secret", component_app_secret);
                lines.map("ticket", |lines| lines.read_only(ticket));
                lines.plain("accept_token_takeover", true);
            }
        });
        self.map("authorizer_token", |lines| match authorizer_token {
            AuthorizerToken::ReadOnly(source) => lines.read_only(source),
            AuthorizerToken::Fetched => {
                lines.words("source", "api_authorizer_token");
                lines.plain("accept_token_takeover", true);
            }
        });
        self.duration("refresh_interval", *refresh_interval);
        self.plain("discover", discovery.is_some());
        if let Some(discovery) = discovery {
            let Discovery { include, exclude, info_labels: values, interval, hold, collect, .. } = discovery;
            self.texts("include", include.iter().map(AppId::as_str));
            self.texts("exclude", exclude.iter().map(AppId::as_str));
            self.labels(info_labels, values);
            self.polling(*interval, *hold, *collect);
            self.limits(discovery.limits);
            self.budget(discovery.budget);
            if let Some(pin) = discovery.pin {
                self.plain("shard", pin);
            }
        }
    }
}

#[cfg(test)]
mod tests;
