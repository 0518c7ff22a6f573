//! The accounts of the demo.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Kind, PerKind};
use crate::simulator::scenario::{
    Calls, Fault, Latency, Scenario, ScheduledFault, SimulatedAccount, SimulatedAuthorizer,
    SimulatedPlatform, app_id, generated,
};

/// One account: name, display name, counts and growth an hour in the order of [`Kind::ALL`].
type Row = (&'static str, &'static str, [u64; 4], [f64; 4]);

const ROWS: [Row; 9] = [
    ("healthy", "品牌主号", [118, 46, 3_480, 212], [0.0, 0.02, 0.3, 0.0]),
    ("nearly-full", "图库存档号", [970, 604, 96_200, 18_340], [0.01, 0.0, 0.5, 0.0]),
    ("full", "视频直播号", [233, 1_000, 41_070, 905], [0.0, 0.0, 0.1, 0.0]),
    ("growing", "新品速递", [420, 515, 52_600, 1_130], [0.6, 0.9, 30.0, 0.0]),
    ("secret-wrong", "区域加盟店", [9, 4, 310, 22], [0.0; 4]),
    ("ip-refused", "客服中心", [61, 12, 1_790, 77], [0.0; 4]),
    ("quota-used-up", "活动福利社", [36, 88, 12_940, 640], [0.0, 0.0, 2.0, 0.0]),
    ("slow", "海外旗舰店", [15, 203, 8_260, 1_508], [0.0, 0.0, 0.2, 0.0]),
    ("file-fed", "会员中心", [54, 27, 5_920, 301], [0.0, 0.0, 0.4, 0.0]),
];

/// The accounts of the platform.
const AGENCY: [Row; 4] = [
    ("agency-books", "城南书店", [80, 31, 2_750, 418], [0.0, 0.01, 0.3, 0.0]),
    ("agency-coffee", "街角咖啡", [7, 119, 14_400, 96], [0.0, 0.1, 1.2, 0.0]),
    ("agency-shop", "街角咖啡点单", [0; 4], [0.0; 4]),
    ("agency-limited", "花店小铺", [3, 2, 640, 35], [0.0; 4]),
];

/// One of the addresses that are for documentation.
const WRONG_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 8));

pub(super) fn scenario() -> Scenario {
    let mut accounts: Vec<_> = ROWS.iter().chain(&AGENCY).filter_map(account).collect();
    for account in &mut accounts {
        match account.name.as_str() {
            "secret-wrong" => {
                account.faults = failing(Calls::Token, 40125);
            }
            "ip-refused" => account.refused_ip = Some(WRONG_IP),
            "quota-used-up" => (account.daily_calls, account.used_today) = (Some(1_000), 1_000),
            "slow" => {
                account.latency = Latency { least: ms(2_000), most: ms(3_000) };
            }
            _ => {}
        }
    }
    Scenario {
        speed: Scenario::DEMO_SPEED,
        platforms: agency(&accounts).into_iter().collect(),
        ..Scenario::new(accounts)
    }
}

/// As many accounts as one likes, with every kind of trouble among a hundred of them.
pub(super) fn mixed(n: u32) -> Vec<SimulatedAccount> {
    let mut accounts = generated::accounts(n);
    for (account, i) in accounts.iter_mut().zip(0..n) {
        account.daily_calls = Some(Scenario::DEMO_DAILY_CALLS);
        // Spread, so that a few accounts show something too.
        match i % 100 {
            3 | 61 => account.counts = with(account.counts, Kind::Image, 97_000 + u64::from(i % 2_900)),
            7 => account.counts = with(account.counts, Kind::Video, 1_000),
            13 => account.faults = failing(Calls::Token, 40125),
            27 => account.refused_ip = Some(WRONG_IP),
            38 => (account.daily_calls, account.used_today) = (Some(1_000), 1_000),
            44 => account.latency = Latency { least: ms(500), most: ms(1_500) },
            52 => account.faults = failing(Calls::Data, 48001),
            69 => account.faults = failing(Calls::Data, 50002),
            // It recovers, and fails again.
            76 => account.faults = vec![outage(0, Fault::Reset), outage(240, Fault::Http(503))],
            85 => account.faults = vec![ScheduledFault::always(Calls::Data, Fault::TokenFlap)],
            91 => account.faults = vec![ScheduledFault::always(Calls::Data, Fault::Html)],
            96 => account.faults = failing(Calls::Token, 89503),
            _ => {}
        }
    }
    accounts
}

/// The same counts but for `kind`.
fn with(counts: PerKind<u64>, kind: Kind, items: u64) -> PerKind<u64> {
    PerKind::new(|other| if other == kind { items } else { counts[other] })
}

fn failing(calls: Calls, errcode: i64) -> Vec<ScheduledFault> {
    vec![ScheduledFault::always(calls, Fault::Errcode(errcode))]
}

fn outage(after_seconds: u64, fault: Fault) -> ScheduledFault {
    let after = Duration::from_secs(after_seconds);
    ScheduledFault { after, lasts: Some(Duration::from_secs(90)), calls: Calls::All, fault }
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn agency(accounts: &[SimulatedAccount]) -> Option<SimulatedPlatform> {
    let app_id = app_id(xxh3_64(b"agency"))?;
    let authorizers = accounts.iter().filter(|account| account.name.starts_with("agency-")).map(|account| {
        let name = account.name.as_str();
        SimulatedAuthorizer {
            func_info: if name == "agency-limited" { vec![1, 15] } else { vec![1, 11, 15] },
            mini_program: name == "agency-shop",
            ..SimulatedAuthorizer::new(account.app_id.clone(), &format!("refreshtoken@@@{name}"))
        }
    });
    let authorizers = authorizers.collect();
    let platform = SimulatedPlatform::new("agency", app_id, "simulated-secret-agency", "ticket@@@agency");
    Some(SimulatedPlatform { authorizers, ..platform })
}

fn account(&(name, display_name, counts, growth): &Row) -> Option<SimulatedAccount> {
    let app_id = app_id(xxh3_64(name.as_bytes()))?;
    Some(SimulatedAccount {
        display_name: display_name.to_owned(),
        counts: PerKind::new(|kind: Kind| counts[kind as usize]),
        growth_per_hour: PerKind::new(|kind: Kind| growth[kind as usize]),
        drafts: counts[Kind::News as usize] / 40,
        daily_calls: Some(Scenario::DEMO_DAILY_CALLS),
        ..SimulatedAccount::new(name, app_id, &format!("simulated-secret-{name}"))
    })
}
