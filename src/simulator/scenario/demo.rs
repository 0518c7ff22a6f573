//! The accounts of the demo.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use crate::config::{Kind, PerKind};
use crate::simulator::scenario::{Calls, Fault, Latency, Scenario, ScheduledFault, SimulatedAccount, app_id};

/// An hour of growth every 6 seconds: what takes weeks shows within minutes.
const SPEED: f64 = 600.0;

/// One account: name, display name, counts and growth an hour in the order of [`Kind::ALL`].
type Row = (&'static str, &'static str, [u64; 4], [f64; 4]);

const ROWS: [Row; 8] = [
    ("healthy", "品牌主号", [118, 46, 3_480, 212], [0.0, 0.02, 0.3, 0.0]),
    ("nearly-full", "图库存档号", [970, 604, 96_200, 18_340], [0.01, 0.0, 0.5, 0.0]),
    ("full", "视频直播号", [233, 1_000, 41_070, 905], [0.0, 0.0, 0.1, 0.0]),
    ("growing", "新品速递", [420, 515, 52_600, 1_130], [0.6, 0.9, 30.0, 0.0]),
    ("secret-wrong", "区域加盟店", [9, 4, 310, 22], [0.0; 4]),
    ("ip-refused", "客服中心", [61, 12, 1_790, 77], [0.0; 4]),
    ("quota-used-up", "活动福利社", [36, 88, 12_940, 640], [0.0, 0.0, 2.0, 0.0]),
    ("slow", "海外旗舰店", [15, 203, 8_260, 1_508], [0.0, 0.0, 0.2, 0.0]),
];

pub(super) fn scenario() -> Scenario {
    let mut accounts: Vec<_> = ROWS.iter().filter_map(account).collect();
    for account in &mut accounts {
        match account.name.as_str() {
            "secret-wrong" => {
                account.faults = vec![ScheduledFault::always(Calls::Token, Fault::Errcode(40125))];
            }
            "ip-refused" => account.refused_ip = Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 8))),
            "quota-used-up" => (account.daily_calls, account.used_today) = (Some(1_000), 998),
            "slow" => {
                account.latency = Latency { least: Duration::from_secs(2), most: Duration::from_secs(3) };
            }
            _ => {}
        }
    }
    Scenario { speed: SPEED, ..Scenario::new(accounts) }
}

fn account(&(name, display_name, counts, growth): &Row) -> Option<SimulatedAccount> {
    let app_id = app_id(xxh3_64(name.as_bytes()))?;
    Some(SimulatedAccount {
        display_name: display_name.to_owned(),
        counts: PerKind::new(|kind: Kind| counts[kind as usize]),
        growth_per_hour: PerKind::new(|kind: Kind| growth[kind as usize]),
        ..SimulatedAccount::new(name, app_id, &format!("simulated-secret-{name}"))
    })
}
