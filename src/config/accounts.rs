//! Accounts: each is read as it passes by, then resolved against the settings, which may stand
//! after it in the file.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::account::{Account, AccountName, AppId, BaseUrl, Collect, Endpoint};
use super::fault::{Place, Report, join};
use super::secrets::{APP_SECRET, PROXY, Variables};
use super::section::Section;
use super::settings::{
    BASE_URL_RULE, Encryption, HTTP_RULE, LimitKeys, PLAIN_HTTP, PollKeys, Settings, default_fallback,
    encryption, is_default,
};
use super::token::TokenSource;
use super::yaml::{Node, STREAMED_KEY};
use crate::secret::SecretSource;

const LONGEST_DISPLAY_NAME: usize = 200;

/// The accounts read so far.
#[derive(Debug)]
pub(super) struct Accounts<'r> {
    report: &'r Report,
    variables: &'r Variables<'r>,
    /// How many entries passed by, good or bad.
    count: usize,
    names: HashSet<AccountName>,
    read: Vec<RawAccount>,
}

/// An account with what it sets itself. A value that is faulty is not there.
#[derive(Debug)]
struct RawAccount {
    /// Its place in the file, from 1.
    rank: usize,
    path: Box<str>,
    name: Option<AccountName>,
    app_id: Option<AppId>,
    display_name: Box<str>,
    labels: Vec<(String, String)>,
    poll: PollKeys,
    limits: LimitKeys,
    /// The URL, if it sets a good one.
    base_url: Option<Box<BaseUrl>>,
    proxy: Option<SecretSource>,
    token: Option<TokenSource>,
}

impl<'r> Accounts<'r> {
    pub(super) fn new(report: &'r Report, variables: &'r Variables<'r>) -> Self {
        Self { report, variables, count: 0, names: HashSet::new(), read: Vec::new() }
    }

    /// How many entries passed by, good or bad.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Reads one entry of the map `accounts`.
    pub(super) fn read(&mut self, key: &str, node: Node) {
        self.count += 1;
        self.report.set_rank(self.count);
        let path = join(STREAMED_KEY, key);
        let name = AccountName::parse(key);
        match &name {
            None => self.report.fault(&Place::Key(path.clone()), "not an account name", AccountName::RULE),
            Some(name) => {
                if !self.names.insert(name.clone()) {
                    let right = "give each account a name of its own";
                    self.report.fault(&Place::Key(path.clone()), "the name of two accounts", right);
                }
            }
        }
        if let Some(section) = Section::open(path, node, self.report) {
            self.read.push(RawAccount::read(self.count, name, section, self.variables));
        }
    }

    /// The accounts in name order.
    pub(super) fn resolve(self, settings: &Settings) -> Vec<Arc<Account>> {
        let mut resolver = Resolver::new(settings, self.report);
        let mut accounts: Vec<_> =
            self.read.into_iter().filter_map(|raw| resolver.resolve(raw)).map(Arc::new).collect();
        accounts.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        accounts.shrink_to_fit();
        accounts
    }
}

impl RawAccount {
    fn read(
        rank: usize,
        name: Option<AccountName>,
        mut section: Section<'_>,
        variables: &Variables<'_>,
    ) -> Self {
        for key in ["poll", "limits"] {
            section.refuse(key, "not a section of an account", "write its keys directly on the account");
        }
        if !section.has("app_id") {
            section.fault("app_id", "missing", format_args!("give {}", AppId::RULE));
        }
        let short_text = format!("a text of at most {LONGEST_DISPLAY_NAME} bytes");
        let short = |text: &str| (text.len() <= LONGEST_DISPLAY_NAME).then(|| Box::from(text));
        let raw = Self {
            rank,
            path: section.path().into(),
            name,
            app_id: section.text("app_id", "an app id", AppId::RULE, AppId::parse),
            display_name: section.text("display_name", &short_text, "shorten it", short).unwrap_or_default(),
            labels: read_labels(&mut section),
            poll: PollKeys::read(&mut section),
            limits: LimitKeys::read(&mut section),
            base_url: section.text("base_url", "a base URL", BASE_URL_RULE, BaseUrl::parse).map(Box::new),
            proxy: PROXY.read(&mut section, variables),
            token: read_token(&mut section, variables),
        };
        section.finish();
        raw
    }
}

fn read_labels(section: &mut Section<'_>) -> Vec<(String, String)> {
    let labels = section.section("labels");
    labels.map_or_else(Vec::new, |labels| labels.into_texts("a text", "write the label's value as text"))
}

fn read_token(section: &mut Section<'_>, variables: &Variables<'_>) -> Option<TokenSource> {
    const SOURCE_RULE: &str = "this version knows `stable_token`";
    if !section.has("token") {
        let right = "give a map with `app_secret_file`, `app_secret_env` or `app_secret`";
        section.fault("token", "missing", right);
    }
    let mut token = section.section("token")?;
    let known = |text: &str| (text == "stable_token").then_some(());
    let is_known = !token.has("source");
    let is_known = token.text("source", "a token source", SOURCE_RULE, known).is_some() || is_known;
    APP_SECRET.require(&token);
    let app_secret = APP_SECRET.read(&mut token, variables);
    token.finish();
    app_secret.filter(|_| is_known).map(|app_secret| TokenSource::StableToken { app_secret })
}

/// Turns raw accounts into accounts, one after the other.
struct Resolver<'s> {
    settings: &'s Settings,
    report: &'s Report,
    app_ids: HashMap<AppId, AccountName>,
    endpoints: HashMap<(BaseUrl, SecretPlace), Vec<Arc<Endpoint>>>,
}

/// What can be hashed of a proxy.
type SecretPlace = Option<(u8, String)>;

impl<'s> Resolver<'s> {
    fn new(settings: &'s Settings, report: &'s Report) -> Self {
        Self { settings, report, app_ids: HashMap::new(), endpoints: HashMap::new() }
    }

    /// The account, or nothing where there is a fault.
    fn resolve(&mut self, raw: RawAccount) -> Option<Account> {
        self.report.set_rank(raw.rank);
        let place = |key: &str| Place::key(&raw.path, key);
        let poll = raw.poll.over(self.settings.poll, place, self.report);
        let limits = raw.limits.over(self.settings.limits, place, self.report);
        let info_labels = self.info_labels(&raw);
        self.check_app_id(&raw);
        let endpoint = self.endpoint(&raw);
        Some(Account {
            name: raw.name?,
            app_id: raw.app_id?,
            display_name: raw.display_name,
            info_labels,
            interval: poll.interval,
            collect: Collect::default(),
            hold: poll.hold,
            limits,
            endpoint: endpoint?,
            token: raw.token?,
        })
    }

    fn info_labels(&self, raw: &RawAccount) -> Box<[Box<str>]> {
        const WRONG: &str = "a label that `info_labels` does not name";
        // The names there are values of the file, which a fault must not quote.
        const RIGHT: &str = "check its spelling, or add it to `info_labels` at the top of the file";
        let known = &self.settings.info_labels;
        for (name, _) in raw.labels.iter().filter(|(name, _)| !known.contains(name)) {
            let place = Place::Key(join(&join(&raw.path, "labels"), name));
            self.report.fault(&place, WRONG, RIGHT);
        }
        let value = |label: &String| raw.labels.iter().find(|(name, _)| name == label);
        known
            .iter()
            .map(|label| value(label).map_or_else(Box::default, |(_, text)| text.as_str().into()))
            .collect()
    }

    fn check_app_id(&mut self, raw: &RawAccount) {
        let (Some(name), Some(app_id)) = (&raw.name, &raw.app_id) else { return };
        match self.app_ids.get(app_id) {
            None => {
                self.app_ids.insert(app_id.clone(), name.clone());
            }
            // The name's fault is enough when it stands twice.
            Some(other) if other == name => {}
            Some(other) => {
                let place = Place::key(&raw.path, "app_id");
                let wrong = format!("the app id of account `{other}` too");
                self.report.fault(&place, wrong, "poll each app id as one account");
            }
        }
    }

    fn endpoint(&mut self, raw: &RawAccount) -> Option<Arc<Endpoint>> {
        let api = &self.settings.api;
        let (base_url, fallback) = match raw.base_url.as_deref() {
            None => (api.base_url.clone()?, api.fallback.clone()),
            Some(own) => {
                self.check_encryption(own, raw);
                let fallback = match (is_default(own), api.base_url.as_ref() == Some(own)) {
                    (true, true) => api.fallback.clone(),
                    (true, false) => default_fallback(),
                    (false, _) => None,
                };
                (own.clone(), fallback)
            }
        };
        let proxy = raw.proxy.as_ref().or(api.proxy.as_ref());
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

    fn check_encryption(&self, url: &BaseUrl, raw: &RawAccount) {
        let place = Place::key(&raw.path, "base_url");
        match encryption(url, self.settings.api.allow_http) {
            Encryption::Fine => {}
            Encryption::Doubtful => self.report.warn(&place, PLAIN_HTTP, "use `https`"),
            Encryption::Missing => self.report.fault(&place, PLAIN_HTTP, HTTP_RULE),
        }
    }
}

fn secret_place(source: &SecretSource) -> (u8, String) {
    match source {
        SecretSource::Inline(_) => (0, String::new()),
        SecretSource::File(path) => (1, path.to_string_lossy().into_owned()),
        SecretSource::Env(name) => (2, name.clone()),
    }
}
