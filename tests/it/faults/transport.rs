//! Servers that take a connection and give no whole answer.

use std::time::Duration;

use tokio::time::Instant;
use wechat_material_exporter::config::{Account, ApiConfig};
use wechat_material_exporter::simulator::scenario::{Calls, Fault as Simulated, Latency, Scenario};

use crate::app;
use crate::faults::drill::{
    Drill, INTERVAL, TIMEOUT, failure, is_well, one_each, polled, quick_api, seen, value,
};
use crate::faults::peer::{Call, End, Fault, Peer, Stage, busiest};

const HALF_OF_ITS_LENGTH: &str =
    "HTTP/1.1 200 OK\r\nContent-Length: 46\r\n\r\n{\"voice_count\":1,\"video_count\":2,\"image_count\"";
const CHUNKS_BROKEN: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{\"voice_count\":1,\r\n";

/// Accounts on a host that swallows every request: their attempts alone would take more than half of
/// the room in flight.
const SILENCED: usize = 20;

fn heal(peers: &[Peer]) {
    for peer in peers {
        peer.heal();
    }
}

/// A server for each fault, struck on each of the two calls.
async fn struck(faults: &[Fault]) -> Vec<Peer> {
    let mut peers = Vec::new();
    for &fault in faults {
        for call in Call::BOTH {
            peers.push(Peer::struck(fault, Some(call)).await);
        }
    }
    peers
}

#[tokio::test]
async fn latency_beyond_the_timeout_fails_its_own_account_only() {
    let scenario = Scenario::generated(2);
    let simulated = app::Simulated::start(scenario.clone()).await;
    let [late, slow] = [0, 1].map(|n| simulated.account(&scenario.accounts[n], INTERVAL));
    let set = |account: &Account, least| {
        let latency = Simulated::Latency(Latency { least, most: least });
        simulated.simulator.set_fault(&account.app_id, Calls::All, latency).unwrap();
    };
    set(&late, TIMEOUT / 10);
    set(&slow, 10 * TIMEOUT);
    let (late_name, slow_id) = (late.name.clone(), slow.app_id.clone());
    let drill = Drill::start(vec![late, slow]).await;
    drill
        .comes_to(|readings| {
            if readings.account.name == late_name {
                is_well(readings)
            } else {
                failure(readings) == Some(("network", None))
            }
        })
        .await;
    assert_eq!(drill.readings(&late_name).failures, 0, "slow, and in time");
    simulated.simulator.clear_fault(&slow_id).unwrap();
    drill.recovers().await;
    drill.end().await;
}

#[tokio::test]
async fn connections_that_end_at_any_stage_of_any_call_are_network_failures() {
    let mut faults = Vec::new();
    for stage in [Stage::Asked, Stage::WithinHead, Stage::HeadSent, Stage::WithinBody] {
        faults.extend([End::Close, End::Reset].map(|end| Fault::Cut(stage, end)));
    }
    let mut peers = struck(&faults).await;
    for end in [End::Close, End::Reset] {
        peers.push(Peer::struck(Fault::Cut(Stage::Accepted, end), None).await);
    }
    let drill = Drill::start(one_each(&peers)).await;
    drill.fails_as("network").await;
    heal(&peers);
    drill.recovers().await;
    drill.end().await;
}

/// Two groups of peers fail in different classes, neither brings a count, and all recover.
async fn differ(one: Vec<Peer>, one_class: &str, other: Vec<Peer>, other_class: &str) {
    let first = one.len();
    let peers: Vec<_> = one.into_iter().chain(other).collect();
    let accounts = one_each(&peers);
    let of_one: Vec<_> = accounts[..first].iter().map(|account| account.name.clone()).collect();
    let drill = Drill::start(accounts).await;
    drill
        .comes_to(|readings| {
            assert!(readings.last_good.is_none(), "{readings:?}");
            let class = if of_one.contains(&readings.account.name) { one_class } else { other_class };
            failure(readings).as_ref().is_some_and(|(told, code)| *told == class && code.is_none())
        })
        .await;
    heal(&peers);
    drill.recovers().await;
    drill.end().await;
}

#[tokio::test]
async fn half_answers_are_told_from_broken_ones_and_never_read_as_counts() {
    let whole_by_its_length = struck(&[Fault::Raw(HALF_OF_ITS_LENGTH)]).await;
    let broken = struck(&[Fault::Raw(CHUNKS_BROKEN)]).await;
    differ(whole_by_its_length, "decode", broken, "network").await;
}

#[tokio::test]
async fn an_answer_that_drips_ends_at_the_timeout() {
    let peers = struck(&[Fault::Drip(Stage::Asked), Fault::Drip(Stage::HeadSent)]).await;
    let drill = Drill::start(one_each(&peers)).await;
    drill.fails_as("network").await;
    for (peer, call) in peers.iter().zip(Call::BOTH.into_iter().cycle()) {
        // Three attempts, each given up in time, with 0.5 to 1.5 s and 1 to 3 s between them.
        let calls = peer.calls(call);
        for (pair, pause) in calls.windows(2).zip([1_500, 3_000]) {
            let apart = pair[1] - pair[0];
            assert!(apart >= TIMEOUT, "{apart:?}");
            assert!(apart <= 2 * TIMEOUT + Duration::from_millis(pause), "{apart:?}");
        }
    }
    heal(&peers);
    drill.recovers().await;
    drill.end().await;
}

#[tokio::test]
async fn answers_that_are_no_http_or_have_no_end_are_given_up() {
    let faults = [
        Fault::Raw("\x00\x01\x02 this is not HTTP\r\n\r\n"),
        Fault::Raw("{\"voice_count\":1,\"video_count\":2,\"image_count\":3,\"news_count\":4}"),
        Fault::EndlessHead,
    ];
    differ(struck(&faults).await, "network", struck(&[Fault::EndlessBody]).await, "decode").await;
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let trap = Peer::start().await;
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: {}/else\r\nContent-Length: 0\r\n\r\n", trap.url());
    let peers = struck(&[Fault::Raw(moved.leak())]).await;
    let drill = Drill::start(one_each(&peers)).await;
    drill.fails_as("request").await;
    heal(&peers);
    drill.recovers().await;
    assert_eq!(trap.all_calls().len(), 0);
    drill.end().await;
}

#[tokio::test]
async fn a_storm_of_5xx_is_met_with_three_attempts_a_poll_and_shows_the_old_counts_with_their_age() {
    let mut peers = Vec::new();
    for _ in 0..4 {
        peers.push(Peer::start().await);
    }
    let accounts = one_each(&peers);
    let first = accounts[0].name.clone();
    let drill = Drill::start(accounts).await;
    drill.recovers().await;
    for (peer, status) in peers.iter().zip([
        "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n",
    ]) {
        peer.strike(Fault::Raw(status), None);
    }
    drill.comes_to(|readings| readings.account.name != first || !is_well(readings)).await;
    // The next poll, and so the next attempt, is an interval away.
    let (readings, calls) = (drill.readings(&first), peers[0].calls(Call::Data).len());
    assert_eq!(u64::try_from(calls).unwrap(), readings.polls - readings.failures + 3 * readings.failures);
    drill.fails_as("network").await;
    let page = drill.exporter.page("/metrics").await;
    for line in [
        format!("wechat_account_up{{account=\"{first}\"}} 0\n"),
        format!("wechat_account_failing{{account=\"{first}\",class=\"network\",errcode=\"\"}} 1\n"),
        format!("wechat_material_items{{account=\"{first}\",kind=\"news\"}} 4\n"),
    ] {
        assert!(page.contains(&line), "{line}{page}");
    }
    let shown = value(&page, "wechat_account_last_success_timestamp_seconds", first.as_str());
    assert_eq!(shown, Some(readings.last_good.unwrap().at.seconds()), "{page}");
    heal(&peers);
    drill.recovers().await;
    drill.end().await;
}

#[tokio::test]
async fn a_host_that_never_answers_has_half_of_the_room_and_does_not_take_that_of_the_others() {
    let silent = Peer::start().await;
    let (timeout, interval, max_in_flight) = (TIMEOUT / 2, 4 * INTERVAL, 8);
    let account = |n| Account { interval, ..polled(n, &silent.url()) };
    let api = ApiConfig { timeout, max_in_flight, ..quick_api() };
    let drill = Drill::with_api(api, INTERVAL, (0..SILENCED).map(account).collect()).await;
    drill.recovers().await;
    let began = Instant::now();
    silent.strike(Fault::Silence, None);
    drill.fails_as("network").await;
    // Their second polls come within two intervals. Once each of them was visited in silence, all are
    // known not to be reachable.
    let known = began + 2 * interval + 2 * timeout;
    let calls: Vec<_> = silent.calls(Call::Data).into_iter().filter(|at| *at >= known).collect();
    // Each call lasts for the timeout, so these were in flight together.
    let together = busiest(&calls, timeout * 4 / 5);
    seen(&format!("a silent host: {together} calls in flight of {max_in_flight}"));
    assert!(together <= max_in_flight / 2, "{together}");
    silent.heal();
    drill.recovers().await;
    drill.end().await;
}
