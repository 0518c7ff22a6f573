//! Many accounts that fail together and heal together.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use wechat_material_exporter::config::{Account, ApiConfig};

use crate::faults::drill::{Drill, alone, polled, quick_api, seen};
use crate::faults::peer::{Call, Fault, Peer, busiest};

const ACCOUNTS: usize = 2_000;
const REQUESTS_PER_SECOND: u32 = 1_000;
const SECOND: Duration = Duration::from_secs(1);
const UNAVAILABLE: Fault = Fault::Raw("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");

/// How long the machine let this runtime wait, as a timer sees it.
struct Stalls {
    longest_nanos: Arc<AtomicU64>,
    _running: JoinSet<()>,
}

impl Stalls {
    fn watch() -> Self {
        const TICK: Duration = Duration::from_millis(2);
        let longest_nanos = Arc::<AtomicU64>::default();
        let mut running = JoinSet::new();
        let longest = Arc::clone(&longest_nanos);
        running.spawn(async move {
            loop {
                let due = Instant::now() + TICK;
                sleep_until(due).await;
                let late = u64::try_from(due.elapsed().as_nanos()).unwrap();
                longest.fetch_max(late, Ordering::Relaxed);
            }
        });
        Self { longest_nanos, _running: running }
    }

    fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest_nanos.load(Ordering::Relaxed))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_accounts_fail_and_heal_together_within_the_rate() {
    let _turn = alone().await;
    // All are due at once, and fail at once.
    let peer = Peer::struck(UNAVAILABLE, None).await;
    let url = peer.url();
    let account = |n| Account { interval: 5 * SECOND, ..polled(n, &url) };
    let requests_per_second = NonZeroU32::new(REQUESTS_PER_SECOND).unwrap();
    let api = ApiConfig { requests_per_second, ..quick_api() };
    let stalls = Stalls::watch();
    let mut drill = Drill::with_api(api, SECOND, (0..ACCOUNTS).map(account).collect()).await;
    peer.called(Call::Token, 2 * ACCOUNTS).await;
    drill.has_settled();
    drill.fails_as("network").await;
    let healed = peer.all_calls().len();
    peer.heal();
    drill.recovers().await;
    let calls = peer.all_calls();
    for (phase, calls) in [("fail", &calls[..healed]), ("heal", &calls[healed..])] {
        seen(&format!("{phase}: {} calls, {} in the busiest second", calls.len(), busiest(calls, SECOND)));
    }
    // A request that began in time may be late twice: where it leaves, and where it is noted.
    let stall = stalls.longest();
    let late = 2.0 * stall.as_secs_f64() * f64::from(REQUESTS_PER_SECOND);
    let most = busiest(&calls, SECOND);
    seen(&format!("{most} calls in the busiest second; the machine stood still for {stall:?}"));
    assert!(most as f64 <= f64::from(REQUESTS_PER_SECOND) + late, "{most} calls, {late} of them late");
    drill.end().await;
}
