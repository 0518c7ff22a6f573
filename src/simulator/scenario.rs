//! What the simulator plays: accounts, their counts and limits, and faults on a timeline.
//! Written here, generated, or read from YAML by [`Scenario::from_yaml`].

mod demo;
mod generated;
mod yaml;

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::{AppId, PerKind};

/// The platform's own words: valid for 7,200 s, renewed within the last 300.
const TOKEN_LIFETIME: Duration = Duration::from_secs(7_200);
const TOKEN_OVERLAP: Duration = Duration::from_secs(300);

/// 2026-01-01 00:00:00 in Shanghai.
const AUTH_TIME: u64 = 1_767_196_800;

/// Everything the simulator is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// How long a token lives.
    pub token_lifetime: Duration,
    /// How long before its end a stable token is renewed, and how long a replaced token works on.
    /// Shorter than `token_lifetime`.
    pub token_overlap: Duration,
    /// How many times faster than the clock the counts grow. Tokens, quotas and faults keep to the
    /// clock.
    pub speed: f64,
    /// The accounts; app ids are unique.
    pub accounts: Vec<SimulatedAccount>,
    /// The third-party platforms; their app ids differ from each other and from the accounts'.
    pub platforms: Vec<SimulatedPlatform>,
}

/// One account of the platform.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedAccount {
    /// What an operator would call it; valid as an `AccountName`.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// Its identifier.
    pub app_id: AppId,
    /// Its app secret. Opens nothing but the simulator.
    pub secret: String,
    /// Items at the start.
    pub counts: PerKind<u64>,
    /// Items that come (or, below 0, go) within an hour. Growth ends at the storage limits.
    pub growth_per_hour: PerKind<f64>,
    /// Articles in the draft box.
    pub drafts: u64,
    /// Quota of `get_materialcount` a day; unbounded when absent.
    pub daily_calls: Option<u64>,
    /// Calls of `get_materialcount` of today that were made before the start.
    pub used_today: u64,
    /// Quota of `draft/count` a day; unbounded when absent.
    pub draft_daily_calls: Option<u64>,
    /// Quota of each of the two a minute; unbounded when absent.
    pub minute_calls: Option<u64>,
    /// When set, token calls are refused because this address is not in the whitelist.
    pub refused_ip: Option<IpAddr>,
    /// Whether calls may come through cloud containers: with a `cloudbase_access_token`, or named by
    /// `from_appid`.
    pub cloud: bool,
    /// Whether calls without any token count as the account's own, as if the simulator were the
    /// sidecar of its cloud container. Includes `cloud`; the first account that has it wins.
    pub cloud_hosting: bool,
    /// How long each answer takes.
    pub latency: Latency,
    /// What goes wrong, and when.
    pub faults: Vec<ScheduledFault>,
}

/// A third-party platform (第三方平台).
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedPlatform {
    /// What an operator would call it; valid as an `AccountName`.
    pub name: String,
    /// Its component app id.
    pub app_id: AppId,
    /// Its component app secret.
    pub secret: String,
    /// The verify ticket that is valid at the start.
    pub ticket: String,
    /// The accounts that authorised it.
    pub authorizers: Vec<SimulatedAuthorizer>,
    /// When set, its calls are refused because this address is not in the whitelist.
    pub refused_ip: Option<IpAddr>,
    /// How long each answer takes.
    pub latency: Latency,
    /// What goes wrong with its calls, and when.
    pub faults: Vec<ScheduledFault>,
}

/// The terms on which an account authorised a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedAuthorizer {
    /// The account's app id.
    pub app_id: AppId,
    /// What brings authorizer tokens; empty where the platform never exchanged its code.
    pub refresh_token: String,
    /// When the account authorised the platform, in seconds since the Unix epoch.
    pub auth_time: u64,
    /// The permission sets. Material and drafts need 11 or 100.
    pub func_info: Vec<u32>,
    /// Whether the account is a mini program.
    pub mini_program: bool,
}

/// A time that varies from call to call between two bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// The lower bound.
    pub least: Duration,
    /// The upper bound.
    pub most: Duration,
}

/// A fault with its place on the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledFault {
    /// When it begins, counted from the start.
    pub after: Duration,
    /// How long it lasts; to the end when absent.
    pub lasts: Option<Duration>,
    /// Which calls it strikes.
    pub calls: Calls,
    /// What happens to them.
    pub fault: Fault,
}

/// Which calls a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calls {
    /// Every call.
    #[default]
    All,
    /// The calls that fetch a token.
    Token,
    /// The calls that use one.
    Data,
    /// `get_materialcount` alone.
    Material,
    /// `draft/count` alone.
    Draft,
    /// `quota/get` alone.
    Quota,
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The answer comes late. Adds to the account's latency and to other faults.
    Latency(Latency),
    /// The head of the answer comes at once and its body drips for this long.
    Slow(Duration),
    /// The connection is closed without an answer.
    Reset,
    /// An answer with this HTTP status, as gateways give.
    Http(u16),
    /// An answer that breaks off within the JSON.
    Garbage,
    /// The HTML page of a proxy, with status 200.
    Html,
    /// Each token serves one data call and is then retired, as if another system forced a refresh
    /// after each: the next call gets 40001, and a new token helps.
    TokenFlap,
    /// This `errcode`.
    Errcode(i64),
}

/// Why a scenario file was refused; says what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ScenarioError(String);

impl Scenario {
    /// An hour of growth every 6 seconds: what takes weeks shows within minutes.
    pub const DEMO_SPEED: f64 = 600.0;
    /// Quota of `get_materialcount` of most accounts of a demo: so many that it does not come to their end.
    pub const DEMO_DAILY_CALLS: u64 = 100_000;

    /// What the names of generated accounts begin with; their number follows.
    pub const GENERATED: &str = "simulated-";

    /// A scenario of these accounts with the platform's token rules, in real time.
    pub fn new(accounts: Vec<SimulatedAccount>) -> Self {
        let (token_lifetime, token_overlap, platforms) = (TOKEN_LIFETIME, TOKEN_OVERLAP, Vec::new());
        Self { token_lifetime, token_overlap, speed: 1.0, accounts, platforms }
    }

    /// `n` healthy accounts: account `i`, from 0, has the app id `wx` and `i` as 16 hex digits and the
    /// secret `simulated-secret-<i>`. Counts differ by account; images grow by 0 to 6 an hour.
    pub fn generated(n: u32) -> Self {
        Self::new(generated::accounts(n))
    }

    /// The accounts of [`Scenario::generated`], all authorizers of one platform: component app id
    /// `wxffffffffffffffff`, component secret `simulated-component-secret`, ticket
    /// `ticket@@@simulated`; the refresh token of account `i` is `refreshtoken@@@simulated-<i>`.
    pub fn generated_platform(n: u32) -> Self {
        let accounts = generated::accounts(n);
        Self { platforms: generated::platform(&accounts).into_iter().collect(), ..Self::new(accounts) }
    }

    /// The accounts that no platform has: those that an exporter is told of one by one.
    pub fn own_accounts(&self) -> impl Iterator<Item = &SimulatedAccount> {
        let authorizers = self.platforms.iter().flat_map(|platform| &platform.authorizers);
        let authorizers: HashSet<_> = authorizers.map(|authorizer| &authorizer.app_id).collect();
        self.accounts.iter().filter(move |account| !authorizers.contains(&account.app_id))
    }

    /// One account for each thing a demo has to show, named `healthy`, `nearly-full`, `full`, `growing`,
    /// `secret-wrong`, `ip-refused`, `quota-used-up` and `slow`; `file-fed`, whose token another program
    /// keeps ([`Simulator::stable_token_of`](crate::simulator::Simulator::stable_token_of)); and the
    /// platform `agency` with `agency-books` and `agency-coffee`, `agency-shop`, a mini program, and
    /// `agency-limited`, without the permission for material. Counts grow [`Self::DEMO_SPEED`] times
    /// faster than told.
    pub fn demo() -> Self {
        demo::scenario()
    }

    /// With `n` more accounts: those of [`Self::generated`], of which about one in ten is in some kind of
    /// trouble, and another few are full or nearly so.
    #[must_use]
    pub fn with_mixed(mut self, n: u32) -> Self {
        self.accounts.extend(demo::mixed(n));
        self
    }

    /// Reads a scenario as `config/scenario.example.yaml` documents it. `file_name` stands in errors.
    pub fn from_yaml(text: &str, file_name: &str) -> Result<Self, ScenarioError> {
        yaml::read(text).map_err(|fault| ScenarioError(format!("{file_name}: {fault}")))
    }
}

impl SimulatedAccount {
    /// A healthy account without growth, latency and quotas.
    pub fn new(name: &str, app_id: AppId, secret: &str) -> Self {
        Self {
            name: name.to_owned(),
            display_name: String::new(),
            app_id,
            secret: secret.to_owned(),
            counts: PerKind::new(|_| 0),
            growth_per_hour: PerKind::new(|_| 0.0),
            drafts: 0,
            daily_calls: None,
            used_today: 0,
            draft_daily_calls: None,
            minute_calls: None,
            refused_ip: None,
            cloud: false,
            cloud_hosting: false,
            latency: Latency::default(),
            faults: Vec::new(),
        }
    }
}

impl SimulatedPlatform {
    /// A healthy platform without accounts.
    pub fn new(name: &str, app_id: AppId, secret: &str, ticket: &str) -> Self {
        Self {
            name: name.to_owned(),
            app_id,
            secret: secret.to_owned(),
            ticket: ticket.to_owned(),
            authorizers: Vec::new(),
            refused_ip: None,
            latency: Latency::default(),
            faults: Vec::new(),
        }
    }
}

impl SimulatedAuthorizer {
    /// An official account that grants permission set 11 (素材管理).
    pub fn new(app_id: AppId, refresh_token: &str) -> Self {
        let refresh_token = refresh_token.to_owned();
        Self { app_id, refresh_token, auth_time: AUTH_TIME, func_info: vec![11], mini_program: false }
    }
}

impl ScheduledFault {
    /// A fault from the start to the end.
    pub const fn always(calls: Calls, fault: Fault) -> Self {
        Self { after: Duration::ZERO, lasts: None, calls, fault }
    }
}

/// 16 hex digits keep the rule of app ids, whatever the number.
fn app_id(number: u64) -> Option<AppId> {
    AppId::parse(&format!("wx{number:016x}"))
}
