//! What the simulator plays: accounts, their counts and limits, and faults on a timeline.
//! Written here, generated, or read from YAML by [`Scenario::from_yaml`].

mod demo;
mod yaml;

use std::net::IpAddr;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::config::{AppId, Kind, PerKind};

/// The platform's own words: valid for 7,200 s, renewed within the last 300.
const TOKEN_LIFETIME: Duration = Duration::from_secs(7_200);
const TOKEN_OVERLAP: Duration = Duration::from_secs(300);

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
    /// Quota of data calls a day; unbounded when absent.
    pub daily_calls: Option<u64>,
    /// Data calls of today that were made before the start.
    pub used_today: u64,
    /// Quota of data calls a minute; unbounded when absent.
    pub minute_calls: Option<u64>,
    /// When set, token calls are refused because this address is not in the whitelist.
    pub refused_ip: Option<IpAddr>,
    /// How long each answer takes.
    pub latency: Latency,
    /// What goes wrong, and when.
    pub faults: Vec<ScheduledFault>,
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

/// Which calls of an account a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calls {
    /// Every call.
    #[default]
    All,
    /// The calls that fetch a token.
    Token,
    /// The calls that use one.
    Data,
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
    /// A scenario of these accounts with the platform's token rules, in real time.
    pub fn new(accounts: Vec<SimulatedAccount>) -> Self {
        Self { token_lifetime: TOKEN_LIFETIME, token_overlap: TOKEN_OVERLAP, speed: 1.0, accounts }
    }

    /// `n` healthy accounts: account `i`, from 0, has the app id `wx` and `i` as 16 hex digits and the
    /// secret `simulated-secret-<i>`. Counts differ by account; images grow by 0 to 6 an hour.
    pub fn generated(n: u32) -> Self {
        Self::new((0..n).filter_map(generated).collect())
    }

    /// One account for each thing a demo has to show, named `healthy`, `nearly-full`, `full`, `growing`,
    /// `secret-wrong`, `ip-refused`, `quota-used-up` and `slow`. Counts grow 600 times faster than told.
    pub fn demo() -> Self {
        demo::scenario()
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
            daily_calls: None,
            used_today: 0,
            minute_calls: None,
            refused_ip: None,
            latency: Latency::default(),
            faults: Vec::new(),
        }
    }
}

impl ScheduledFault {
    /// A fault from the start to the end.
    pub const fn always(calls: Calls, fault: Fault) -> Self {
        Self { after: Duration::ZERO, lasts: None, calls, fault }
    }
}

fn generated(i: u32) -> Option<SimulatedAccount> {
    let mix = xxh3_64(&i.to_le_bytes());
    Some(SimulatedAccount {
        display_name: format!("模拟账号 {i}"),
        counts: PerKind::new(|kind| match kind {
            Kind::Voice => mix % 900,
            Kind::Video => (mix >> 16) % 900,
            Kind::Image => (mix >> 32) % 90_000,
            Kind::News => (mix >> 48) % 20_000,
        }),
        growth_per_hour: PerKind::new(|kind| if kind == Kind::Image { f64::from(i % 7) } else { 0.0 }),
        ..SimulatedAccount::new(
            &format!("simulated-{i}"),
            app_id(u64::from(i))?,
            &format!("simulated-secret-{i}"),
        )
    })
}

/// 16 hex digits keep the rule of app ids, whatever the number.
fn app_id(number: u64) -> Option<AppId> {
    AppId::parse(&format!("wx{number:016x}"))
}
