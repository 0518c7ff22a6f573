//! Accounts that the API refuses. The clock of quotas is the API's own, so the end of a park is told
//! by the page and not waited for.

use std::time::Duration;

use wechat_material_exporter::clock::{Clock, WallTime};
use wechat_material_exporter::config::{Account, AppId};
use wechat_material_exporter::simulator::scenario::{Calls, Fault, Scenario};
use wechat_material_exporter::simulator::{Endpoint, Simulator};
use wechat_material_exporter::store::Readings;

use crate::app::Simulated;
use crate::faults::drill::{Drill, INTERVAL, failure, is_well};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Quotas start anew at midnight in Shanghai, which is UTC+8 all year.
const SHANGHAI: Duration = Duration::from_secs(8 * 3_600);

async fn simulated(accounts: u32) -> (Simulated, Vec<Account>) {
    let scenario = Scenario::generated(accounts);
    let simulated = Simulated::start(scenario.clone()).await;
    let accounts = scenario.accounts.iter().map(|one| simulated.account(one, INTERVAL)).collect();
    (simulated, accounts)
}

fn polls(simulator: &Simulator, app_id: &AppId) -> u64 {
    simulator.calls(app_id, Endpoint::MaterialCount)
}

fn next_midnight(now: WallTime) -> WallTime {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap();
    let into_day = (now.millis() + millis(SHANGHAI)).rem_euclid(millis(DAY));
    WallTime::from_millis(now.millis() - into_day + millis(DAY))
}

#[tokio::test]
async fn tokens_that_flap_cost_two_token_calls_and_not_one_a_poll() {
    let (simulated, accounts) = simulated(2).await;
    let app_ids: Vec<_> = accounts.iter().map(|account| account.app_id.clone()).collect();
    for app_id in &app_ids {
        simulated.simulator.set_fault(app_id, Calls::Data, Fault::TokenFlap).unwrap();
    }
    let drill = Drill::start(accounts).await;
    drill
        .comes_to(|readings| failure(readings) == Some(("token", Some(40001))) && readings.failures >= 3)
        .await;
    for app_id in &app_ids {
        // The first one, and one after the first refusal; the next is due five minutes later.
        assert_eq!(simulated.simulator.calls(app_id, Endpoint::StableToken), 2);
    }
    assert_eq!(simulated.simulator.total_calls(Endpoint::Token), 0);
    drill.end().await;
}

#[tokio::test]
async fn an_exhausted_quota_parks_half_of_the_accounts_until_midnight_and_the_others_go_on() {
    let (simulated, accounts) = simulated(20).await;
    let simulator = &simulated.simulator;
    let (parked, others): (Vec<_>, Vec<_>) = accounts.iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let [parked, others] = [parked, others]
        .map(|half| -> Vec<_> { half.into_iter().map(|(_, account)| account.app_id.clone()).collect() });
    let before = Clock::System.now();
    for app_id in &parked {
        simulator.set_fault(app_id, Calls::Data, Fault::Errcode(45009)).unwrap();
    }
    let drill = Drill::start(accounts).await;
    let is_parked = |readings: &Readings| parked.contains(&readings.account.app_id);
    drill
        .comes_to(|readings| {
            if is_parked(readings) {
                failure(readings) == Some(("quota_day", Some(45009)))
            } else {
                is_well(readings)
            }
        })
        .await;
    let after = Clock::System.now();
    for readings in drill.exporter.store().snapshot().iter().filter(|readings| is_parked(readings)) {
        let (earliest, latest) = (next_midnight(before), next_midnight(after).plus(HOUR / 2));
        assert!((earliest..=latest).contains(&readings.next_poll), "{readings:?}");
    }
    // Four more rounds of the others, and none of these.
    let rounds = others.iter().map(|app_id| polls(simulator, app_id)).max().unwrap() + 4;
    drill.comes_to(|readings| is_parked(readings) || readings.polls >= rounds).await;
    for app_id in &parked {
        assert_eq!(polls(simulator, app_id), 1);
    }
    drill.end().await;
}

#[tokio::test]
async fn too_many_calls_in_a_minute_are_followed_by_a_rest_of_60_to_75_seconds() {
    let (simulated, accounts) = simulated(10).await;
    for account in &accounts {
        simulated.simulator.set_fault(&account.app_id, Calls::Data, Fault::Errcode(45011)).unwrap();
    }
    let before = Clock::System.now();
    let drill = Drill::start(accounts).await;
    drill.comes_to(|readings| failure(readings) == Some(("quota_minute", Some(45011)))).await;
    let after = Clock::System.now();
    let shortest = before.plus(Duration::from_secs(60));
    let longest = after.plus(Duration::from_secs(75));
    let mut rests = Vec::new();
    drill.comes_to(|readings| (shortest..=longest).contains(&readings.next_poll)).await;
    for readings in drill.exporter.store().snapshot().iter().filter(|readings| !is_well(readings)) {
        rests.push(readings.next_poll);
    }
    rests.dedup();
    assert_eq!(rests.len(), 10, "they do not come back together");
    assert_eq!(simulated.simulator.total_calls(Endpoint::MaterialCount), 10);
    drill.end().await;
}
