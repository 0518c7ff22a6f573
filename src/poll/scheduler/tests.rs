mod disk;
mod groups;
mod listing;
mod long;
mod parks;
mod quota;
mod restart;
mod round;
mod settings;

use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::clock::WallTime;
use crate::config::{AccountName, AppId, BaseUrl, Budget, Collect, Endpoint, Limits, PerKind, TokenSource};
use crate::secret::{Secret, SecretSource};
use crate::store::{Failing, LastPoll, Readings};
use crate::web::ready::{Readiness, ReadyState};
use crate::wechat::api::Api;
use crate::wechat::class::{ErrCode, ErrorClass};
use crate::wechat::collect::{ApiQuota, Collected, QuotaLimit};
use crate::wechat::error::{ApiError, Failure, Step};

const INTERVAL: Duration = Duration::from_secs(600);

fn account(name: &str) -> Arc<Account> {
    Arc::new(Account {
        name: AccountName::parse(name).unwrap(),
        app_id: AppId::parse(&format!("wx{:016x}", AccountName::parse(name).unwrap().place())).unwrap(),
        display_name: "".into(),
        info_labels: Box::default(),
        interval: INTERVAL,
        collect: Collect::default(),
        hold: Duration::from_secs(72 * 3_600),
        limits: Limits::default(),
        budget: Budget::default(),
        shard: None,
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
    changes: mpsc::Sender<FleetChange>,
    visits: Arc<Mutex<Vec<Seen>>>,
    stop: CancellationToken,
    running: JoinSet<()>,
}

/// A visit that a fake poll saw.
#[derive(Clone, Debug)]
struct Seen {
    name: String,
    at: Duration,
    due: Vec<Collector>,
}

/// What a fake poll is asked: visit number `nth` of the account, from 0.
#[derive(Clone, Copy)]
struct Ask<'a> {
    name: &'a str,
    nth: usize,
    collector: Collector,
}

/// Answers of a fake poll.
#[derive(Clone, Copy)]
enum Answer {
    Counts,
    /// Calls a day, and those that remain.
    Quota(u64, u64),
    Errcode(i64),
    Unreachable,
    Parked,
    NoToken(i64),
    Panic,
}

/// What a fleet begins with beside its accounts.
struct Setting {
    clock: Clock,
    saver: Saver,
    restored: Restored,
    rounds: Rounds,
}

impl Setting {
    fn new() -> Self {
        let wall = WallTime::from_millis(1_795_435_200_000);
        let clock = Clock::Anchored { wall, since: Instant::now() };
        Self { clock, saver: Saver::off(), restored: Restored::default(), rounds: Rounds::Endless }
    }
}

impl Fleet {
    fn start(names: &[&str], max_in_flight: usize, answer: fn(Ask<'_>) -> (Answer, Duration)) -> Self {
        let accounts: Vec<_> = names.iter().map(|name| account(name)).collect();
        Self::of(&accounts, max_in_flight, answer)
    }

    fn of(
        accounts: &[Arc<Account>],
        max_in_flight: usize,
        answer: fn(Ask<'_>) -> (Answer, Duration),
    ) -> Self {
        Self::with(Setting::new(), accounts, max_in_flight, answer)
    }

    fn with<A>(setting: Setting, accounts: &[Arc<Account>], max_in_flight: usize, answer: A) -> Self
    where
        A: Fn(Ask<'_>) -> (Answer, Duration) + Clone + Send + 'static,
    {
        let Setting { clock, saver, restored, rounds } = setting;
        let visits = Arc::new(Mutex::new(Vec::new()));
        let start = Instant::now();
        let seen = Arc::clone(&visits);
        let poll = move |visit: Visit| {
            let name = visit.account.name.as_str().to_owned();
            let nth = {
                let mut seen = seen.lock().unwrap();
                let nth = seen.iter().filter(|other: &&Seen| other.name == name).count();
                seen.push(Seen { name: name.clone(), at: start.elapsed(), due: visit.due.clone() });
                nth
            };
            let answer = answer.clone();
            async move {
                let mut answers = Vec::new();
                for collector in visit.due.clone() {
                    let (answer, takes) = answer(Ask { name: &name, nth, collector });
                    tokio::time::sleep(takes).await;
                    answers.push((collector, answer));
                }
                report(visit, answers)
            }
        };
        let outlets =
            Outlets { store: Arc::default(), metrics: new_metrics(), ready: Readiness::default(), saver };
        let (changes, receiver) = mpsc::channel(8);
        let beginning =
            Beginning { accounts: accounts.to_vec(), restored, changes: receiver, max_in_flight, rounds };
        let scheduler = Scheduler::new(beginning, clock, outlets.clone(), poll);
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(scheduler.run(stop.clone()));
        Self { outlets, changes, visits, stop, running }
    }

    /// The times at which `collector` was asked of `name`, after `seconds` more.
    async fn asked(&self, seconds: u64, name: &str, collector: Collector) -> Vec<f64> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let visits = self.visits.lock().unwrap();
        let asked = visits.iter().filter(|seen| seen.name == name && seen.due.contains(&collector));
        asked.map(|seen| seen.at.as_secs_f64()).collect()
    }

    async fn after(&self, seconds: u64) -> Vec<(String, f64)> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let visits = self.visits.lock().unwrap();
        visits.iter().map(|seen| (seen.name.clone(), seen.at.as_secs_f64())).collect()
    }

    fn readings(&self, name: &str) -> Arc<Readings> {
        self.outlets.store.get(&AccountName::parse(name).unwrap()).unwrap()
    }

    async fn end(self) {
        self.stop.cancel();
        self.ended().await;
    }

    /// Waits until it has ended by itself; the visits of each account.
    async fn ended(mut self) -> HashMap<String, usize> {
        drop(self.changes);
        while self.running.join_next().await.is_some() {}
        let mut counts = HashMap::new();
        for seen in self.visits.lock().unwrap().iter() {
            *counts.entry(seen.name.clone()).or_default() += 1;
        }
        counts
    }
}

fn new_metrics() -> Arc<ExporterMetrics> {
    Arc::new(ExporterMetrics::new().unwrap())
}

fn report(visit: Visit, answers: Vec<(Collector, Answer)>) -> PollReport {
    let mut report = PollReport {
        token: visit.token,
        outcomes: Vec::new(),
        token_error: None,
        refreshes: 0,
        rejections: 0,
    };
    let api = |code| Failure::Api { code: ErrCode(code), message: "no".into() };
    for (collector, answer) in answers {
        let failed = |failure| Err(ApiError { step: Step::Call(Api::MaterialCount), failure });
        let result = match answer {
            Answer::Counts => Ok(match collector {
                Collector::Material => Collected::Material(PerKind::new(|kind| kind as u64)),
                Collector::Draft => Collected::Draft(5),
                Collector::Quota => Collected::Quota(Box::default()),
            }),
            Answer::Quota(calls, remaining) => {
                let limit = Some(QuotaLimit { calls, remaining });
                Ok(Collected::Quota(
                    [ApiQuota { api: Api::MaterialCount, limit, used: calls - remaining }].into(),
                ))
            }
            Answer::Errcode(code) => failed(api(code)),
            Answer::Unreachable => failed(Failure::Connect("refused".into())),
            Answer::NoToken(code) => {
                let step = Step::Call(Api::StableToken);
                report.token_error = Some(ApiError { step, failure: api(code) });
                break;
            }
            Answer::Parked => {
                let failing = Failing {
                    class: ErrorClass::Ip,
                    errcode: Some(ErrCode(61004)),
                    seen_ip: None,
                    source: None,
                };
                report.token_error =
                    Some(ApiError { step: Step::Platform, failure: Failure::Parked(failing) });
                break;
            }
            Answer::Panic => panic!("a poll that panics"),
        };
        report.outcomes.push((collector, result));
    }
    report
}

fn gaps(visits: &[(String, f64)]) -> Vec<f64> {
    visits.windows(2).map(|pair| pair[1].1 - pair[0].1).collect()
}

#[tokio::test(start_paused = true)]
async fn every_account_is_polled_at_once_and_then_at_its_place() {
    let names: Vec<String> = (0..50).map(|i| format!("a{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fleet = Fleet::start(&names, 50, |_| (Answer::Counts, Duration::from_millis(50)));
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
    let fleet = Fleet::start(&["a"], 4, |ask| match ask.nth {
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
    let fleet = Fleet::start(&["a"], 4, |_| (Answer::Unreachable, Duration::from_millis(10)));
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
    let fleet = Fleet::start(&["a"], 4, |ask| match ask.nth {
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
    let fleet = Fleet::start(&names, 4, |ask| {
        if ask.name.starts_with("dead") {
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
    let fleet = Fleet::start(&["good", "bad"], 4, |ask| match (ask.name, ask.nth) {
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
    let fleet = Fleet::start(&["a", "b"], 1, |_| (Answer::Counts, Duration::from_secs(5)));
    assert_eq!(fleet.after(1).await.len(), 1);
    let (outlets, visits) = (fleet.outlets.clone(), Arc::clone(&fleet.visits));
    fleet.end().await;
    assert_eq!(visits.lock().unwrap().len(), 1);
    let ended = outlets.store.snapshot().iter().filter(|readings| readings.polls == 1).count();
    assert_eq!(ended, 1, "the running poll was waited for and published");
}

fn collecting(name: &str) -> Arc<Account> {
    let mut account = Arc::unwrap_or_clone(account(name));
    account.collect =
        Collect { draft: Some(Duration::from_secs(3_600)), quota: Some(Duration::from_secs(1_800)) };
    Arc::new(account)
}

#[tokio::test(start_paused = true)]
async fn each_collector_keeps_a_rhythm_of_its_own() {
    let fleet = Fleet::of(&[collecting("a")], 4, |_| (Answer::Counts, Duration::ZERO));
    let place = AccountName::parse("a").unwrap().place() as f64 / 2_f64.powi(64);
    let expected = [(Collector::Material, 600.0), (Collector::Quota, 1_800.0), (Collector::Draft, 3_600.0)];
    tokio::time::sleep(Duration::from_secs(12 * 3_600)).await;
    for (collector, interval) in expected {
        let times = fleet.asked(0, "a", collector).await;
        assert!((times[1] - interval * (1.0 + place)).abs() < 0.1, "{collector:?} {times:?}");
        assert!(times.windows(2).skip(1).all(|pair| (pair[1] - pair[0] - interval).abs() < 0.1));
    }
    let readings = fleet.readings("a");
    assert_eq!(readings.draft.as_ref().unwrap().last_good.unwrap().0, 5);
    assert_eq!(readings.polls, fleet.asked(0, "a", Collector::Material).await.len() as u64);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_failing_quota_call_leaves_material_alone() {
    let fleet = Fleet::of(&[collecting("a")], 4, |ask| match ask.collector {
        Collector::Quota => (Answer::Errcode(48001), Duration::ZERO),
        Collector::Material | Collector::Draft => (Answer::Counts, Duration::ZERO),
    });
    assert!(fleet.asked(6 * 3_600, "a", Collector::Material).await.len() >= 35);
    let readings = fleet.readings("a");
    assert_eq!((&readings.last_poll, readings.failures), (&LastPoll::Succeeded, 0));
    assert_eq!(readings.draft.as_ref().unwrap().last_poll, LastPoll::Succeeded);
    let quota = readings.quota.as_ref().unwrap();
    let LastPoll::Failed(failing) = &quota.last_poll else { panic!("{quota:?}") };
    assert_eq!(failing.class, ErrorClass::Permission);
    // 1 h, 2 h, 4 h: parked by its own class.
    assert_eq!(fleet.asked(0, "a", Collector::Quota).await.len(), 3);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_token_the_whole_account_waits() {
    let fleet = Fleet::of(&[collecting("a")], 4, |ask| match ask.nth {
        0 => (Answer::Counts, Duration::ZERO),
        _ => (Answer::NoToken(40125), Duration::ZERO),
    });
    tokio::time::sleep(Duration::from_secs(24 * 3_600)).await;
    let visits = fleet.after(0).await;
    // From the second visit on: 15 min, 30 min, then an hour each, whatever is due meanwhile.
    assert!((24..=28).contains(&visits.len()), "{}", visits.len());
    let gaps = gaps(&visits);
    assert!(gaps[2..].iter().all(|gap| *gap >= 900.0), "{gaps:?}");
    for collector in Collector::ALL {
        assert!(fleet.asked(0, "a", collector).await.len() >= 20, "all are asked again together");
    }
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn accounts_of_a_parked_platform_stay_on_schedule_and_show_its_class() {
    let fleet = Fleet::start(&["a"], 4, |ask| match ask.nth {
        0..5 => (Answer::Parked, Duration::ZERO),
        _ => (Answer::Counts, Duration::ZERO),
    });
    let visits = fleet.after(60).await;
    assert_eq!(visits.len(), 1);
    let LastPoll::Failed(failing) = fleet.readings("a").last_poll.clone() else { panic!() };
    assert_eq!((failing.class.label(), failing.errcode), ("ip", Some(ErrCode(61004))));
    let visits = fleet.after(3 * 3_600).await;
    assert!(gaps(&visits).iter().skip(1).all(|gap| (gap - 600.0).abs() < 0.1), "{visits:?}");
    assert_eq!(fleet.readings("a").last_poll, LastPoll::Succeeded);
    fleet.end().await;
}

#[tokio::test(start_paused = true)]
async fn accounts_come_change_and_go_while_it_runs() {
    let fleet = Fleet::start(&["a"], 4, |_| (Answer::Counts, Duration::from_secs(2)));
    fleet.after(10).await;
    fleet.changes.send(FleetChange::Set(account("b"))).await.unwrap();
    let visits = fleet.after(1).await;
    assert_eq!((visits.len(), visits[1].0.as_str()), (2, "b"), "a new account is due at once");
    // It goes and returns while its poll runs: nothing is polled twice, nothing is lost.
    let b = AccountName::parse("b").unwrap();
    fleet.changes.send(FleetChange::Gone(b.clone())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(fleet.outlets.store.get(&b).is_none(), "its series are gone at once");
    fleet.changes.send(FleetChange::Set(account("b"))).await.unwrap();
    fleet.after(10).await;
    assert_eq!(fleet.readings("b").polls, 1);
    assert_eq!(fleet.visits.lock().unwrap().len(), 2);
    // New settings keep what is known.
    let mut renamed = Arc::unwrap_or_clone(account("b"));
    renamed.display_name = "B".into();
    fleet.changes.send(FleetChange::Set(Arc::new(renamed))).await.unwrap();
    fleet.after(1).await;
    let readings = fleet.readings("b");
    assert_eq!((&*readings.account.display_name, readings.polls), ("B", 1));
    assert!(readings.last_good.is_some());
    // Gone while idle: no more polls.
    fleet.changes.send(FleetChange::Gone(b.clone())).await.unwrap();
    let visits = fleet.after(7_200).await;
    assert_eq!(visits.iter().filter(|(name, _)| name == "b").count(), 1);
    assert!(fleet.outlets.store.get(&b).is_none());
    fleet.end().await;
}
