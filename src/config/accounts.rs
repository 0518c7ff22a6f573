//! Accounts: each is read as it passes by, then resolved against the settings, which may stand
//! after it in the file.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::account::{Account, AccountName, AppId};
use super::credential::SharedCredential;
use super::fault::{Place, Report, join, join_name};
use super::platforms::Platforms;
use super::resolve::{AccountKeys, Places, Resolver};
use super::secrets::Variables;
use super::section::{Section, did_you_mean, nearest};
use super::sources::account_token;
use super::token::{ReadOnlySource, TokenSource};
use super::yaml::{Node, STREAMED_KEY};
use crate::budget::TokenCalls;

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
    /// The source of the last account that reads one, to be shared with the next: often all
    /// accounts have the same.
    last_source: Option<Arc<ReadOnlySource>>,
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
    keys: AccountKeys,
    token: Option<TokenSource>,
}

impl<'r> Accounts<'r> {
    pub(super) fn new(report: &'r Report, variables: &'r Variables<'r>) -> Self {
        Self { report, variables, count: 0, names: HashSet::new(), read: Vec::new(), last_source: None }
    }

    /// How many entries passed by, good or bad.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Reads one entry of the map `accounts`.
    pub(super) fn read(&mut self, key: &str, node: Node) {
        self.count += 1;
        self.report.set_rank(self.count);
        let name = AccountName::parse(key);
        let path = match (&name, &node) {
            // Who writes keys below it means a name, which everybody may see.
            (Some(name), Node::Map(_)) => path_of(name),
            _ => join(STREAMED_KEY, key),
        };
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
            let mut raw = RawAccount::read(self.count, name, section, self.variables);
            self.share_source(&mut raw);
            self.read.push(raw);
        }
    }

    fn share_source(&mut self, raw: &mut RawAccount) {
        let Some(TokenSource::ReadOnly(source)) = &mut raw.token else { return };
        match &self.last_source {
            Some(last) if last == source => *source = Arc::clone(last),
            _ => self.last_source = Some(Arc::clone(source)),
        }
    }

    /// The accounts in name order.
    pub(super) fn resolve(self, resolver: &mut Resolver<'_>, platforms: &Platforms) -> Vec<Arc<Account>> {
        let (mut app_ids, mut credentials) = (HashMap::new(), HashMap::new());
        let read = self.read.into_iter().filter_map(|raw| {
            self.report.set_rank(raw.rank);
            check_app_id(&raw, &mut app_ids, self.report);
            check_name(&raw, self.report);
            check_platform(&raw, platforms, self.report);
            check_from_app_id(&raw, self.report);
            check_credential(&raw, &mut credentials, self.variables, self.report);
            raw.resolve(resolver, platforms, self.report).map(Arc::new)
        });
        let mut accounts: Vec<_> = read.collect();
        accounts.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        accounts.shrink_to_fit();
        accounts
    }
}

/// Where the account of this name stands in its file.
pub(super) fn path_of(name: &AccountName) -> String {
    join_name(STREAMED_KEY, name.as_str())
}

/// Refuses what stands under `accounts` and is no map.
pub(super) fn refuse_other_shapes(node: &Node, report: &Report) {
    let place = Place::key("", STREAMED_KEY);
    match node {
        Node::Map(_) | Node::Empty => {}
        Node::List(_) => {
            report.fault(&place, "a list, not a map", "write each account's name as a key, without `-`");
        }
        Node::Scalar(_) => {
            report.fault(&place, "one value, not a map", "write each account's name as a key below it");
        }
    }
}

impl RawAccount {
    fn read(
        rank: usize,
        name: Option<AccountName>,
        mut section: Section<'_>,
        variables: &Variables<'_>,
    ) -> Self {
        section.require("app_id", format_args!("give {}", AppId::RULE));
        let short_text = format_args!("a text of at most {LONGEST_DISPLAY_NAME} bytes");
        let short = |text: &str| (text.len() <= LONGEST_DISPLAY_NAME).then(|| Box::from(text));
        let raw = Self {
            rank,
            path: section.path().into(),
            name,
            app_id: section.text("app_id", "an app id", AppId::RULE, AppId::parse),
            display_name: section.text("display_name", short_text, "shorten it", short).unwrap_or_default(),
            keys: AccountKeys::read(&mut section, variables),
            token: account_token(&mut section, variables),
        };
        section.finish();
        raw
    }

    /// The account, or nothing where there is a fault.
    fn resolve(self, resolver: &mut Resolver<'_>, platforms: &Platforms, report: &Report) -> Option<Account> {
        let place = Places { of: &|key| Place::key(&self.path, key), report };
        let settings = resolver.resolve(&self.keys, &place, self.token.as_ref());
        if let Some(token) = &self.token {
            let token = TokenCalls::new(token, platforms.good());
            resolver.check_budget(&self.keys, &settings, token, &place);
        }
        Some(Account {
            name: self.name?,
            app_id: self.app_id?,
            display_name: self.display_name,
            info_labels: settings.info_labels,
            interval: settings.interval,
            collect: settings.collect,
            hold: settings.hold,
            limits: settings.limits,
            budget: settings.budget,
            shard: settings.shard,
            endpoint: settings.endpoint?,
            token: self.token?,
        })
    }
}

fn check_app_id(raw: &RawAccount, app_ids: &mut HashMap<AppId, AccountName>, report: &Report) {
    let (Some(name), Some(app_id)) = (&raw.name, &raw.app_id) else { return };
    match app_ids.get(app_id) {
        None => {
            app_ids.insert(app_id.clone(), name.clone());
        }
        // The name's fault is enough when it stands twice.
        Some(other) if other == name => {}
        Some(other) => {
            let place = Place::key(&raw.path, "app_id");
            let wrong = format!("the app id of account `{other}` too");
            report.fault(&place, wrong, "poll each app id as one account");
        }
    }
}

/// Refuses calls for the counts of another account.
/// A discovered account is named by its app id, and hidden by one that has this name already.
fn check_name(raw: &RawAccount, report: &Report) {
    let (Some(name), Some(app_id)) = (&raw.name, &raw.app_id) else { return };
    if name.as_str() != app_id.as_str() && AppId::parse(name.as_str()).is_some() {
        let doubtful = "named like the app id of another account, which cannot be discovered then";
        report.warn(&Place::Key(raw.path.to_string()), doubtful, "give it a name of its own");
    }
}

fn check_from_app_id(raw: &RawAccount, report: &Report) {
    let Some(TokenSource::CloudHosting { from_app_id } | TokenSource::CloudFile { from_app_id, .. }) =
        &raw.token
    else {
        return;
    };
    let (Some(from), Some(app_id)) = (from_app_id, &raw.app_id) else { return };
    if from != app_id {
        let place = Place::key(&join_name(&raw.path, "token"), "from_app_id");
        let wrong = "another app id than the account's own, so the counts would be another account's";
        report.fault(&place, wrong, "give the same one as `app_id`");
    }
}

fn check_credential(
    raw: &RawAccount,
    credentials: &mut HashMap<SharedCredential, AccountName>,
    variables: &Variables<'_>,
    report: &Report,
) {
    let (Some(name), Some(token)) = (&raw.name, &raw.token) else { return };
    let Some(credential) = SharedCredential::of(token, variables) else { return };
    match credentials.get(&credential) {
        None => _ = credentials.insert(credential, name.clone()),
        // The name's fault is enough when it stands twice.
        Some(other) if other == name => {}
        Some(other) => {
            let wrong = format!("the token of account `{other}` too, so the counts would be that account's");
            report.fault(&Place::key(&raw.path, "token"), wrong, credential.remedy());
        }
    }
}

fn check_platform(raw: &RawAccount, platforms: &Platforms, report: &Report) {
    let Some(TokenSource::Authorizer { platform, refresh_token }) = &raw.token else { return };
    let path = join_name(&raw.path, "token");
    if platforms.has(platform) {
        if refresh_token.is_some() && platforms.reads_tokens_of(platform) {
            let wrong = "of no use: the platform's `authorizer_token` is read, not fetched";
            report.fault(&Place::key(&path, "refresh_token"), wrong, "remove it");
        }
        return;
    }
    let names = platforms.names();
    let known = match names.as_slice() {
        [] => "add it there".to_owned(),
        names => format!("known there: {}", names.join(", ")),
    };
    let meant = nearest(platform.as_str(), &names).map_or_else(String::new, did_you_mean);
    let place = Place::key(&path, "platform");
    report.fault(&place, "not a platform under `platforms`", format_args!("{meant}{known}"));
}
