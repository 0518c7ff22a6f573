use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::clock::WallTime;
use crate::config::{AccountName, AppId, BaseUrl, Endpoint, Limits, PerKind, TokenSource};
use crate::secret::{Secret, SecretSource};
use crate::store::Readings;
use crate::web::ready::{Readiness, ReadyState};
use crate::wechat::api::Api;
use crate::wechat::class::ErrCode;
use crate::wechat::collect::Collected;
use crate::wechat::error::{ApiError, Failure, Step};

const INTERVAL: Duration = Duration::from_secs(600);

fn account(name: &str) -> Arc<Account> {
    Arc::new(Account {
        name: AccountName::parse(name).unwrap(),
        app_id: AppId::parse("wx0123456789abcdef").unwrap(),
        display_name: "".into(),
        info_labels: Box::default(),
        interval: INTERVAL,
        collect: crate::config::Collect::default(),
        hold: Duration::from_secs(72 * 3_600),
        limits: Limits::default(),
        endpoint: Arc::new(Endpoint {
            base_url: BaseUrl::parse("http://127.0.0.1:9").unwrap(),
            fallback: None,
            proxy: None,
        }),
        token: TokenSource::StableToken { app_secret: SecretSource::Inline(Secret::new("s".into())) },
    })
}

/// What the fake poll answers to visit number n of an account, and the times it was visited.
struct Fleet {
    outlets: Outlets,
    visits: Arc<Mutex<Vec<(String, Duration)>>>,
    stop: CancellationToken,
    running: JoinSet<()>,
}

/// Answers of a fake poll.
#[derive(Clone, Copy)]
enum Answer {
    Counts,
    Errcode(i64),
    Unreachable,
    Panic,
}

impl Fleet {
    fn start(names: &[&str], max_in_flight: usize, answer: fn(&str, usize) -> (Answer, Duration)) -> Self {
        let accounts: Vec<_> = names.iter().map(|name| account(name)).collect();
        let visits = Arc::new(Mutex::new(Vec::new()));
        let start = Instant::now();
        let seen = Arc::clone(&visits);
        let poll = move |visit: Visit| {
            let name = visit.account.name.as_str().to_owned();
            let nth = {
                let mut seen = seen.lock().unwrap();
                seen.push((name.clone(), start.elapsed()));
                seen.iter().filter(|(other, _)| *other == name).count() - 1
            };
            async move {
                let (answer, takes) = answer(&name, nth);
                tokio::time::sleep(takes).await;
                report(visit, answer)
            }
        };
        let outlets = Outlets { store: Arc::default(), metrics: new_metrics(), ready: Readiness::default() };
        let wall = WallTime::from_millis(1_795_435_200_000);
        let clock = Clock::Anchored { wall, since: start };
        let scheduler =
            Scheduler::new(&accounts, mpsc::channel(1).1, max_in_flight, clock, outlets.clone(), poll);
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(scheduler.run(stop.clone()));
        Self { outlets, visits, stop, running }
    }

    async fn after(&self, seconds: u64) -> Vec<(String, f64)> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let visits = self.visits.lock().unwrap();
        visits.iter().map(|(name, at)| (name.clone(), at.as_secs_f64())).collect()
    }

    fn readings(&self, name: &str) -> Arc<Readings> {
        self.outlets.store.get(&AccountName::parse(name).unwrap()).unwrap()
    }

    async fn end(mut self) {
        self.stop.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

fn new_metrics() -> Arc<ExporterMetrics> {
    Arc::new(ExporterMetrics::new().unwrap())
}

fn report(visit: Visit, answer: Answer) -> PollReport {
    let failed = |failure| Err(ApiError { step: Step::Call(Api::MaterialCount), failure });
    let result = match answer {
        Answer::Counts => Ok(Collected::Material(PerKind::new(|kind| kind as u64))),
        Answer::Errcode(code) => failed(Failure::Api { code: ErrCode(code), message: "no".into() }),
        Answer::Unreachable => failed(Failure::Connect("refused".into())),
        Answer::Panic => panic!("a poll that panics"),
    };
    let outcomes = vec![(Collector::Material, result)];
    PollReport { token: visit.token, outcomes, token_error: None, refreshes: 0, rejections: 0 }
}

fn gaps(visits: &[(String, f64)]) -> Vec<f64> {
    visits.windows(2).map(|pair| pair[1].1 - pair[0].1).collect()
}

#[tokio::test(start_paused = true)]
async fn every_account_is_polled_at_once_and_then_at_its_place() {
    let names: Vec<String> = (0..50).map(|i| format!("a{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fleet = Fleet::start(&names, 50, |_, _| (Answer::Counts, Duration::from_millis(50)));
    assert_eq!(fleet.after(1).await.len(), 50);
    assert_eq!(fleet.outlets.ready.state(), ReadyState::Ready);
    let visits = fleet.after(3 * 600).await;
    for name in names {
        let place = AccountName::parse(name).unwrap().place() as f64 / 2_f64.powi(64);
        let times: Vec<f64> = visits.iter().filter(|(other, _)| other == name).map(|(_, at)| *at).collect();
        assert!((times[1] - 600.0 * (1.0 + place)).abs() < 0.1, "{name} {place} {times:?}");
        assert!((times[2] - times[1] - 600.0).abs() < 0.1, "{name} {times:?}");
    }
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_account_is_parked_and_says_when_it_is_tried_again() {
    let fleet = Fleet::start(&["a"], 4, |_, n| match n {
        0..=2 => (Answer::Errcode(40164), Duration::ZERO),
        _ => (Answer::Counts, Duration::ZERO),
    });
    let visits = fleet.after(1).await;
    assert_eq!(visits.len(), 1);
    let readings = fleet.readings("a");
    assert_eq!((readings.polls, readings.failures), (1, 1));
    let LastPoll::Failed(failing) = &readings.last_poll else { panic!("{readings:?}") };
    assert_eq!((failing.class.label(), failing.errcode), ("ip", Some(ErrCode(40164))));
    let visits = fleet.after(3 * 3_600).await;
    let gaps = gaps(&visits);
    for (gap, least) in gaps.iter().zip([600.0, 600.0, 900.0]) {
        assert!((least..=least * 1.1 + 0.1).contains(gap), "{gaps:?}");
    }
    assert_eq!(fleet.readings("a").last_poll, LastPoll::Succeeded);
    assert_eq!(fleet.readings("a").failures, 3);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn network_failures_are_three_attempts_and_one_failed_poll() {
    let fleet = Fleet::start(&["a"], 4, |_, _| (Answer::Unreachable, Duration::from_millis(10)));
    let visits = fleet.after(30).await;
    assert_eq!(visits.len(), 3);
    let gaps = gaps(&visits);
    assert!((0.5..=1.6).contains(&gaps[0]) && (1.0..=3.1).contains(&gaps[1]), "{gaps:?}");
    assert_eq!((fleet.readings("a").polls, fleet.readings("a").failures), (1, 1));
    let visits = fleet.after(661).await;
    assert_eq!(visits.len(), 6);
    assert!((600.0..=661.0).contains(&(visits[3].1 - visits[2].1)));
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_that_succeeds_is_a_good_poll() {
    let fleet = Fleet::start(&["a"], 4, |_, n| match n {
        0 => (Answer::Errcode(-1), Duration::ZERO),
        _ => (Answer::Counts, Duration::ZERO),
    });
    fleet.after(10).await;
    let readings = fleet.readings("a");
    assert_eq!((readings.polls, readings.failures), (1, 0));
    assert_eq!(readings.last_poll, LastPoll::Succeeded);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn unreachable_accounts_leave_room_for_the_others() {
    let names: Vec<String> =
        (0..40).map(|i| format!("{}-{i}", if i < 30 { "dead" } else { "live" })).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // A dead host takes the whole timeout of 10 s each time.
    let fleet = Fleet::start(&names, 4, |name, _| {
        if name.starts_with("dead") {
            (Answer::Unreachable, Duration::from_secs(10))
        } else {
            (Answer::Counts, Duration::from_millis(20))
        }
    });
    let visits = fleet.after(4 * 3_600).await;
    // After the first round the dead ones are known, and the live ones keep their rhythm.
    for name in names.iter().filter(|name| name.starts_with("live")) {
        let times: Vec<_> = visits.iter().filter(|(other, _)| other == name).cloned().collect();
        let late =
            gaps(&times).into_iter().skip(1).fold(0.0_f64, |worst, gap| worst.max((gap - 600.0).abs()));
        assert!(late < 0.1, "{name} was {late} s off its rhythm");
    }
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_panics_costs_only_itself() {
    let fleet = Fleet::start(&["good", "bad"], 4, |name, n| match (name, n) {
        ("bad", 0) => (Answer::Panic, Duration::ZERO),
        _ => (Answer::Counts, Duration::ZERO),
    });
    fleet.after(1).await;
    assert_eq!(fleet.readings("good").last_poll, LastPoll::Succeeded);
    let LastPoll::Failed(failing) = fleet.readings("bad").last_poll.clone() else { panic!() };
    assert_eq!(failing.class.label(), "other");
    fleet.after(700).await;
    assert_eq!(fleet.readings("bad").last_poll, LastPoll::Succeeded);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_the_polls_that_run_and_starts_no_other() {
    let fleet = Fleet::start(&["a", "b"], 1, |_, _| (Answer::Counts, Duration::from_secs(5)));
    assert_eq!(fleet.after(1).await.len(), 1);
    let (outlets, visits) = (fleet.outlets.clone(), Arc::clone(&fleet.visits));
    fleet.end().await;
    assert_eq!(visits.lock().unwrap().len(), 1);
    let ended = outlets.store.snapshot().iter().filter(|readings| readings.polls == 1).count();
    assert_eq!(ended, 1, "the running poll was waited for and published");
}
