//! Account files: which are read, what one of them can break, and who keeps an account.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use wechat_material_exporter::config::{Config, Loaded, load};
use wechat_material_exporter::shard::Shard;

use super::{set_mode, variables};

/// A directory with a main file and account files, and the configuration loaded from it last.
pub(super) struct Files {
    dir: TempDir,
    running: Option<Config>,
}

impl Files {
    /// A main file that names `d/*.yaml`, with `main` below.
    pub(super) fn new(main: &str) -> Self {
        let files = Self { dir: tempfile::tempdir().unwrap(), running: None };
        fs::create_dir(files.path("d")).unwrap();
        files.write_main(&["d/*.yaml"], main);
        files
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn write_main(&self, patterns: &[&str], main: &str) {
        let patterns: Vec<_> = patterns.iter().map(|pattern| self.path(pattern)).collect();
        self.write("main.yaml", &format!("account_files: {patterns:?}\n{main}"));
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Writes an account file with accounts by name, the app id's last digit and more keys.
    pub(super) fn write_accounts(&self, name: &str, accounts: &[(&str, char, &str)]) {
        self.write(name, &format!("accounts:\n{}", entries(accounts)));
    }

    pub(super) fn try_load(&self) -> Result<Loaded, Vec<String>> {
        let env = variables(&[("SECRET", "s3cret")]);
        load(&self.path("main.yaml"), &env, Shard::default(), self.running.as_ref())
            .map_err(|faults| faults.lines().iter().map(|line| self.short(line)).collect())
    }

    /// Loads, and lets what was loaded run: the accounts with their files.
    pub(super) fn load(&mut self) -> Seen {
        let loaded = self.try_load().unwrap_or_else(|faults| panic!("{faults:#?}"));
        let seen = Seen {
            accounts: loaded.config.accounts.iter().map(|account| account.name.to_string()).collect(),
            files: loaded
                .config
                .account_files
                .iter()
                .map(|file| {
                    let names: Vec<_> = file.names.iter().map(ToString::to_string).collect();
                    (self.short(&file.path.display().to_string()), names.join(" "))
                })
                .collect(),
            broken: loaded
                .broken
                .iter()
                .map(|broken| {
                    assert!(
                        broken
                            .faults
                            .lines()
                            .iter()
                            .all(|line| line.starts_with(broken.path.to_str().unwrap()))
                    );
                    (self.short(&broken.path.display().to_string()), broken.accounts)
                })
                .collect(),
            faults: loaded
                .broken
                .iter()
                .flat_map(|broken| broken.faults.lines())
                .map(|line| self.short(line))
                .collect(),
            warnings: loaded.warnings.iter().map(|line| self.short(line)).collect(),
        };
        self.running = Some(loaded.config);
        seen
    }

    pub(super) fn running(&self) -> &Config {
        self.running.as_ref().unwrap()
    }

    pub(super) fn interval(&self, name: &str) -> Option<u64> {
        let account = self.running().accounts.iter().find(|account| account.name.as_str() == name)?;
        Some(account.interval.as_secs() / 60)
    }

    pub(super) fn short(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.dir.path().display()), "")
    }
}

pub(super) struct Seen {
    pub(super) accounts: Vec<String>,
    pub(super) files: Vec<(String, String)>,
    pub(super) broken: Vec<(String, usize)>,
    pub(super) faults: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Seen {
    #[track_caller]
    pub(super) fn has(&self, accounts: &str, faults: &[&str]) {
        assert_eq!(
            (self.accounts.join(" ").as_str(), &*self.faults),
            (accounts, &*faults.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
        );
    }
}

pub(super) fn entries(accounts: &[(&str, char, &str)]) -> String {
    let mut text = String::new();
    for (name, id, keys) in accounts {
        writeln!(
            text,
            "  {name}: {{app_id: wx000000000000000{id}, token: {{app_secret_env: SECRET}}{keys}}}"
        )
        .unwrap();
    }
    text
}

pub(super) fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    variables(pairs)
}

pub(super) const MAIN: &str =
    "accounts: {main: {app_id: wx0000000000000000, token: {app_secret_env: SECRET}}}\n";
pub(super) const TWICE: &str = "keep it in one of the two files";

#[test]
fn all_files_that_match_are_read_once_in_name_order() {
    let mut files = Files::new(MAIN);
    files.write_main(&["d/*.yaml", "d/b.yaml", "d/../d/a*", "**/e.yaml"], MAIN);
    files.write_accounts("d/b.yaml", &[("b", '1', "")]);
    files.write_accounts("d/a.yaml", &[("z", '2', ", interval: 20m"), ("c", '3', "")]);
    files.write("d/.hidden.yaml", "not: read");
    files.write("d/c.txt", "not: read");
    fs::create_dir(files.path("d/directory.yaml")).unwrap();
    fs::create_dir_all(files.path("deep/er")).unwrap();
    files.write("deep/er/e.yaml", "accounts: {}\n");
    let seen = files.load();
    seen.has("b c main z", &[]);
    assert_eq!(seen.files, owned(&[("d/../d/a.yaml", "c z"), ("d/b.yaml", "b"), ("deep/er/e.yaml", "")]));
    assert_eq!((files.interval("z"), files.interval("b")), (Some(20), Some(10)));
    assert_eq!(seen.warnings, [""; 0]);
}

#[test]
fn a_pattern_that_matches_nothing_is_warned_about_and_a_missing_file_is_broken() {
    let mut files = Files::new(MAIN);
    files.write_main(&["d/*.yaml", "d/none.yaml", "d"], MAIN);
    let seen = files.load();
    assert_eq!(seen.warnings, ["main.yaml: account_files: item 1 matches no file: check it, or remove it"]);
    assert_eq!(seen.broken, [("d".to_owned(), 1), ("d/none.yaml".to_owned(), 1)]);
    let right = "name a YAML file that this user can read";
    seen.has(
        "main",
        &[&format!("d: a directory, not a file: {right}"), &format!("d/none.yaml: no such file: {right}")],
    );
}

#[cfg(unix)]
#[test]
fn what_matches_and_is_no_regular_file_is_broken() {
    let mut files = Files::new(MAIN);
    // A pipe would be read until somebody writes to it, a socket cannot be opened at all.
    let _socket = std::os::unix::net::UnixListener::bind(files.path("d/socket.yaml")).unwrap();
    files
        .load()
        .has("main", &["d/socket.yaml: not a regular file: name a YAML file that this user can read"]);
}

#[test]
fn an_account_file_has_accounts_only() {
    let mut files = Files::new(MAIN);
    let none = "name accounts below it, or write `accounts: {}` for none";
    for (text, faults) in [
        ("", vec![format!("accounts: missing: {none}")]),
        ("accounts:\n", vec![format!("accounts: empty: {none}")]),
        ("accounts: [a]\n", vec!["accounts: a list, not a map: write each account's name as a key, without `-`".to_owned()]),
        ("- a\n", vec!["not a map: begin with keys such as `accounts:`".to_owned()]),
        ("accounts: {}\npoll: {}\n", vec!["poll: unknown key: known here: accounts".to_owned()]),
        ("acounts: {}\n", vec![format!("accounts: missing: {none}"), "acounts: unknown key: did you mean `accounts`?".to_owned()]),
        ("accounts: {\n", vec!["line 1, column 11: not valid YAML: check quotes, colons, brackets and the indentation here and above".to_owned()]),
    ] {
        files.write("d/a.yaml", text);
        let seen = files.load();
        let faults: Vec<_> = faults.iter().map(|fault| format!("d/a.yaml: {fault}")).collect();
        assert_eq!((seen.faults, seen.broken), (faults, vec![("d/a.yaml".to_owned(), 1)]), "{text}");
    }
}

#[test]
fn a_broken_file_disables_its_own_accounts_only() {
    let mut files = Files::new("info_labels: [team]\n");
    files.write_accounts("d/a.yaml", &[("a", '1', "")]);
    files.write_accounts(
        "d/b.yaml",
        &[("b", '2', ", interval: 1m"), ("c", '2', ", labels: {tem: x}"), ("d", '3', ""), ("d", '4', "")],
    );
    let seen = files.load();
    assert_eq!(seen.broken, [("d/b.yaml".to_owned(), 4)]);
    assert_eq!(seen.files, owned(&[("d/a.yaml", "a")]));
    seen.has(
        "a",
        &[
            "d/b.yaml: accounts.b.interval: 1440 calls of get_materialcount a day are 144 % of 1000, more than \
             `max_share` 20 %: let `interval` be at least `8m`, or raise `daily_calls` if the account's quota is \
             larger, or set `allow_over_budget: true` under `budget`",
            "d/b.yaml: accounts.c.app_id: the app id of account `b` too: poll each app id as one account",
            "d/b.yaml: accounts.c.labels.tem: a label that `info_labels` does not name: check its spelling, or add \
             it to `info_labels` at the top of the main file",
            "d/b.yaml: accounts.d: the name of two accounts: give each account a name of its own",
        ],
    );
}

#[test]
fn a_platform_and_a_secret_are_checked_in_account_files_too() {
    let mut files = Files::new(MAIN);
    files.write(
        "d/a.yaml",
        "accounts:\n  a: {app_id: wx0000000000000001, token: {source: authorizer, platform: open}}\n  \
         b: {app_id: wx0000000000000002, token: {app_secret_env: NONE}}\n",
    );
    files.load().has(
        "main",
        &[
            "d/a.yaml: accounts.a.token.platform: not a platform under `platforms`: add it there",
            "d/a.yaml: accounts.b.token.app_secret_env: names a variable that is not set or empty: set it in the exporter's environment",
        ],
    );
}

#[test]
fn the_main_file_goes_before_others_and_the_first_file_before_the_next() {
    let mut files = Files::new(MAIN);
    files.write_accounts("d/a.yaml", &[("main", '1', "")]);
    files.write_accounts("d/b.yaml", &[("b", '2', ""), ("other", '3', "")]);
    files.write_accounts("d/c.yaml", &[("c", '4', ""), ("b", '5', "")]);
    files.write_accounts("d/d.yaml", &[("d", '0', ""), ("e", '3', "")]);
    let seen = files.load();
    assert_eq!(seen.files, owned(&[("d/b.yaml", "b other")]));
    seen.has(
        "b main other",
        &[
            &format!("d/a.yaml: accounts.main: an account of `main.yaml` too: {TWICE}"),
            &format!("d/c.yaml: accounts.b: an account of `d/b.yaml` too: {TWICE}"),
            "d/d.yaml: accounts.d.app_id: the app id of account `main` of `main.yaml` too: poll each app id as one account",
            "d/d.yaml: accounts.e.app_id: the app id of account `other` of `d/b.yaml` too: poll each app id as one account",
        ],
    );
}

#[test]
fn a_broken_file_keeps_no_account_from_the_next() {
    let mut files = Files::new(MAIN);
    files.write_accounts("d/a.yaml", &[("main", '1', ""), ("b", '2', "")]);
    files.write_accounts("d/b.yaml", &[("b", '2', "")]);
    let seen = files.load();
    seen.has("b main", &[&format!("d/a.yaml: accounts.main: an account of `main.yaml` too: {TWICE}")]);
    assert_eq!(seen.files, owned(&[("d/b.yaml", "b")]));
}

#[test]
fn two_files_cannot_share_the_token_of_one_account() {
    let account = |name: &str, id: char, token: &str| {
        format!("accounts: {{{name}: {{app_id: wx000000000000000{id}, token: {{{token}}}}}}}\n")
    };
    let kept = "source: file, path: /run/token";
    let mut files = Files::new(&account("main", '0', "source: cloud_hosting"));
    files.write("d/a.yaml", &account("a", '1', kept));
    files.write("d/b.yaml", &account("b", '2', kept));
    files.write("d/c.yaml", &account("c", '3', "source: cloud_file"));
    let fault = |name: char, other: &str, remedy: &str| {
        format!(
            "d/{name}.yaml: accounts.{name}.token: the token of account {other} too, so the counts would be \
             that account's: {remedy}"
        )
    };
    let shared = [
        fault(
            'b',
            "`a` of `d/a.yaml`",
            "read this account's own token, or let `{app_id}` stand where the app id belongs",
        ),
        fault(
            'c',
            "`main` of `main.yaml`",
            "give `from_app_id`, which says whose counts the cloud is asked for",
        ),
    ];
    let shared = shared.each_ref().map(String::as_str);
    files.load().has("a main", &shared);
    // Now `a` is running, so a file before it cannot take its token away.
    files.write("d/0.yaml", &account("b", '2', kept));
    files.write("d/b.yaml", "accounts: {}\n");
    let seen = files.load();
    assert_eq!(seen.accounts.join(" "), "a main");
    assert!(
        seen.faults[0].starts_with("d/0.yaml: accounts.b.token: the token of account `a`"),
        "{:?}",
        seen.faults
    );
}

#[test]
fn an_account_somewhere_is_enough_and_none_anywhere_is_a_fault() {
    let mut files = Files::new("");
    let none = "main.yaml: accounts: none: name at least one account, here or in `account_files`, or let a platform discover them";
    assert_eq!(files.try_load().unwrap_err(), [none]);
    files.write("d/a.yaml", "accounts: {}\n");
    assert_eq!(files.try_load().unwrap_err(), [none]);
    files.write("d/a.yaml", "");
    assert_eq!(files.load().broken.len(), 1);
    files.write_accounts("d/a.yaml", &[("a", '1', "")]);
    files.load().has("a", &[]);
}

#[test]
fn a_fault_of_the_main_file_shows_those_of_all_files() {
    let files = Files::new("pol: {}\npoll: {interval: 5m}\n");
    files.write_accounts("d/a.yaml", &[("a", '1', ", intervall: 5m")]);
    files.write_accounts("d/b.yaml", &[("b", '2', "")]);
    let faults = files.try_load().unwrap_err();
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(faults[0].starts_with("main.yaml: pol: unknown key"), "{faults:#?}");
    assert!(faults[1].starts_with("main.yaml: poll.interval: 288 calls of get_materialcount"), "{faults:#?}");
    assert!(faults[2].starts_with("d/a.yaml: accounts.a.intervall: unknown key"), "{faults:#?}");
}

#[cfg(unix)]
#[test]
fn warnings_name_their_file() {
    let mut files = Files::new(MAIN);
    let secret = files.path("secret");
    fs::write(&secret, "x").unwrap();
    set_mode(&secret, 0o644);
    let account = format!("app_id: wx0000000000000001, token: {{app_secret_file: '{}'}}", secret.display());
    files.write("d/a.yaml", &format!("accounts: {{a: {{{account}}}}}\n"));
    assert_eq!(
        files.load().warnings,
        [
            "d/a.yaml: accounts.a.token.app_secret_file: a file that others may read: set its mode to 0600 or 0400"
        ]
    );
}

#[test]
fn thousands_of_files_load() {
    let mut files = Files::new("");
    for file in 0..200 {
        let mut text = String::from("accounts:\n");
        for i in 0..10 {
            let id = file * 10 + i;
            writeln!(text, "  account-{id}: {{app_id: wx{id:016x}, token: {{app_secret: x{id}}}}}").unwrap();
        }
        files.write(&format!("d/{file}.yaml"), &text);
    }
    let seen = files.load();
    assert_eq!((seen.accounts.len(), seen.files.len(), seen.faults.len()), (2_000, 200, 0));
    assert!(files.running().accounts.is_sorted_by(|a, b| a.name < b.name));
    assert_eq!(files.running().accounts[0].interval, Duration::from_secs(600));
}
