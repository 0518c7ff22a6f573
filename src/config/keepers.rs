//! Which file keeps an account that stands in several, and what goes on of a file that is broken.

use std::collections::HashMap;
use std::sync::Arc;

use super::account::{Account, AccountName, AppId};
use super::account_files::ReadFile;
use super::accounts::path_of;
use super::credential::SharedCredential;
use super::fault::{Place, Report, join_name};
use super::platforms::Platforms;
use super::secrets::Variables;
use super::token::TokenSource;
use super::{AccountFile, Config};

/// An account file and which of its accounts there are.
#[derive(Debug)]
pub(super) struct SettledFile {
    pub(super) file: ReadFile,
    /// Its accounts in the running configuration, in name order.
    running: Vec<Arc<Account>>,
    /// Those that go on, if the file is broken.
    kept: Option<Vec<Arc<Account>>>,
    /// Whether all that it shares with other files was reported.
    is_compared: bool,
}

impl SettledFile {
    /// The accounts it brings, good or going on.
    pub(super) fn accounts(&self) -> &[Arc<Account>] {
        self.kept.as_deref().unwrap_or(&self.file.accounts)
    }

    /// Whether it cannot be used as it is.
    pub(super) fn is_broken(&self) -> bool {
        self.kept.is_some()
    }

    /// How the configuration names it; nothing for a broken file of which nothing goes on.
    pub(super) fn listed(&self) -> Option<AccountFile> {
        if self.kept.as_ref().is_some_and(Vec::is_empty) {
            return None;
        }
        let names = self.accounts().iter().map(|account| account.name.clone()).collect();
        Some(AccountFile { path: self.file.path.clone(), names })
    }

    /// Accounts that no other account file can take: those that are running.
    fn running_accounts(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.accounts().iter().filter(|account| {
            let found = self.running.binary_search_by(|running| running.name.cmp(&account.name));
            let running = found.ok().and_then(|at| self.running.get(at));
            running.is_some_and(|running| running.app_id == account.app_id)
        })
    }
}

/// What decides on accounts beside the account files.
#[derive(Debug)]
pub(super) struct Settling<'a> {
    /// The main file's name and accounts: they go before all others.
    pub(super) main: &'a Report,
    pub(super) main_accounts: &'a [Arc<Account>],
    /// The configuration in force.
    pub(super) running: Option<&'a Config>,
    /// The new settings.
    pub(super) platforms: &'a Platforms,
    pub(super) info_labels: &'a [String],
    pub(super) variables: &'a Variables<'a>,
}

impl Settling<'_> {
    /// Decides for every account which file keeps it: the main file, then the one it is running
    /// from, then the first in the order of `files`. The others are broken, and what is running of
    /// a broken file goes on.
    pub(super) fn settle(&self, files: Vec<ReadFile>) -> Vec<SettledFile> {
        if files.is_empty() {
            return Vec::new();
        }
        let mut main = Claims::new(self.variables);
        for account in self.main_accounts {
            main.add(Owner::Main, account);
        }
        let running = self.running_by_file();
        let mut files: Vec<SettledFile> = files
            .into_iter()
            .map(|file| {
                let running = running.get(file.path.as_path()).cloned().unwrap_or_default();
                let kept = file.report.has_faults().then(|| self.going_on(&running, &main, &file.report));
                SettledFile { file, running, kept, is_compared: false }
            })
            .collect();
        // A file that breaks may bring back accounts that another one has taken meanwhile. Each
        // such round leaves one more file broken, so there is a last one.
        while !self.compare(&mut files, &main) {}
        files
    }

    /// Compares all files; whether that is final.
    fn compare(&self, files: &mut [SettledFile], main: &Claims<'_>) -> bool {
        let names: Vec<String> = files.iter().map(|settled| settled.file.report.file().to_owned()).collect();
        let owner_name = |owner| match owner {
            Owner::Main => self.main.file(),
            Owner::File(at) => names.get(at).map_or("", String::as_str),
        };
        let mut claims = main.clone();
        for (at, settled) in files.iter().enumerate() {
            for account in settled.running_accounts() {
                claims.add(Owner::File(at), account);
            }
        }
        let mut is_final = true;
        for (at, settled) in files.iter_mut().enumerate() {
            let owner = Owner::File(at);
            let SettledFile { file, running, kept, is_compared } = settled;
            if !*is_compared {
                for account in &file.accounts {
                    claims.refuse(owner, account, &owner_name, &file.report);
                }
            }
            if !file.report.has_faults() {
                for account in &file.accounts {
                    claims.add(owner, account);
                }
                continue;
            }
            *is_compared = true;
            if kept.is_none() {
                let going_on = kept.insert(self.going_on(running, main, &file.report));
                for account in going_on {
                    is_final &= claims.add(owner, account);
                }
            }
        }
        is_final
    }

    /// What goes on of the accounts of a broken file: all that are `running`, but for those that the
    /// main file has now, and those whose platform is gone.
    fn going_on(&self, running: &[Arc<Account>], main: &Claims<'_>, report: &Report) -> Vec<Arc<Account>> {
        let is_free = |account: &&Arc<Account>| main.leave_free(account);
        let has_platform = |account: &&Arc<Account>| match &account.token {
            TokenSource::Authorizer { platform, .. } if !self.platforms.has(platform) => {
                let path = join_name(&path_of(&account.name), "token");
                let wrong = "polled until now through a platform that is gone";
                report.fault(&Place::key(&path, "platform"), wrong, "name one under `platforms`");
                false
            }
            _ => true,
        };
        let going_on = running.iter().filter(is_free).filter(has_platform);
        let labels_before = self.running.map_or(&[][..], |running| &running.info_labels);
        going_on.map(|account| account.relabelled(labels_before, self.info_labels)).collect()
    }

    fn running_by_file(&self) -> HashMap<&std::path::Path, Vec<Arc<Account>>> {
        let Some(running) = self.running else { return HashMap::new() };
        let account = |name: &AccountName| {
            let found = running.accounts.binary_search_by(|account| account.name.cmp(name));
            found.ok().and_then(|at| running.accounts.get(at)).map(Arc::clone)
        };
        let accounts = |file: &'_ AccountFile| file.names.iter().filter_map(account).collect();
        running.account_files.iter().map(|file| (file.path.as_path(), accounts(file))).collect()
    }
}

/// Who has an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Main,
    /// An account file, by its place in the list.
    File(usize),
}

/// Which names, app ids and credentials are taken.
#[derive(Clone, Debug)]
struct Claims<'a> {
    variables: &'a Variables<'a>,
    names: HashMap<AccountName, Owner>,
    app_ids: HashMap<AppId, (Owner, AccountName)>,
    credentials: HashMap<SharedCredential, (Owner, AccountName)>,
}

impl<'a> Claims<'a> {
    fn new(variables: &'a Variables<'a>) -> Self {
        Self { variables, names: HashMap::new(), app_ids: HashMap::new(), credentials: HashMap::new() }
    }

    fn credential(&self, account: &Account) -> Option<SharedCredential> {
        SharedCredential::of(&account.token, self.variables)
    }

    /// Whether the name, the app id and the credential of `account` are `owner`'s from now on; what
    /// another one has it keeps.
    fn add(&mut self, owner: Owner, account: &Account) -> bool {
        let name = *self.names.entry(account.name.clone()).or_insert(owner);
        let app_id = self.app_ids.entry(account.app_id.clone()).or_insert((owner, account.name.clone()));
        let has_both = name == owner && app_id.0 == owner;
        let Some(credential) = self.credential(account) else { return has_both };
        let credential = self.credentials.entry(credential).or_insert((owner, account.name.clone()));
        has_both && credential.0 == owner
    }

    /// Whether nobody has the name, the app id or the credential of `account`.
    fn leave_free(&self, account: &Account) -> bool {
        let has_credential = |credential| self.credentials.contains_key(&credential);
        !self.names.contains_key(&account.name)
            && !self.app_ids.contains_key(&account.app_id)
            && !self.credential(account).is_some_and(has_credential)
    }

    /// Reports what of `account` another one than `owner` has.
    fn refuse<'n>(
        &self,
        owner: Owner,
        account: &Account,
        owner_name: &impl Fn(Owner) -> &'n str,
        report: &Report,
    ) {
        let path = path_of(&account.name);
        if let Some(other) = self.names.get(&account.name).filter(|other| **other != owner) {
            let wrong = format!("an account of `{}` too", owner_name(*other));
            report.fault(&Place::Key(path), wrong, "keep it in one of the two files");
        } else if let Some((other, name)) =
            self.app_ids.get(&account.app_id).filter(|(other, _)| *other != owner)
        {
            let wrong = format!("the app id of account `{name}` of `{}` too", owner_name(*other));
            report.fault(&Place::key(&path, "app_id"), wrong, "poll each app id as one account");
        } else if let Some(credential) = self.credential(account)
            && let Some((other, name)) =
                self.credentials.get(&credential).filter(|(other, _)| *other != owner)
        {
            let file = owner_name(*other);
            let wrong = format!(
                "the token of account `{name}` of `{file}` too, so the counts would be that account's"
            );
            report.fault(&Place::key(&path, "token"), wrong, credential.remedy());
        }
    }
}
