use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::*;
use crate::clock::WallTime;
use crate::store::LastPoll;
use crate::wechat::class::ErrCode;

/// 2026-11-23 20:00:00 in Shanghai.
const EVENING: WallTime = WallTime::from_millis(1_795_435_200_000);
const API: Api = Api::AuthorizerToken;

/// A platform whose calls take a second each.
struct Platform {
    gate: Gate,
    store: Arc<Store>,
    calls: AtomicU64,
}

impl Platform {
    fn new() -> Arc<Self> {
        let store = Arc::new(Store::default());
        let clock = Clock::Anchored { wall: EVENING, since: Instant::now() };
        let gate = Gate::new(PlatformName::parse("agency").unwrap(), Arc::clone(&store), clock, None);
        Arc::new(Self { gate, store, calls: AtomicU64::new(0) })
    }

    /// Fifty callers at once, all refused with `refused` or let through. How many calls that cost,
    /// and how many callers came through.
    async fn fifty(self: &Arc<Self>, refused: Option<i64>) -> (u64, usize) {
        let before = self.calls.load(Ordering::Relaxed);
        let mut callers = JoinSet::new();
        for _ in 0..50 {
            let platform = Arc::clone(self);
            callers.spawn(async move { platform.call(refused).await });
        }
        let came_through = callers.join_all().await.iter().filter(|result| result.is_ok()).count();
        (self.calls.load(Ordering::Relaxed) - before, came_through)
    }

    async fn call(&self, refused: Option<i64>) -> Result<(), ApiError> {
        let mut pass = self.gate.enter(API).await?;
        self.calls.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_secs(1)).await;
        let Some(code) = refused else {
            pass.succeeded();
            return Ok(());
        };
        let failure = Failure::Api { code: ErrCode(code), message: "refused".to_owned() };
        Err(pass.failed(ApiError { step: Step::Call(API), failure }).error)
    }

    fn shown(&self) -> LastPoll {
        self.store.platforms()[0].last_call.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_callers_cost_a_parked_platform_one_probe_each_time() {
    let platform = Platform::new();
    assert_eq!(platform.shown(), LastPoll::Pending);
    assert_eq!(platform.fifty(Some(61004)).await, (1, 0), "none knew it, one found out");
    assert_eq!(platform.fifty(Some(61004)).await, (0, 0), "all know");
    platform.gate.open().await;
    assert_eq!(platform.fifty(Some(61004)).await, (1, 0), "one probe");
    platform.gate.open().await;
    assert_eq!(platform.fifty(None).await, (1, 1), "the probe heals");
    assert_eq!(platform.shown(), LastPoll::Succeeded);
    assert_eq!(platform.fifty(None).await, (50, 50));
}

#[tokio::test(start_paused = true)]
async fn a_fleet_in_full_flight_learns_of_a_failure_once() {
    let platform = Platform::new();
    platform.call(None).await.unwrap();
    assert_eq!(platform.fifty(Some(61004)).await, (50, 0));
    let parked_for = Instant::now();
    platform.gate.open().await;
    assert!(parked_for.elapsed() < Duration::from_secs(6 * 60), "one failure, not fifty in a row");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_goes_away_wakes_those_who_wait() {
    let platform = Platform::new();
    let probe = platform.gate.enter(API).await.unwrap();
    let next = platform.gate.enter(API);
    tokio::pin!(next);
    tokio::select! {
        biased;
        _ = &mut next => panic!("two probes at once"),
        () = sleep(Duration::from_secs(1)) => drop(probe),
    }
    next.await.unwrap().succeeded();
    assert_eq!(platform.shown(), LastPoll::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn who_makes_no_call_is_told_of_a_park_but_never_probes() {
    let platform = Platform::new();
    assert!(platform.gate.check(API).is_ok());
    platform.call(Some(61004)).await.unwrap_err();
    platform.gate.open().await;
    assert_eq!(platform.gate.check(API).unwrap_err().step, Step::Platform);
    platform.call(None).await.unwrap();
    assert!(platform.gate.check(API).is_ok());
}
