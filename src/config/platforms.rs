//! Third-party platforms: each is read and resolved in one go, because the settings are known by
//! then.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::account::{AccountName, AppId};
use super::fault::{Place, Report, join, join_name};
use super::keys::HOUR;
use super::platform::{AuthorizerToken, ComponentToken, Discovery, Platform, PlatformName};
use super::resolve::{AccountKeys, Places, Resolved, Resolver};
use super::secrets::Variables;
use super::section::{Section, Span};
use super::sources::{authorizer_token, component_token};
use super::yaml::Node;
use crate::budget::TokenCalls;
use crate::shard::Shard;

const KEY: &str = "platforms";
const DEFAULT_REFRESH_INTERVAL: Duration = Duration::from_secs(HOUR);
/// Each reading of the list is a call for every 500 authorizers.
const REFRESH_INTERVAL: Span =
    Span { least: Duration::from_secs(60), most: Duration::from_secs(24 * HOUR), text: "`1m` to `24h`" };

/// Keys that say which accounts are discovered, or how those are polled.
const DISCOVERY_KEYS: [&str; 15] = [
    "include",
    "exclude",
    "labels",
    "interval",
    "draft_interval",
    "quota_interval",
    "hold",
    "voice",
    "video",
    "image",
    "news",
    "pooled",
    "collect",
    "daily_calls",
    "shard",
];

/// The map `platforms`.
#[derive(Debug, Default)]
pub(super) struct Platforms {
    /// Every name with keys below it, also where one of them has a fault.
    names: BTreeSet<PlatformName>,
    read: Vec<Arc<Platform>>,
    discovers: bool,
}

impl Platforms {
    /// Takes the map from `root`.
    pub(super) fn read(
        root: &mut Section<'_>,
        variables: &Variables<'_>,
        resolver: &mut Resolver<'_>,
        report: &Report,
    ) -> Self {
        let mut platforms = Self::default();
        let mut app_ids = HashMap::new();
        let entries = root.section(KEY).map_or_else(Vec::new, Section::into_entries);
        for (key, node) in entries {
            let name = PlatformName::parse(&key);
            let path = match (&name, &node) {
                (None, _) => {
                    let path = join(KEY, &key);
                    report.fault(&Place::Key(path.clone()), "not a platform name", AccountName::RULE);
                    path
                }
                // Who writes keys below it means a name, which everybody may see.
                (Some(name), Node::Map(_)) => {
                    platforms.names.insert(name.clone());
                    join_name(KEY, name.as_str())
                }
                (Some(_), _) => join(KEY, &key),
            };
            let Some(mut section) = Section::open(path, node, report) else { continue };
            let keys = PlatformKeys::read(&mut section, variables);
            platforms.discovers |= keys.discovers;
            check_app_id(&keys, name.as_ref(), &section, &mut app_ids);
            let place = Places { of: &|key| section.place(key), report };
            let settings = resolver.resolve(&keys.account, &place, None);
            if !resolver.shard().is_whole()
                && matches!(keys.component_token, Some(ComponentToken::VerifyTicket { .. }))
            {
                let right = "read the token from the program that keeps it, or run one shard";
                section.fault("component_token", "a token that each shard would fetch and retire", right);
            }
            if keys.discovers {
                // What their tokens cost is called by the platform, and its quota is unknown.
                resolver.check_budget(&keys.account, &settings, TokenCalls::Read, &place);
            }
            section.finish();
            platforms.read.extend(
                name.and_then(|name| keys.into_platform(name, settings, resolver.shard())).map(Arc::new),
            );
        }
        platforms.read.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        platforms
    }

    /// Whether there is a platform of this name.
    pub(super) fn has(&self, name: &PlatformName) -> bool {
        self.names.contains(name)
    }

    /// Whether the platform of this name has no fault and reads the tokens of its accounts.
    pub(super) fn reads_tokens_of(&self, name: &PlatformName) -> bool {
        let reads =
            |platform: &Arc<Platform>| matches!(platform.authorizer_token, AuthorizerToken::ReadOnly(_));
        self.read.iter().find(|platform| platform.name == *name).is_some_and(reads)
    }

    /// The names of all platforms.
    pub(super) fn names(&self) -> Vec<&str> {
        self.names.iter().map(PlatformName::as_str).collect()
    }

    /// Whether any of them finds accounts.
    pub(super) fn discover(&self) -> bool {
        self.discovers
    }

    /// The platforms without a fault, in name order.
    pub(super) fn good(&self) -> &[Arc<Platform>] {
        &self.read
    }

    /// The platforms without a fault, in name order.
    pub(super) fn into_inner(self) -> Vec<Arc<Platform>> {
        self.read
    }
}

/// What stands in one platform. A value that is faulty is not there.
#[derive(Debug)]
struct PlatformKeys {
    component_app_id: Option<AppId>,
    component_token: Option<ComponentToken>,
    authorizer_token: Option<AuthorizerToken>,
    refresh_interval: Duration,
    discovers: bool,
    include: BTreeSet<AppId>,
    exclude: BTreeSet<AppId>,
    /// The settings of discovered accounts; the way to the API is the platform's own too.
    account: AccountKeys,
}

impl PlatformKeys {
    fn read(section: &mut Section<'_>, variables: &Variables<'_>) -> Self {
        section.require("component_app_id", format_args!("give {}", AppId::RULE));
        let component_app_id = section.text("component_app_id", "an app id", AppId::RULE, AppId::parse);
        let component_token = component_token(section, variables);
        let authorizer_token = authorizer_token(section, variables);
        let is_faulty = section.has("discover");
        let discover = section.boolean("discover");
        if discover == Some(false) || (discover.is_none() && !is_faulty) {
            for key in DISCOVERY_KEYS.into_iter().filter(|key| section.has(key)) {
                section.fault(key, "of use only with `discover: true`", "set that, or remove this");
            }
        }
        let refresh_interval = section.duration("refresh_interval", REFRESH_INTERVAL);
        let include = app_ids(section, "include");
        let exclude = app_ids(section, "exclude");
        if !include.is_disjoint(&exclude) {
            section.fault("exclude", "an app id that stands under `include` too", "keep one of them");
        }
        Self {
            component_app_id,
            component_token,
            authorizer_token,
            refresh_interval: refresh_interval.unwrap_or(DEFAULT_REFRESH_INTERVAL),
            discovers: discover.unwrap_or(false),
            include,
            exclude,
            account: AccountKeys::read(section, variables),
        }
    }

    /// The platform, or nothing where there is a fault.
    fn into_platform(self, name: PlatformName, settings: Resolved, shard: Shard) -> Option<Platform> {
        let endpoint = settings.endpoint?;
        let discovery = self.discovers.then(|| Discovery {
            include: self.include,
            exclude: self.exclude,
            info_labels: settings.info_labels,
            interval: settings.interval,
            hold: settings.hold,
            collect: settings.collect,
            limits: settings.limits,
            budget: settings.budget,
            pin: settings.shard,
            shard,
            endpoint: Arc::clone(&endpoint),
        });
        Some(Platform {
            name,
            component_app_id: self.component_app_id?,
            endpoint,
            component_token: self.component_token?,
            authorizer_token: self.authorizer_token?,
            discovery,
            refresh_interval: self.refresh_interval,
        })
    }
}

fn app_ids(section: &mut Section<'_>, key: &'static str) -> BTreeSet<AppId> {
    let texts = section.texts(key, "write a list of app ids, such as `[wx0123456789abcdef]`");
    let texts = texts.unwrap_or_default();
    if !texts.iter().all(|text| AppId::parse(text).is_some()) {
        section.fault(key, "an item that is not an app id", AppId::RULE);
    }
    texts.iter().filter_map(|text| AppId::parse(text)).collect()
}

fn check_app_id(
    keys: &PlatformKeys,
    name: Option<&PlatformName>,
    section: &Section<'_>,
    app_ids: &mut HashMap<AppId, PlatformName>,
) {
    let (Some(app_id), Some(name)) = (&keys.component_app_id, name) else { return };
    match app_ids.get(app_id) {
        None => {
            app_ids.insert(app_id.clone(), name.clone());
        }
        Some(other) => {
            let wrong = format!("the app id of platform `{other}` too");
            section.fault("component_app_id", wrong, "name each platform once");
        }
    }
}
